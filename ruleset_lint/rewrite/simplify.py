"""Diversions with as few rules as do the same, proven so with sets of packets. Knows no file.

    simplified(workshop, ruleset, diversions, *, nodes=…, missing=…) -> tuple[Diversion, ...]

What a diversion does not decide, the rules that were there before decide as they decide any untracked packet: so what
they would say anyway is left out. Where sets of packets do not tell (a rule that changes packets, too many nodes), a
diversion stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets.arrivals import entry
from ruleset_lint.packets.bounds import NotDecidedError
from ruleset_lint.packets.formula import NEVER, Formula
from ruleset_lint.packets.space import PacketSet, Space
from ruleset_lint.packets.summary import interface_patterns
from ruleset_lint.rewrite.outcome import BACK, Judge, UnclearError, continued, same
from ruleset_lint.rewrite.program import Routine, Workshop, all_routines
from ruleset_lint.rewrite.reduction import Situation, reduced
from ruleset_lint.rewrite.roles import Diversion
from ruleset_lint.rewrite.splicing import hoisted, spliced

_NODES = 400_000  # a bound that is the same on every machine, so that what is written is too
_ROUNDS = 8


def simplified(
    workshop: Workshop,
    ruleset: Ruleset,
    diversions: Iterable[Diversion],
    *,
    nodes: int = _NODES,
    missing: Formula = NEVER,
) -> tuple[Diversion, ...]:
    """The diversions that are needed, made short; `missing` are packets that there are none of."""
    found = tuple(diversions)
    space = Space(ruleset.family, (*interface_patterns(ruleset), "lo"), nodes=nodes)
    judges = {name: Judge(space, ruleset.tables[name]) for name in dict.fromkeys(one.table for one in found)}
    return tuple(_each(workshop, judges, found, space.contrary(space.of(missing))))


def _each(
    workshop: Workshop, judges: dict[str, Judge], diversions: Iterable[Diversion], among: PacketSet
) -> Iterator[Diversion]:
    """Those that are needed; `among` are the packets that there are."""
    for diversion in diversions:
        try:
            shorter = _shorter(judges[diversion.table], workshop, diversion, among)
        except (UnclearError, NotDecidedError):
            shorter = diversion
        if shorter:
            yield shorter


def _shorter(judge: Judge, workshop: Workshop, diversion: Diversion, among: PacketSet) -> Diversion | None:
    """The diversion with a shorter routine, None if none is needed."""
    situation = _situation(judge, diversion, among)
    best = diversion.routine
    for _ in range(_ROUNDS):
        shorter = min(_candidates(judge, workshop, best, situation), key=_cost)
        if _cost(shorter) >= _cost(best):
            break
        best = shorter
    if not _do_the_same(judge, diversion.routine, best, situation):
        return diversion
    return replace(diversion, routine=best) if best.steps else None


def _candidates(judge: Judge, workshop: Workshop, routine: Routine, situation: Situation) -> Iterator[Routine]:
    """Routines that do the same with the diverted packets."""
    found = reduced(judge, workshop, routine, situation)
    yield spliced(workshop, found)
    other = hoisted(workshop, found)
    if other and _do_the_same(judge, routine, other, situation):
        yield spliced(workshop, reduced(judge, workshop, other, situation))


def _cost(routine: Routine) -> tuple[int, int]:
    """Rules, and conditions in them."""
    steps = [step for one in all_routines([routine]) for step in one.steps]
    return len(steps), sum(len(step.conditions) for step in steps)


def _situation(judge: Judge, diversion: Diversion, among: PacketSet) -> Situation:
    """The diverted packets, and what would become of them without the diversion."""
    space = judge.space
    entering = space.both(entry(space, diversion.table, diversion.hook), judge.holds(diversion.conditions))
    return Situation(space.both(entering, among), judge.of_routine(diversion.otherwise))


def _do_the_same(judge: Judge, first: Routine, second: Routine, situation: Situation) -> bool:
    """Whether two routines do the same with all diverted packets, whatever was done to make one of the other."""
    before, after = (continued(judge.space, judge.of_routine(one), BACK, situation.after) for one in (first, second))
    return same(judge.space, before, after, situation.entering)
