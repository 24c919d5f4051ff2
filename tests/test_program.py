"""Routines: simplified when made, equal ones made once."""

from __future__ import annotations

import pytest

from ruleset_lint.rewrite.program import (
    ACCEPT,
    DROP,
    NOTHING,
    Call,
    Condition,
    Existing,
    Perform,
    Return,
    Routine,
    Step,
    Workshop,
    all_routines,
    depth,
    merge,
    only_action,
)

FROM_A = Condition(("-s", "192.0.2.1"), "-s")
FROM_B = Condition(("-s", "192.0.2.2"), "-s")
TO_C = Condition(("-d", "192.0.2.3"), "-d")
LIMITED = Condition(("-m", "limit", "--limit", "5/sec"), "-m limit", pure=False)
LOG = Perform(("-j", "LOG"), ends=False)


def drop(*conditions: Condition) -> Step:
    return Step(conditions, DROP)


def accept(*conditions: Condition) -> Step:
    return Step(conditions, ACCEPT)


@pytest.mark.parametrize(
    ("steps", "kept"),
    [
        pytest.param([accept(), drop(FROM_A)], [accept()], id="nothing follows what ends"),
        pytest.param([Step((), LOG), drop()], [Step((), LOG), drop()], id="LOG does not end"),
        pytest.param([drop(FROM_A), drop()], [drop()], id="a special case of what follows"),
        pytest.param([drop(LIMITED), drop()], [drop(LIMITED), drop()], id="a special case that counts stays"),
        pytest.param([accept(FROM_A), Step((), Return())], [accept(FROM_A)], id="returning at the end"),
        pytest.param(
            [Step((FROM_A,), Return()), drop()], [Step((FROM_A,), Return()), drop()], id="returning early stays"
        ),
    ],
)
def test_steps_are_simplified(steps: list[Step], kept: list[Step]) -> None:
    assert list(Workshop().routine("x", steps).steps) == kept


@pytest.mark.parametrize(
    ("conditions", "goto", "kept"),
    [
        pytest.param((FROM_A,), False, (), id="is nothing"),
        pytest.param((LIMITED,), False, (Step((LIMITED,), NOTHING),), id="counts as before"),
        pytest.param((FROM_A,), True, (Step((FROM_A,), Return()),), id="without coming back"),
    ],
)
def test_a_call_of_an_empty_routine(conditions: tuple[Condition, ...], goto: bool, kept: tuple[Step, ...]) -> None:
    workshop = Workshop()
    call = Step(conditions, Call(workshop.routine("empty", []), goto))
    assert workshop.routine("x", [call, drop()]).steps == (*kept, drop())


def test_a_routine_of_one_step_is_put_where_it_is_called() -> None:
    workshop = Workshop()
    called = workshop.routine("called", [accept(TO_C)])
    routine = workshop.routine("x", [Step((FROM_A,), Call(called)), drop()])
    assert routine.steps == (accept(FROM_A, TO_C), drop())


def test_a_call_stays_where_its_conditions_do_not_fit_into_one_rule() -> None:
    workshop = Workshop()
    called = workshop.routine("called", [accept(FROM_B)])
    assert workshop.routine("x", [Step((FROM_A,), Call(called)), drop()]).steps[0].action == Call(called)


def test_a_call_of_nothing_is_left_out() -> None:
    workshop = Workshop()
    assert workshop.routine("x", [Step((FROM_A,), Call(workshop.routine("none", []))), drop()]).steps == (drop(),)


def test_a_routine_that_only_calls_is_the_one_it_calls() -> None:
    workshop = Workshop()
    called = workshop.routine("called", [accept(FROM_A), drop()])
    assert workshop.routine("x", [Step((), Call(called))]) is called


def test_equal_steps_make_one_routine_whatever_their_origin() -> None:
    workshop = Workshop()
    first = workshop.routine("x", [Step((FROM_A,), ACCEPT, "here"), drop()])
    assert workshop.routine("y", [Step((FROM_A,), ACCEPT, "there"), drop()]) is first


@pytest.mark.parametrize(
    ("steps", "closed"),
    [
        pytest.param([accept(FROM_A), drop()], True, id="ends for all"),
        pytest.param([accept(FROM_A)], False, id="ends for some"),
        pytest.param([Step((FROM_A,), Return()), drop()], False, id="some return"),
        pytest.param([Step((), Existing("chain", closed=False))], False, id="jump to a chain that some leave"),
        pytest.param([Step((), Existing("chain", closed=True))], True, id="jump to a chain that none leave"),
        pytest.param([Step((), Existing("chain", closed=False, goto=True))], False, id="goto a chain that some leave"),
    ],
)
def test_a_routine_is_closed_if_no_packet_leaves_it(steps: list[Step], closed: bool) -> None:
    assert Workshop().routine("x", steps).closed is closed


@pytest.mark.parametrize(
    ("first", "second", "merged"),
    [
        pytest.param((FROM_A,), (TO_C,), (FROM_A, TO_C), id="different subjects"),
        pytest.param((FROM_A,), (FROM_A,), (FROM_A,), id="the same"),
        pytest.param((FROM_A,), (FROM_B,), None, id="one subject, two values"),
        pytest.param((LIMITED,), (LIMITED,), None, id="counting twice is not counting once"),
    ],
)
def test_conditions_merge_if_one_rule_can_hold_them(
    first: tuple[Condition, ...], second: tuple[Condition, ...], merged: tuple[Condition, ...] | None
) -> None:
    assert merge(first, second) == merged


def chain_of(workshop: Workshop, length: int) -> Routine:
    routine = workshop.routine("0", [accept(FROM_A), Step((TO_C,), LOG)])
    for number in range(1, length):
        routine = workshop.routine(
            str(number), [Step((FROM_B,), Call(routine)), Step((TO_C,), Call(routine)), Step((), LOG)]
        )
    return routine


def test_sixty_routines_with_two_calls_each_are_walked_once_each() -> None:
    routine = chain_of(Workshop(), 60)
    assert len(all_routines([routine])) == 60
    assert depth(routine) == 60


def test_the_only_action() -> None:
    workshop = Workshop()
    assert only_action(workshop.always(DROP)) == DROP
    assert only_action(workshop.routine("x", [accept(FROM_A), drop()])) is None
