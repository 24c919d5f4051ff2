"""Raw rules that untrack a service already: what they do for it is replaced, what they do for others stays.

    without(ruleset, ends, dialect) -> Ruleset     the ruleset that a rewrite has to be equal to

Nothing is left of an earlier rewrite in it. A rule that names the ports of the services alone is taken out; if it
untracks what is forwarded too, it is narrowed to that. Knows no other table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ruleset_lint.model.loading import load
from ruleset_lint.model.made import is_own_chain, is_own_rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.tracking import untracks
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.netfilter.network_values import Network
from ruleset_lint.packets.endpoints import Endpoint
from ruleset_lint.packets.sketch import Answer, Sketch, answer
from ruleset_lint.packets.walk import walk
from ruleset_lint.rewrite.layout import removals
from ruleset_lint.rewrite.program import Workshop
from ruleset_lint.rewrite.service_packets import Dialect, Work, incoming
from ruleset_lint.syntax.iptables_save import parse
from ruleset_lint.text import Edit, Span, apply_edits

_HEAD = re.compile(r"\s*(?:\[[0-9]+:[0-9]+\]\s*)?(?:-A|--append)\s+\S+")
_NOT_HERE = "-m addrtype ! --dst-type LOCAL"


def without(ruleset: Ruleset, ends: Sequence[Endpoint], dialect: Dialect) -> Ruleset:
    """The ruleset without what an earlier rewrite made, and without what raw rules do for just these services."""
    gone: list[Rule] = []
    edits: list[Edit] = []
    for rule in _written(ruleset):
        words = _left(ruleset, rule, ends, dialect)
        if words is not None and not words:
            gone.append(rule)
        elif words:
            edits += _narrowed(ruleset, rule, words)
    edits += removals(ruleset, gone)
    if not edits:
        return ruleset
    text = apply_edits(ruleset.document.text, edits)
    return load(parse(ruleset.document.path, text), ruleset.family, fragment=ruleset.fragment)


def _written(ruleset: Ruleset) -> Iterator[Rule]:
    return (rule for rule in ruleset.where(untracks) if not is_own_rule(rule))


def among_own(ruleset: Ruleset) -> Iterator[Rule]:
    """Rules that stand in chains of an earlier rewrite, or jump there, and are none of its own: they would be lost."""
    filled = {(rule.table, rule.chain) for rule in ruleset.rules if is_own_chain(rule.chain) and is_own_rule(rule)}
    if filled:
        others = (rule for rule in ruleset.rules if not is_own_rule(rule))
        yield from (rule for rule in others if {(rule.table, rule.chain), (rule.table, rule.jump)} & filled)


def of_clients(ruleset: Ruleset, ends: Sequence[Endpoint], dialect: Dialect) -> Iterator[tuple[Endpoint, Rule]]:
    """Rules that are taken out and untracked what the machine asks of the same port elsewhere."""
    for rule in _written(ruleset):
        away = rule.chain == "OUTPUT" if rule.destination_ports else rule.chain == "PREROUTING"
        own = [end for end in ends if end.address is None and _names(ruleset, rule, end, dialect)]
        if away and own and _left(ruleset, rule, ends, dialect) == ():
            yield own[0], rule


def _left(ruleset: Ruleset, rule: Rule, ends: Sequence[Endpoint], dialect: Dialect) -> tuple[str, ...] | None:
    """What narrows a rule to packets of no service: nothing if it has no others, None if it stays as it is."""
    named = [end for end in ends if _names(ruleset, rule, end, dialect)]
    if not named or not _names_no_other(rule, ends):
        return None
    if any(end.address for end in named):
        address = rule.destination if rule.destination_ports else rule.source
        exact = address and not address.negated and _is_one(ruleset, address.value)
        return () if exact and all(end.address for end in named) else None
    return (_NOT_HERE,) if dialect.has_addrtype and _is_forwarded(ruleset, rule) else ()


def _names(ruleset: Ruleset, rule: Rule, end: Endpoint, dialect: Dialect) -> bool:
    """Whether a rule names the service's port, and may untrack packets of it."""
    protocol, test = rule.protocol, rule.destination_ports or rule.source_ports
    if protocol is None or test is None or protocol.negated or protocol.value != end.protocol:
        return False
    if not any(low <= end.service.port <= high for low, high in test.value):
        return False
    work = Work(Workshop(), ruleset, end, dialect)
    if end.address:
        return any(answer(rule, sketch) is not Answer.NO for chain, sketch in work.raw if chain == rule.chain)
    return not rule.destination_ports or rule.chain == "OUTPUT" or answer(rule, incoming(work)) is not Answer.NO


def _names_no_other(rule: Rule, ends: Sequence[Endpoint]) -> bool:
    """Whether it asks for single ports, all of them of services, and for those of one side only."""
    protocol = rule.protocol
    tests = [test for test in (rule.source_ports, rule.destination_ports) if test]
    if protocol is None or len(tests) != 1 or tests[0].negated:
        return False
    ports = {end.service.port for end in ends if end.protocol == protocol.value}
    return all(low == high and low in ports for low, high in tests[0].value)


def _is_one(ruleset: Ruleset, networks: Sequence[Network]) -> bool:
    """Whether they are a single address."""
    full = (1 << (32 if ruleset.family == 4 else 128)) - 1
    return len(networks) == 1 and networks[0].mask == full


def _is_forwarded(ruleset: Ruleset, rule: Rule) -> bool:
    """Whether FORWARD may let packets pass that a rule for requests untracks."""
    ports = rule.destination_ports
    if ports is None or rule.chain == "OUTPUT" or rule.protocol is None:
        return False
    return any(
        walk(ruleset, "filter", "FORWARD", Sketch(
            family=ruleset.family, protocol=rule.protocol.value, destination_port=span, destination_is_local=False,
        )).may(Verdict.ACCEPT, Verdict.ELSEWHERE)
        for span in ports.value
    )  # fmt: skip


def _narrowed(ruleset: Ruleset, rule: Rule, words: Sequence[str]) -> Iterator[Edit]:
    head = _HEAD.match(ruleset.document.source(rule.line.span))
    if head:
        place = rule.line.span.start + head.end()
        yield Edit(Span(place, place), f" {' '.join(words)}")
