"""The goal `notrack`: tracking stays, the services named leave it. Knows rulesets, not the files of a host.

The rules that are there stay as they are. The service's packets leave each built-in chain at its top and are decided in
copies in which every state test has been answered in advance, so the rewrite is right by construction and one mechanism
serves every role.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter

from ruleset_lint.model.loading import load
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.tracking import untracks
from ruleset_lint.netfilter.services import ADMINISTRATION, Service
from ruleset_lint.netfilter.values import PROTOCOLS
from ruleset_lint.packets.sketch import Answer, answer
from ruleset_lint.rewrite.layout import Additions, additions, removals
from ruleset_lint.rewrite.opening import UndecidableError
from ruleset_lint.rewrite.printing import action_words, called_routines, chain_lines, chain_names, rule_line
from ruleset_lint.rewrite.program import ACCEPT, Call, Return, Step, Workshop, depth, merge, only_action
from ruleset_lint.rewrite.refusals import Refusal, refusals
from ruleset_lint.rewrite.roles import Diversion, diversions, notrack_rules
from ruleset_lint.rewrite.service_packets import DEFAULT_DIALECT, Dialect, Work, incoming, opening, outgoing
from ruleset_lint.rewrite.simplify import simplified
from ruleset_lint.rewrite.specialise import specialise
from ruleset_lint.syntax.iptables_save import parse
from ruleset_lint.text import apply_edits

FEWEST = 2  # rules that stand at the top of a built-in chain themselves; more are behind a jump, asked once
DEEPEST = 15  # calls below a built-in chain; nft refuses more (measured: 15 user chains load, 16 do not)


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be untracked, and how the host spells it."""

    services: tuple[Service, ...]
    dialect: Dialect = DEFAULT_DIALECT
    administration: Service = ADMINISTRATION
    even_administration: bool = False


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A ruleset's new text, unless something is in the way; what was done, and what to know of it.

    `base` is the ruleset without what an earlier rewrite made of these services: what the new one has to do as well.
    """

    ruleset: Ruleset
    base: Ruleset
    text: str
    services: tuple[Service, ...]
    diversions: tuple[tuple[Service, Diversion], ...]
    refusals: tuple[Refusal, ...]
    warnings: tuple[Refusal, ...]

    @property
    def changed(self) -> bool:
        """Whether the new text differs."""
        return self.text != self.ruleset.document.text


def untrack(ruleset: Ruleset, request: Request) -> Rewritten:
    """The ruleset with the services untracked; with refusals, the text is the old one."""
    base = _base(ruleset, request.services)
    found = [refusal for service in request.services for refusal in _reasons(base, ruleset, service, request)]
    absent = {refusal.service for refusal in found if refusal.code == "R0"}
    refused = tuple(refusal for refusal in found if not refusal.warning and refusal.service not in absent)
    warnings = tuple(refusal for refusal in found if refusal.warning and refusal.service not in absent)
    services = tuple(service for service in request.services if service not in absent)
    missing = tuple(refusal for refusal in found if refusal.code == "R0")
    nothing = Rewritten(ruleset, base, ruleset.document.text, (), (), refused, (*missing, *warnings))
    if refused or not services:
        return nothing
    return _build(base, ruleset, services, request, replace(nothing, services=services))


def _reasons(base: Ruleset, ruleset: Ruleset, service: Service, request: Request) -> Iterator[Refusal]:
    work = Work(Workshop(), base, service, request.dialect)
    yield from refusals(work, administration=request.administration, even_administration=request.even_administration)
    yield from _untracked_beside(work, ruleset)


def _untracked_beside(work: Work, ruleset: Ruleset) -> Iterator[Refusal]:
    """Raw rules that untrack more than the service: they cannot be replaced, and would change what is measured by."""
    for rule in work.ruleset.where(untracks):
        sketch = incoming(work) if rule.chain != "OUTPUT" else outgoing(work)
        if answer(rule, sketch) is not Answer.NO:
            reason = "it is untracked already, by a rule that untracks more than this service"
            yield Refusal("R9", work.service, reason, ruleset, rule)


def _build(
    base: Ruleset, ruleset: Ruleset, services: Sequence[Service], request: Request, nothing: Rewritten
) -> Rewritten:
    done: list[tuple[Service, Diversion]] = []
    tables: dict[str, Additions] = {}
    for service in services:
        work = Work(Workshop(), base, service, request.dialect)
        try:
            made = simplified(work, diversions(work))
        except UndecidableError as error:
            return replace(nothing, services=(), refusals=(Refusal("R6", service, str(error), ruleset, error.rule),))
        late = _udp_reply_refused(work) or _too_deep(work, made)
        if late:
            return replace(nothing, services=(), refusals=(late,))
        done += ((service, diversion) for diversion in made)
        _add(tables, work, made, base)
    text = apply_edits(base.document.text, additions(base, tables))
    return replace(nothing, text=text, diversions=tuple(done))


def _base(ruleset: Ruleset, services: Sequence[Service]) -> Ruleset:
    """The ruleset without what an earlier rewrite made, and without raw rules for just these services."""
    unwanted = [rule for rule in ruleset.where(untracks) if _untracks_only(rule, services)]
    edits = removals(ruleset, unwanted)
    if not edits:
        return ruleset
    text = apply_edits(ruleset.document.text, edits)
    return load(parse(ruleset.document.path, text), ruleset.family, fragment=ruleset.fragment)


def _untracks_only(rule: Rule, services: Sequence[Service]) -> bool:
    """Whether a raw rule untracks nothing but services, requests or replies."""
    protocol = rule.protocol
    tests = [test for test in (rule.source_ports, rule.destination_ports) if test]
    if protocol is None or protocol.negated or len(tests) != 1 or tests[0].negated:
        return False
    ports = {service.port for service in services if PROTOCOLS[service.protocol] == protocol.value}
    return all(low == high and low in ports for low, high in tests[0].value)


def _udp_reply_refused(work: Work) -> Refusal | None:
    """For UDP every packet is judged as the first: what is accepted as NEW must be accepted as ESTABLISHED too."""
    if work.service.protocol != "udp" or work.ruleset.chain("filter", "INPUT") is None:
        return None
    new = specialise(work.workshop, work.ruleset, "filter", "INPUT", opening(work))
    later = specialise(work.workshop, work.ruleset, "filter", "INPUT", replace(opening(work), state="ESTABLISHED"))
    if later is new or only_action(later) == ACCEPT:
        return None
    return Refusal("R4", work.service, "its later packets are not accepted wherever its first ones are", work.ruleset)


def _too_deep(work: Work, made: Sequence[Diversion]) -> Refusal | None:
    if all(depth(diversion.routine) + _existing_depth(work, diversion.table) <= DEEPEST for diversion in made):
        return None
    return Refusal("R6", work.service, f"its chains would nest deeper than {DEEPEST}, which nft refuses", work.ruleset)


def _existing_depth(work: Work, table: str) -> int:
    """An upper bound of how deep chains that stay as they are may nest."""
    found = work.ruleset.tables[table]
    deep: dict[str, int] = {}
    for name in TopologicalSorter(found.callees).static_order():
        deep[name] = 1 + max((deep.get(callee, 0) for callee in found.callees[name]), default=-1)
    return max(deep.values(), default=0)


def _add(tables: dict[str, Additions], work: Work, made: Sequence[Diversion], base: Ruleset) -> None:
    for table in dict.fromkeys(diversion.table for diversion in made):
        own = [diversion for diversion in made if diversion.table == table]
        before = tables.get(table, Additions())
        tables[table] = _together(
            before, _table_additions(work, own, set(base.tables[table].chains) | set(before.chains))
        )
    tables["raw"] = _together(tables.pop("raw", Additions()), _raw_additions(work))


def _table_additions(work: Work, made: Sequence[Diversion], taken: set[str]) -> Additions:
    starts = [(diversion, _at_top(diversion)) for diversion in made]
    actions = [step.action for _, steps in starts for step in steps]
    needed = called_routines([action.routine for action in actions if isinstance(action, Call)])
    names = chain_names(work.service, needed, taken)
    top: dict[str, list[str]] = {}
    for diversion, steps in starts:
        for step in steps:
            words = action_words(step.action, names)
            line = rule_line(work.service, diversion.hook, step.conditions, words, step.origin)
            top.setdefault(diversion.hook, []).append(line)
    return Additions(tuple(names.values()), chain_lines(work.service, needed, names), top)


def _at_top(diversion: Diversion) -> tuple[Step, ...]:
    """The rules at the top of the built-in chain: a jump, or a short routine itself."""
    call = Step(diversion.conditions, Call(diversion.routine), diversion.purpose)
    steps = diversion.routine.steps
    merged = [merge(diversion.conditions, step.conditions) for step in steps]
    if len(steps) > FEWEST or any(isinstance(step.action, Return) for step in steps):
        return (call,)
    found = tuple(
        Step(conditions, step.action, step.origin if step.conditions else diversion.purpose)
        for step, conditions in zip(steps, merged, strict=True)
        if conditions is not None
    )
    return found if len(found) == len(steps) else (call,)


def _raw_additions(work: Work) -> Additions:
    top = {
        chain: [rule_line(work.service, chain, conditions, work.dialect.notrack, purpose)]
        for (chain, conditions), purpose in zip(notrack_rules(work), ("requests", "replies"), strict=True)
    }
    return Additions(top=top)


def _together(first: Additions, second: Additions) -> Additions:
    hooks = dict.fromkeys((*first.top, *second.top))
    top = {hook: [*first.top.get(hook, ()), *second.top.get(hook, ())] for hook in hooks}
    return Additions((*first.chains, *second.chains), (*first.rules, *second.rules), top)
