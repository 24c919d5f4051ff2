"""The goal `notrack`: tracking stays, the services named leave it. Knows rulesets, not the files of a host.

The rules that are there stay as they are. The service's packets leave each built-in chain at its top and are decided in
copies in which every state test has been answered in advance, so the rewrite is right by construction and one mechanism
serves every role.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter

from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.tracking import untracks
from ruleset_lint.netfilter.services import ADMINISTRATION, Service
from ruleset_lint.packets.endpoints import Endpoint, is_misplaced
from ruleset_lint.packets.formula import NEVER
from ruleset_lint.packets.sketch import Answer, answer
from ruleset_lint.packets.walk import rules_on_way
from ruleset_lint.rewrite.handwritten import among_own, of_clients, without
from ruleset_lint.rewrite.layout import Additions, additions
from ruleset_lint.rewrite.opening import UndecidableError
from ruleset_lint.rewrite.outcome import TELLING
from ruleset_lint.rewrite.printing import label_of, rule_line, table_additions
from ruleset_lint.rewrite.program import ACCEPT, Perform, Step, Workshop, depth, only_action
from ruleset_lint.rewrite.refusals import Refusal, refusals
from ruleset_lint.rewrite.roles import Diversion, diversions, notrack_rules
from ruleset_lint.rewrite.service_packets import (
    DEFAULT_DIALECT,
    Dialect,
    Work,
    in_state,
    opening,
)
from ruleset_lint.rewrite.simplify import simplified
from ruleset_lint.rewrite.specialise import specialise
from ruleset_lint.text import apply_edits

_TRACKED_AGAIN = "this rule is taken out: tracked again are connections that this machine opens to others' port"
DEEPEST = 15  # calls below a built-in chain; nft refuses more (measured: 15 user chains load, 16 do not)


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be untracked, and how the host spells it."""

    services: tuple[Endpoint, ...]
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
    services: tuple[Endpoint, ...]
    diversions: tuple[tuple[Endpoint, Diversion], ...]
    refusals: tuple[Refusal, ...]
    warnings: tuple[Refusal, ...]

    @property
    def changed(self) -> bool:
        """Whether the new text differs."""
        return self.text != self.ruleset.document.text


def untrack(ruleset: Ruleset, request: Request) -> Rewritten:
    """The ruleset with the services untracked; with refusals, the text is the old one."""
    asked = tuple(end for end in request.services if end.family in (None, ruleset.family))
    base = without(ruleset, asked, request.dialect)
    found = [refusal for service in asked for refusal in _reasons(base, ruleset, service, request)]
    found += [
        Refusal("W", end, f"{_TRACKED_AGAIN} {end.service.port}", ruleset, rule, warning=True)
        for end, rule in of_clients(ruleset, asked, request.dialect)
    ]
    absent = {refusal.service for refusal in found if refusal.code == "R0"}
    refused = tuple(refusal for refusal in found if not refusal.warning and refusal.service not in absent)
    warnings = tuple(refusal for refusal in found if refusal.warning and refusal.service not in absent)
    services = tuple(service for service in asked if service not in absent)
    missing = tuple(refusal for refusal in found if refusal.code == "R0")
    nothing = Rewritten(ruleset, base, ruleset.document.text, (), (), refused, (*missing, *warnings))
    if refused or not services:
        return nothing
    return _build(base, ruleset, services, request, replace(nothing, services=services))


def _reasons(base: Ruleset, ruleset: Ruleset, service: Endpoint, request: Request) -> Iterator[Refusal]:
    work = Work(Workshop(), base, service, request.dialect)
    yield from refusals(work, administration=request.administration, even_administration=request.even_administration)
    yield from _untracked_beside(work, ruleset)
    for rule in among_own(ruleset):
        yield Refusal("R9", service, "it is written by hand beside rules of an earlier rewrite", ruleset, rule)


def _untracked_beside(work: Work, ruleset: Ruleset) -> Iterator[Refusal]:
    """Raw rules that untrack more than the service: they cannot be replaced, and would change what is measured by.

    One for another port on the other side meets only clients that send from it; what becomes of those is proven.
    """
    for rule in work.ruleset.where(untracks):
        sketches = [sketch for chain, sketch in work.raw if rule.chain not in {"PREROUTING", "OUTPUT"} - {chain}]
        others = [rule.source_ports if sketch.destination_port else rule.destination_ports for sketch in sketches]
        if any(
            not test and answer(rule, sketch) is not Answer.NO for sketch, test in zip(sketches, others, strict=True)
        ):
            reason = "it is untracked already, by a rule that untracks more than this service"
            yield Refusal("R9", work.endpoint, reason, ruleset, rule)


def _build(
    base: Ruleset, ruleset: Ruleset, services: Sequence[Endpoint], request: Request, nothing: Rewritten
) -> Rewritten:
    done: list[tuple[Endpoint, Diversion]] = []
    tables: dict[str, Additions] = {}
    for service in services:
        work = Work(Workshop(), base, service, request.dialect)
        try:
            missing = is_misplaced(service) if work.behind else NEVER
            made = simplified(work.workshop, base, diversions(work), missing=missing)
        except UndecidableError as error:
            return replace(nothing, services=(), refusals=(Refusal("R6", service, str(error), ruleset, error.rule),))
        late = _udp_reply_refused(work) or _too_deep(work, made)
        if late:
            return replace(nothing, services=(), refusals=(late,))
        done += ((service, diversion) for diversion in made)
        _add(tables, work, made, base)
    text = apply_edits(base.document.text, additions(base, tables))
    return replace(nothing, text=text, diversions=tuple(done))


def _udp_reply_refused(work: Work) -> Refusal | None:
    """For UDP every packet is judged as the first: what is accepted as NEW must be accepted as ESTABLISHED too."""
    if work.service.protocol != "udp" or work.ruleset.chain("filter", work.hook) is None:
        return None
    new, later = (
        specialise(work.workshop, work.ruleset, "filter", work.hook, in_state(opening(work), state))
        for state in ("NEW", "ESTABLISHED")
    )
    if later is new:
        return None
    for rule in rules_on_way(work.ruleset, "filter", work.hook, opening(work)):
        if any(part.entry and part.entry.first_packet for part in rule.shape.matches) and rule.target not in TELLING:
            return Refusal("R4", work.endpoint, "no UDP packet tells whether it is the first one", work.ruleset, rule)
    if only_action(later) == ACCEPT:
        return None
    return Refusal("R4", work.endpoint, "its later packets are not accepted wherever its first ones are", work.ruleset)


def _too_deep(work: Work, made: Sequence[Diversion]) -> Refusal | None:
    if all(depth(diversion.routine) + _existing_depth(work, diversion.table) <= DEEPEST for diversion in made):
        return None
    return Refusal("R6", work.endpoint, f"its chains would nest deeper than {DEEPEST}, which nft refuses", work.ruleset)


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
            before, table_additions(label_of(work.endpoint), own, {*base.tables[table].chains, *before.chains})
        )
    tables["raw"] = _together(tables.pop("raw", Additions()), _raw_additions(work))


def _raw_additions(work: Work) -> Additions:
    top: dict[str, list[str]] = {}
    for (chain, conditions), purpose in zip(notrack_rules(work), ("requests", "replies"), strict=True):
        step = Step(conditions, Perform(work.dialect.notrack, ends=False), purpose)
        line = rule_line(label_of(work.endpoint), chain, step, {})
        top.setdefault(chain, []).append(line)
    return Additions(top=top)


def _together(first: Additions, second: Additions) -> Additions:
    hooks = dict.fromkeys((*first.top, *second.top))
    top = {hook: [*first.top.get(hook, ()), *second.top.get(hook, ())] for hook in hooks}
    return Additions((*first.chains, *second.chains), (*first.rules, *second.rules), top)
