"""Steps moved between routines: in place of a call, or before all calls. Knows no packets and no service.

`spliced` does the same as before with every packet; what `hoisted` does has to be looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

from ruleset_lint.rewrite.program import Call, Existing, Perform, Return, Routine, Step, Workshop, all_routines, merge

_SHORT = 2  # steps that are put into a place where conditions stand: longer ones would be asked too often


def spliced(workshop: Workshop, top: Routine) -> Routine:
    """The routine with the steps of others in place of calls: of those called without conditions, and of short ones."""
    order = all_routines([top])
    sites = Counter(step.action.routine for one in order for step in one.steps if isinstance(step.action, Call))
    made: dict[Routine, Routine] = {}
    for routine in order:
        steps: list[Step] = []
        for number, step in enumerate(routine.steps, 1):
            steps += _in_place(step, made, sites, is_last=number == len(routine.steps))
        made[routine] = workshop.routine(routine.hint, steps)
    return made[top]


def _in_place(step: Step, made: dict[Routine, Routine], sites: Counter[Routine], *, is_last: bool) -> Sequence[Step]:
    if not isinstance(step.action, Call):
        return (step,)
    routine = made[step.action.routine]
    kept = replace(step, action=replace(step.action, routine=routine))
    if step.action.goto or (_turns_back(routine) and not is_last):
        return (kept,)
    called = sites[step.action.routine]
    if len(routine.steps) * called > len(routine.steps) + called:
        return (kept,)
    return _merged(step, routine) or (kept,)


def _turns_back(routine: Routine) -> bool:
    """Whether a step but for the end of the routine sends packets back to the caller."""
    return any(
        isinstance(step.action, Return) or (isinstance(step.action, Call | Existing) and step.action.goto)
        for step in routine.steps
    )


def _merged(step: Step, routine: Routine) -> tuple[Step, ...]:
    """The routine's steps with the call's conditions; none if they do not fit together."""
    if step.conditions and (len(routine.steps) > _SHORT or not all(one.pure for one in step.conditions)):
        return ()
    found = tuple(_with_conditions(step, routine))
    return found if len(found) == len(routine.steps) else ()


def _with_conditions(call: Step, routine: Routine) -> Iterator[Step]:
    for step in routine.steps:
        conditions = merge(call.conditions, step.conditions)
        if conditions is not None:
            yield Step(conditions, step.action, step.origin or call.origin)


def hoisted(workshop: Workshop, top: Routine) -> Routine | None:
    """The routine with the steps before its calls that all routines begin with that it calls; None if there are none.

    Packets that are not called for meet these steps too, so it may do something else than before.
    """
    calls = [step.action.routine for step in top.steps if isinstance(step.action, Call)]
    if not calls:
        return None
    first = next(number for number, step in enumerate(top.steps) if isinstance(step.action, Call))
    common = list(takewhile(_can_move, calls[0].steps))
    for routine in calls:
        alike = takewhile(lambda pair: pair[0] == pair[1], zip(common, routine.steps, strict=False))
        common = [step for step, _ in alike]
    return workshop.routine(top.hint, (*top.steps[:first], *common, *top.steps[first:])) if common else None


def _can_move(step: Step) -> bool:
    """Whether a step decides some of the packets, and changes nothing by asking."""
    return bool(step.conditions) and all(one.pure for one in step.conditions) and isinstance(step.action, Perform)
