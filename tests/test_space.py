"""Sets of packets: what they hold, what they refuse, and the packet that speaks for one."""

from __future__ import annotations

import subprocess
import sys
import time
from itertools import islice

import oxidd.bcdd
import oxidd.util
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruleset_lint.netfilter.values import STATES
from ruleset_lint.packets import diagrams
from ruleset_lint.packets.bounds import NotDecidedError
from ruleset_lint.packets.formula import (
    ALWAYS,
    DESTINATION,
    DESTINATION_PORT,
    FLAGS,
    IN,
    MARK,
    OUT,
    PROTOCOL,
    SOURCE,
    SOURCE_PORT,
    SOURCE_TYPE,
    STATE,
    All,
    Between,
    Bits,
    Field,
    Formula,
    Interface,
    Not,
    Opaque,
    Packet,
    Some,
    equal,
    holds,
    in_state,
    of_type,
)
from ruleset_lint.packets.names import classes
from ruleset_lint.packets.space import Space
from ruleset_lint.packets.universe import universe
from ruleset_lint.packets.witness import contains, witness

PATTERNS = ("eth0", "eth+", "lo", "br-1+", "eth1+")
NAMES = ("", "eth0", "eth1", "eth15", "lo", "br-", "br-1", "wlan7")
FIELDS = (PROTOCOL, SOURCE[4], DESTINATION_PORT, STATE, SOURCE_TYPE, MARK)
SPACES = {family: Space(family, PATTERNS) for family in (4, 6)}


def numbers(of: Field) -> st.SearchStrategy[int]:
    most = {STATE: len(STATES), SOURCE_TYPE: 12}.get(of, 1 << of.bits) - 1
    return st.integers(0, min(most, 9)) | st.integers(0, most)


def atoms() -> st.SearchStrategy[Formula]:
    def of_field(of: Field) -> st.SearchStrategy[Formula]:
        between = st.builds(lambda low, high: Between(of, low, high), numbers(of), numbers(of))
        masked = st.builds(lambda mask, value: Bits(of, mask, value & mask), numbers(of), numbers(of))
        return between | masked | st.builds(lambda value: equal(of, value), numbers(of))

    fields = st.sampled_from(FIELDS).flatmap(of_field)
    sides = st.builds(Interface, st.sampled_from((IN, OUT)), st.sampled_from((*PATTERNS, "+")))
    return fields | sides | st.builds(Opaque, st.sampled_from(("a", "b")))


def joined(inner: st.SearchStrategy[Formula]) -> st.SearchStrategy[Formula]:
    several = st.lists(inner, max_size=4).map(tuple)
    return st.builds(Not, inner) | st.builds(All, several) | st.builds(Some, several)


FORMULAS = st.recursive(atoms(), joined, max_leaves=8)
PACKETS = st.builds(
    lambda values, came, leaves, yes: Packet(4, values, {IN: came, OUT: leaves}, dict.fromkeys(yes, True)),
    st.fixed_dictionaries({of: numbers(of) for of in FIELDS}),
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
    st.sets(st.sampled_from(("a", "b"))),
)


@settings(max_examples=250, deadline=None)
@given(FORMULAS, PACKETS)
def test_a_packet_is_in_the_set_of_a_formula_if_the_formula_holds_for_it(formula: Formula, packet: Packet) -> None:
    space = SPACES[4]
    assert contains(space, space.of(formula), packet) is holds(formula, packet)


@settings(max_examples=120, deadline=None)
@given(FORMULAS)
def test_a_witness_is_a_packet_that_the_formula_holds_for(formula: Formula) -> None:
    space = SPACES[4]
    found = witness(space, space.of(formula))
    assert space.is_empty(space.of(formula)) if found is None else holds(formula, found)


@settings(max_examples=100, deadline=None)
@given(FORMULAS, FORMULAS)
def test_operations_are_those_of_sets(first: Formula, second: Formula) -> None:
    space = SPACES[4]
    left, right = space.of(first), space.of(second)
    assert space.both(left, right) == space.of(All((first, second)))
    assert space.either(left, right) == space.of(Some((first, second)))
    assert space.without(left, right) == space.of(All((first, Not(second))))
    assert space.within(left, right) is space.is_empty(space.without(left, right))


@pytest.mark.parametrize(
    ("formula", "same"),
    [
        (in_state(*STATES), All()),
        (Not(in_state("NEW", "RELATED", "ESTABLISHED", "INVALID")), in_state("UNTRACKED")),
        (Interface(IN, "+"), All()),
        (Some((Interface(IN, "eth+"), Interface(IN, "eth0"))), Interface(IN, "eth+")),
        (All((Interface(IN, "eth+"), Interface(IN, "lo"))), Some()),
        (Between(SOURCE_PORT, 0, 65535), All()),
        (Between(SOURCE_PORT, 7, 6), Some()),
        (Between(SOURCE[6], 0, (1 << 64) - 1), Bits(SOURCE[6], (1 << 128) - (1 << 64), 0)),
        (Bits(MARK, 1, 2), Some()),
        (Opaque("a"), Opaque("a")),
    ],
)
def test_formulas_that_mean_the_same_are_the_same_set(formula: Formula, same: Formula) -> None:
    assert SPACES[6].of(formula) == SPACES[6].of(same)


@pytest.mark.parametrize("inside", [Opaque("a", counts=True), Not(Opaque("a", counts=True))])
def test_what_counts_is_a_question_of_its_place(inside: Formula) -> None:
    space = SPACES[4]
    assert space.of(inside, 1) != space.of(inside, 2)
    assert space.of(inside, 1) == space.of(inside, 1)


def test_what_does_not_count_is_the_same_question_everywhere() -> None:
    assert SPACES[4].of(Opaque("a"), 1) == SPACES[4].of(Opaque("a"), 2)


def test_an_interface_that_the_space_was_not_told_of_is_refused() -> None:
    with pytest.raises(ValueError, match="tun0"):
        SPACES[4].of(Interface(IN, "tun0"))


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        ((), ("", "eth0", "lo")),
        (("eth0",), ("", "eth0", "eth1", "lo")),
        (("eth+", "eth0"), ("", "ens3", "eth0", "eth1", "lo")),
        (("abcdefghijklmn+", "e+"), ("", "abcdefghijklmn0", "e0", "lo", "wlan0")),
    ],
)
def test_names_are_told_apart_as_far_as_patterns_do(patterns: tuple[str, ...], names: tuple[str, ...]) -> None:
    assert classes(patterns).names == names


def test_more_patterns_than_letters_leave_a_name_that_none_of_them_means() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    found = classes([f"{letter}+" for letter in letters])
    assert found.names[found.other][0] not in letters


@pytest.mark.parametrize(
    ("family", "impossible"),
    [
        (4, All((equal(PROTOCOL, 17), Bits(FLAGS, 2, 2)))),
        (4, All((equal(PROTOCOL, 1), equal(DESTINATION_PORT, 80)))),
        (4, All((equal(SOURCE[4], 0xE0000001), of_type(SOURCE_TYPE, "UNICAST")))),
        (4, All((equal(SOURCE[4], 0x7F000001), of_type(SOURCE_TYPE, "UNICAST")))),
        (6, All((equal(SOURCE[6], 0xFF02 << 112), Not(of_type(SOURCE_TYPE, "MULTICAST"))))),
    ],
)
def test_packets_that_cannot_exist(family: int, impossible: Formula) -> None:
    space = SPACES[family]
    assert space.is_empty(space.both(space.of(universe(family)), space.of(impossible)))


@pytest.mark.parametrize("fragments", [True, False])
def test_fragments_have_no_ports(fragments: bool) -> None:
    space = SPACES[4]
    packets = space.of(universe(4, fragments=fragments))
    assert space.is_empty(space.both(packets, space.of(equal(Field("fragment", 1), 1)))) is not fragments


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (All(tuple(equal(of, 1) for of in (PROTOCOL, SOURCE[4], DESTINATION[4], SOURCE_PORT, DESTINATION_PORT))), 1),
        (
            All((equal(PROTOCOL, 6), equal(SOURCE[4], 1), equal(DESTINATION[4], 1), Bits(SOURCE_PORT, 1, 1))),
            1 << 31,
        ),
        (Some(), 0),
    ],
)
def test_packets_are_counted_by_their_headers(formula: Formula, expected: int) -> None:
    assert SPACES[4].count(SPACES[4].of(formula)) == expected


def test_a_witness_is_such_as_a_person_would_choose() -> None:
    space = SPACES[4]
    found = witness(space, space.both(space.of(universe(4)), space.of(Not(Opaque("a")))))
    assert found is not None
    assert found.value(SOURCE[4]) == 0xCB007107
    assert found.value(DESTINATION[4]) == 0xC000020A
    assert (found.value(PROTOCOL), found.value(SOURCE_PORT), found.value(DESTINATION_PORT)) == (6, 40000, 80)
    assert (found.value(FLAGS), found.state, found.interfaces[IN]) == (2, "NEW", "eth0")


def test_a_deadline_ends_the_work() -> None:
    space = Space(4)
    space.deadline = time.monotonic() - 1
    with pytest.raises(NotDecidedError, match="too long"):
        space.of(equal(PROTOCOL, 6))


def test_memory_that_runs_out_is_an_answer_too() -> None:
    space = Space(4, nodes=20_000)
    equal_bits = (
        Some((All((Bits(SOURCE[4], 1 << bit, 0), Bits(DESTINATION[4], 1 << bit, 0))),
              All((Bits(SOURCE[4], 1 << bit, 1 << bit), Bits(DESTINATION[4], 1 << bit, 1 << bit)))))
        for bit in range(32)
    )  # fmt: skip
    with pytest.raises(NotDecidedError, match="memory"):
        space.of(All(tuple(equal_bits)))


def test_more_questions_than_the_library_bears_are_refused() -> None:
    space = Space(4)
    questions = Some(tuple(Opaque(str(number)) for number in range(20_000)))
    with pytest.raises(NotDecidedError, match="questions"):
        space.of(questions)


def test_a_space_costs_little() -> None:
    def cost() -> float:
        started = time.process_time()
        Space(6, PATTERNS)
        return time.process_time() - started

    assert min(cost() for _ in range(5)) < 0.01


def test_many_sets_are_joined_in_pairs() -> None:
    space = SPACES[4]
    ports = range(0, 2000, 7)
    formula = Some(tuple(equal(SOURCE_PORT, port) for port in ports))
    joined = space.of(formula)
    assert all(contains(space, joined, Packet(4, {SOURCE_PORT: port})) for port in islice(ports, 5))
    assert not contains(space, joined, Packet(4, {SOURCE_PORT: 1}))


def test_each_interface_is_of_one_class() -> None:
    space = SPACES[4]
    numbers = range(len(space.names.names))
    assert space.any_of([space.named(IN, number) for number in numbers]) == space.all
    assert space.named(IN, space.names.number("eth0")) == space.of(Interface(IN, "eth0"))
    assert space.names.name(space.names.number("eth15")) == "eth10"


def test_the_library_is_the_one_that_its_package_hands_out() -> None:
    assert diagrams.BCDDFunction is oxidd.bcdd.BCDDFunction
    assert diagrams.DDMemoryError is oxidd.util.DDMemoryError


def test_sets_need_no_more_of_the_library_than_its_compiled_part() -> None:
    program = "import sys, ruleset_lint.packets.space; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"oxidd", "oxidd._oxidd"} & {*ran.stdout.split()} == {"oxidd._oxidd"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (All((equal(MARK, 1), equal(MARK, 2))), Some((equal(MARK, 1), equal(MARK, 2)))),
        (All(), Some()),
        (Bits(MARK, 5, 5), Between(MARK, 5, 5)),
        (Not(ALWAYS), All((ALWAYS,))),
    ],
)
def test_formulas_of_two_kinds_are_never_the_same(one: Formula, other: Formula) -> None:
    assert one != other
