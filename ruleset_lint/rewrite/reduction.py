"""Routines made shorter for the packets that come to them: what decides nothing there is left out. Knows no service.

Each step is looked at with the packets that reach it and with what would become of them without it. Nothing is left out
that logs, counts or asks another program, unless no packet reaches it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ruleset_lint.packets.space import PacketSet
from ruleset_lint.rewrite.outcome import BACK, NEXT, Judge, Outcome, chosen, continued, same
from ruleset_lint.rewrite.program import (
    ACCEPT,
    DROP,
    Call,
    Condition,
    Perform,
    Return,
    Routine,
    Step,
    Workshop,
    all_routines,
)


class Situation(NamedTuple):
    """Where a routine stands: the packets that enter it, and what becomes of those that come back."""

    entering: PacketSet
    after: Outcome


class _Seen(NamedTuple):
    """A step with the packets that reach it, and what becomes of those that it lets go on."""

    step: Step
    here: PacketSet
    rest: Outcome


@dataclass(slots=True)
class _Shortening:
    """A routine while it is shortened."""

    judge: Judge
    situation: Situation
    callees: Sequence[Routine]
    kept: list[Step] = field(default_factory=list)


def size(routine: Routine) -> int:
    """Rules of a routine and of all that it calls."""
    return sum(len(one.steps) for one in all_routines([routine]))


def reduced(judge: Judge, workshop: Workshop, top: Routine, situation: Situation) -> Routine:
    """The routine, and those that it calls, without what makes no difference. Raises UnclearError, NotDecidedError."""
    situations = {top: situation}
    shortened: dict[Routine, list[Step]] = {}
    order = all_routines([top])
    for routine in reversed(order):
        if routine in situations:
            shortened[routine] = _shortened(judge, routine, situations[routine])
            _enter_callees(judge, shortened[routine], situations, situations[routine])
    made: dict[Routine, Routine] = {}
    for routine in filter(shortened.__contains__, order):
        made[routine] = workshop.routine(routine.hint, [_calling(step, made) for step in shortened[routine]])
    return made[top]


def _calling(step: Step, made: dict[Routine, Routine]) -> Step:
    """The step, calling the new routine instead of the old one."""
    if not isinstance(step.action, Call):
        return step
    return replace(step, action=replace(step.action, routine=made[step.action.routine]))


def _enter_callees(
    judge: Judge, steps: Sequence[Step], situations: dict[Routine, Situation], situation: Situation
) -> None:
    """Note with what packets each routine is called here, and how they go on."""
    space = judge.space
    for step, here, rest in _seen(judge, steps, situation):
        if isinstance(step.action, Call):
            entering = space.both(here, judge.holds(step.conditions, step.origin))
            called = Situation(entering, situation.after if step.action.goto else rest)
            before = situations.get(step.action.routine)
            situations[step.action.routine] = _either(judge, before, called) if before else called


def _either(judge: Judge, first: Situation, second: Situation) -> Situation:
    """Called from two places: what comes after can be told if no packet comes from both, or it is the same."""
    space = judge.space
    entering = space.either(first.entering, second.entering)
    twice = space.both(first.entering, second.entering)
    if not same(space, first.after, second.after, twice):
        return Situation(entering, Outcome({BACK: space.all}, {}))
    return Situation(entering, chosen(space, first.entering, first.after, second.after))


def _seen(judge: Judge, steps: Sequence[Step], situation: Situation) -> Iterator[_Seen]:
    """The steps, last first."""
    rest = situation.after
    for step, here in reversed(list(zip(steps, _arriving(judge, steps, situation.entering), strict=True))):
        yield _Seen(step, here, rest)
        rest = _with_rest(judge, step, rest, situation.after)


def _arriving(judge: Judge, steps: Sequence[Step], here: PacketSet) -> Iterator[PacketSet]:
    space = judge.space
    for step in steps:
        yield here
        here = space.both(here, judge.of_step(step).ends.get(NEXT, space.none))


def _with_rest(judge: Judge, step: Step, rest: Outcome, after: Outcome) -> Outcome:
    """What becomes of all packets from a step on."""
    return continued(judge.space, continued(judge.space, judge.of_step(step), NEXT, rest), BACK, after)


def _shortened(judge: Judge, routine: Routine, situation: Situation) -> list[Step]:
    judge.of_routine(routine)
    callees = tuple(dict.fromkeys(step.action.routine for step in routine.steps if isinstance(step.action, Call)))
    work = _Shortening(judge, situation, callees)
    rest = situation.after
    arriving = list(_arriving(judge, routine.steps, situation.entering))
    for step, here in reversed(list(zip(routine.steps, arriving, strict=True))):
        kept = _step(work, _Seen(step, here, rest))
        if kept:
            work.kept.append(kept)
            rest = _with_rest(judge, kept, rest, situation.after)
    return work.kept[::-1]


def _step(work: _Shortening, seen: _Seen) -> Step | None:
    """What is left of a step; None if nothing."""
    step, here, rest = seen
    whole = _with_rest(work.judge, step, rest, work.situation.after)
    if same(work.judge.space, whole, rest, here):
        return None
    if isinstance(step.action, Call):
        step = _simpler_call(work, seen, whole)
    return _with_fewer_conditions(work.judge, step, here)


def _simpler_call(work: _Shortening, seen: _Seen, whole: Outcome) -> Step:
    """A call that does one thing with all packets is that thing; one that does what another routine does calls that."""
    judge, step = work.judge, seen.step
    among = judge.space.both(seen.here, judge.holds(step.conditions, step.origin))
    if same(judge.space, whole, work.situation.after, among):
        return replace(step, action=Return())
    for action in (ACCEPT, DROP):
        if same(judge.space, whole, Outcome({" ".join(action.words): judge.space.all}, {}), among):
            return replace(step, action=action)
    return next((other for other in _other_calls(work, step)
                 if same(judge.space, _with_rest(judge, other, seen.rest, work.situation.after), whole, seen.here)),
                step)  # fmt: skip


def _other_calls(work: _Shortening, step: Step) -> Iterator[Step]:
    """The step calling routines that are shorter than its own, or as short and called before."""
    if isinstance(step.action, Call):
        ranks = {callee: (size(callee), number) for number, callee in enumerate(work.callees)}
        for callee in sorted(ranks, key=lambda callee: ranks[callee]):
            if ranks[callee] < ranks[step.action.routine]:
                yield replace(step, action=replace(step.action, routine=callee))


def _with_fewer_conditions(judge: Judge, step: Step, here: PacketSet) -> Step:
    """The step without conditions that all packets meet that come to it and meet the others."""
    matched = judge.space.both(here, judge.holds(step.conditions, step.origin))
    for condition in sorted(step.conditions, key=lambda condition: condition.subject == "-p"):
        fewer = tuple(other for other in step.conditions if other is not condition)
        needed = not condition.pure or (condition.subject == "-p" and _names_protocol(step, fewer))
        if not needed and judge.space.both(here, judge.holds(fewer, step.origin)) == matched:
            step = replace(step, conditions=fewer)
    return step


def _names_protocol(step: Step, others: Sequence[Condition]) -> bool:
    """Whether the rule has to name its protocol: for a match, or for a target that might want it."""
    wanting = isinstance(step.action, Perform) and step.action not in (ACCEPT, DROP)
    return wanting or any(condition.protocol for condition in others)
