"""What the rules about safety have in common: who asks from outside, and what the filter says to him."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache

from ruleset_lint.lint import Edit, Place, Span, at_line, at_rule
from ruleset_lint.model.depth import too_deep
from ruleset_lint.model.loadability import breaks
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset, Table
from ruleset_lint.model.shape import Shape
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.packets.answers import Answers
from ruleset_lint.packets.roles import TCP, UDP
from ruleset_lint.packets.sketch import Answer, Sketch
from ruleset_lint.packets.untracked import fate
from ruleset_lint.packets.walk import Decision, Outcome, walk

PROTOCOLS = {"tcp": TCP, "udp": UDP}
PASSES = (Verdict.ACCEPT, Verdict.TRANSLATE, Verdict.ELSEWHERE)
SYN, NOT_SYN = frozenset({"SYN"}), frozenset({"ACK", "RST", "FIN"})
UNNAMED_PORT = 40001  # nothing that a ruleset opens or closes by name
MOST_PLACES = 8
_SOON = 64  # rules

# sources that a packet with any address may have: networks of an eighth of all addresses and more
ANYBODY = r"/(?:[0-7]|(?:0|128|192|224|240|248|252|254)\.0\.0\.0)$"
LOOPBACK = rf"^(?:127\.|::1(?:/|$)|localhost)|{ANYBODY}"

# what services load at boot: Red Hat, Debian, ifupdown recipes, Arch, Alpine, Gentoo
_PERSISTENT = re.compile(
    r"(?:^|/)(?:etc/sysconfig/ip6?tables|(?:etc/iptables/)?rules\.v[46]|etc/iptables/(?:ip6?tables\.rules|rules6?-save)"
    r"|etc/ip6?tables(?:\.up)?\.rules|var/lib/ip6?tables/rules-save)$"
)


def is_loaded_at_boot(ruleset: Ruleset) -> bool:
    """Whether a service loads the file, by its path."""
    return not ruleset.fragment and _PERSISTENT.search(ruleset.document.path) is not None


@lru_cache(maxsize=8)
def loads(ruleset: Ruleset) -> bool:
    """Whether the ruleset is whole and restore would load it: what a file would do that is refused is not asked."""
    return not ruleset.fragment and next(breaks(ruleset), None) is None


def filters(ruleset: Ruleset, hook: str) -> bool:
    """Whether the ruleset is whole, and says something of a chain of the filter table that can be walked in no time."""
    table = ruleset.tables.get("filter")
    return not ruleset.fragment and table is not None and hook in table.chains and not _is_too_deep(table)


@lru_cache(maxsize=4)
def _is_too_deep(table: Table) -> bool:
    """Whether its chains call each other deeper than nft loads."""
    return bool(too_deep(table))


def opening(family: int, protocol: int, port: int | None, **more: str) -> Sketch:
    """A packet from outside that opens a connection to a port, from a port that nobody names."""
    is_tcp = protocol == TCP
    return Sketch(
        family=family,
        protocol=protocol,
        source_port=(UNNAMED_PORT, UNNAMED_PORT),
        destination_port=None if port is None else (port, port),
        flags_set=SYN if is_tcp else frozenset(),
        flags_clear=NOT_SYN if is_tcp else frozenset(),
        not_in=more.get("not_in", "lo"),
        state="NEW",
    )


def in_states(ruleset: Ruleset, hook: str, sketch: Sketch) -> Iterator[Sketch]:
    """The sketch as it arrives in the filter: in its state, or UNTRACKED, or either where raw cannot be told."""
    untracked = fate(ruleset, "OUTPUT" if hook == "OUTPUT" else "PREROUTING", sketch).untracked
    if untracked is not Answer.YES:
        yield sketch
    if untracked is not Answer.NO:
        yield sketch._replace(state="UNTRACKED")


def may_pass(ruleset: Ruleset, hook: str, sketch: Sketch, sources: str = "") -> bool:
    """Whether the filter may let some of the packets pass at a hook."""
    return any(
        passes_soon(ruleset, hook, made, sources) or outcome(ruleset, hook, made, sources=sources).may(*PASSES)
        for made in in_states(ruleset, hook, sketch)
    )


def passes_soon(ruleset: Ruleset, hook: str, sketch: Sketch, sources: str, unsure: Collection[str] = ()) -> bool:
    """Whether an accept of the chain itself may take some packets before all of them meet anything else that decides.

    Most often that is so after a few rules, and then nobody need walk the others: it looks no further. A rule with one
    of the matches `unsure` ends the look.
    """
    chain, answers = ruleset.chain("filter", hook), Answers(sketch)
    for made in chain.rules[:_SOON] if chain else ():
        if (sources and _is_for_others(ruleset, made.shape, sources)) or (matched := answers.of(made)) is Answer.NO:
            continue
        if unsure and made.shape.match(*unsure):
            return False
        if made.verdict in PASSES:
            return True
        if matched is Answer.YES and (made.jump is not None or made.verdict is not Verdict.CONTINUE):
            return False
    return bool(chain and chain.policy != "DROP" and len(chain.rules) <= _SOON)


def accepts_data(ruleset: Ruleset, hook: str) -> bool:
    """Whether the filter may accept packets of TCP connections with anybody outside."""
    outgoing = hook == "OUTPUT"
    data = Sketch(
        family=ruleset.family,
        protocol=TCP,
        flags_set=frozenset({"ACK"}),
        flags_clear=frozenset({"SYN", "RST", "FIN"}),
        not_in=None if outgoing else "lo",
        not_out="lo" if outgoing else None,
        state="ESTABLISHED",
    )
    return may_pass(ruleset, hook, data, ANYBODY)


def must_pass(ruleset: Ruleset, hook: str, sketch: Sketch, sources: str = "") -> bool:
    """Whether the filter lets all of the packets pass at a hook."""
    return all(outcome(ruleset, hook, made, sources=sources).must(*PASSES) for made in in_states(ruleset, hook, sketch))


@lru_cache(maxsize=32)
def outcome(ruleset: Ruleset, hook: str, sketch: Sketch, *, table: str = "filter", sources: str = "") -> Outcome:
    """What a built-in chain may do with the packets of a sketch.

    With `sources`, rules that name no source that this expression finds are for others. Rules that cannot match are
    left out before the chains are walked, which leaves few of very many.
    """
    return walk(narrowed(ruleset, table, hook, sketch, sources), table, hook, sketch)


def narrowed(ruleset: Ruleset, name: str, hook: str, sketch: Sketch, sources: str) -> Ruleset:
    """The ruleset with only those rules of a table below a hook that may match a sketch's packets, others' left out."""
    table = ruleset.tables.get(name)
    if table is None:
        return ruleset
    answers, below = Answers(sketch), {(name, chain) for chain in table.reached_from(hook)}
    shapes = [shape for shape, places in ruleset.places.items() if not below.isdisjoint(places)]
    asked = [shape for shape in shapes if not (sources and _is_for_others(ruleset, shape, sources))]
    kept = {made.number: made.chain for shape in asked for made in answers.may_match(ruleset, shape)}
    wanted = {*kept.values()}  # of the chains, to leave alone those that have nothing left
    chains = {
        chain.name: chain._replace(
            rules=tuple([made for made in chain.rules if made.number in kept]) if chain.name in wanted else ()
        )
        for chain in table.chains.values()
    }
    return replace(ruleset, tables={**ruleset.tables, name: Table(name, table.line, chains)})


@lru_cache(maxsize=1024)
def _is_for_others(ruleset: Ruleset, shape: Shape, sources: str) -> bool:
    """Whether all rules of a shape name sources, and none that the expression finds."""
    use = shape.parameter("-s")
    if use is None or use.negated or not use.operands:
        return False
    return re.search(sources, ruleset.texts(shape, use.operands[0]).replace(",", "\n"), re.MULTILINE) is None


def refusal(found: Iterable[Decision]) -> Decision:
    """The decision that refuses, the policy last; a policy that drops if there is none."""
    refusals = [one for one in found if one.verdict not in PASSES]
    return next((one for one in refusals if one.rule), Decision(Verdict.DROP, None))


def decided(ruleset: Ruleset, hook: str, decision: Decision, note: str) -> Place:
    """The place of a decision: the rule, else the line of the policy, else the first rule of the chain."""
    chain = ruleset.chain("filter", hook)
    if decision.rule:
        return at_rule(ruleset, decision.rule, note)
    commands = (made for made in reversed(ruleset.commands) if _sets_policy(made, hook))
    if command := next(commands, None):
        return at_rule(ruleset, command, note)
    if chain and chain.line:
        return at_line(ruleset.document, chain.line, note)
    first = next(iter(chain.rules if chain else ruleset.live_rules))
    return at_rule(ruleset, first, note)


def _sets_policy(made: Rule, hook: str) -> bool:
    use = made.shape.command
    return bool(use and use.option.name == "-P" and made.table == "filter" and made.text(use.operands[0]) == hook)


def places(ruleset: Ruleset, rules: Iterable[Rule], note: str) -> tuple[Place, ...]:
    """The places of the first of some rules."""
    return tuple(at_rule(ruleset, made, note) for made in tuple(rules)[:MOST_PLACES])


def put_first(ruleset: Ruleset, hook: str, *lines: str) -> tuple[Edit, ...]:
    """Lines before the first rule of a chain of the filter table; before COMMIT if it has none."""
    chain = ruleset.chain("filter", hook)
    commits = (block.commit for block in ruleset.blocks if block.table == "filter" and block.commit)
    first = min((made.line for made in chain.rules), key=lambda line: line.number) if chain and chain.rules else None
    line = first or next(commits, None)
    text = "".join(f"{one}\n" for one in lines)
    return (Edit(Span(line.span.start, line.span.start), text),) if line else ()
