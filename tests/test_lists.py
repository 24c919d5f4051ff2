"""Sets of packets as lists of boxes: nothing is lost or added, and the list is what a person would write."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_space import FORMULAS, PATTERNS

from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.box_text import box_text
from ruleset_lint.packets.boxes import Box, box_formula, packets_of
from ruleset_lint.packets.formula import (
    ALWAYS,
    IN,
    NEVER,
    OUT,
    All,
    Between,
    Bits,
    Formula,
    Interface,
    Not,
    Opaque,
    Some,
    equal,
    in_state,
)
from ruleset_lint.packets.lists import boxes, listed
from ruleset_lint.packets.space import PacketSet, Space
from ruleset_lint.packets.universe import universe

SPACES = {family: Space(family, PATTERNS) for family in (4, 6)}
REAL = {family: space.of(universe(family)) for family, space in SPACES.items()}


def union(space: Space, found: tuple[Box, ...]) -> PacketSet:
    return space.any_of([packets_of(space, box) for box in found])


@settings(max_examples=40, deadline=None)
@given(FORMULAS)
def test_boxes_together_are_the_set(formula: Formula) -> None:
    space = SPACES[4]
    wanted = space.of(formula)
    found = listed(space, wanted, most=200)
    assert space.either(union(space, found.boxes), found.rest) == wanted


@settings(max_examples=40, deadline=None)
@given(FORMULAS, FORMULAS)
def test_boxes_together_are_the_set_as_far_as_anybody_cares(formula: Formula, cared: Formula) -> None:
    space = SPACES[4]
    wanted, care = space.of(formula), space.both(space.of(cared), REAL[4])
    found = listed(space, wanted, care=care, most=200)
    assert space.either(space.both(union(space, found.boxes), care), found.rest) == space.both(wanted, care)


@settings(max_examples=40, deadline=None)
@given(FORMULAS, st.integers(0, 2))
def test_a_list_that_was_cut_holds_nothing_that_is_not_in_the_set(formula: Formula, most: int) -> None:
    space = SPACES[4]
    wanted = space.both(space.of(formula), REAL[4])
    found = boxes(space, wanted, care=REAL[4], most=most)
    assert len(found) <= most
    assert space.within(space.both(union(space, found), REAL[4]), wanted)


@settings(max_examples=40, deadline=None)
@given(FORMULAS)
def test_the_formula_of_a_box_is_the_box(formula: Formula) -> None:
    space = SPACES[4]
    for box in boxes(space, space.of(formula), most=10):
        assert space.of(box_formula(box)) == packets_of(space, box)


TCP, UDP, ICMP = (equal(ask.PROTOCOL, number) for number in (6, 17, 1))
SSH, WEB, TLS = (equal(ask.DESTINATION_PORT, port) for port in (22, 80, 443))
TEN, TEN_ONE = Bits(ask.SOURCE[4], 0xFF << 24, 10 << 24), Bits(ask.SOURCE[4], 0xFFFF << 16, 10 << 24 | 1 << 16)
ETH, ETH0, LO = (Interface(IN, name) for name in ("eth+", "eth0", "lo"))
SYN = Bits(ask.FLAGS, 0b010111, 2)


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        (ALWAYS, ["everything"]),
        (NEVER, []),
        (All((TCP, SSH)), ["tcp dport 22"]),
        (Not(TCP), ["not tcp"]),
        (Some((TCP, UDP)), ["tcp,udp"]),
        (All((Some((TCP, UDP)), equal(ask.DESTINATION_PORT, 53))), ["tcp,udp dport 53"]),
        (SSH, ["dport 22"]),
        (Not(SSH), ["not tcp,udp,dccp,sctp,udplite", "not dport 22"]),
        (All((TCP, Some((SSH, WEB)))), ["tcp dport 22,80"]),
        (All((TCP, Between(ask.SOURCE_PORT, 1024, 65535))), ["tcp sport 1024-65535"]),
        (TEN, ["from 10.0.0.0/8"]),
        (Not(TEN), ["not from 10.0.0.0/8"]),
        (All((TEN, Not(TEN_ONE))), ["from 10.0.0.0/8 but not 10.1.0.0/16"]),
        (Between(ask.SOURCE[4], 0x0A000005, 0x0A000063), ["from 10.0.0.5-10.0.0.99"]),
        (Bits(ask.SOURCE[4], 0xFF0000FF, 0x0A000001), ["from 10.0.0.1/255.0.0.255"]),
        (Some((LO, All((TCP, WEB)))), ["in lo", "tcp dport 80"]),
        (All((ETH, Not(ETH0))), ["in eth+ but not eth0"]),
        (Not(ETH), ["not in eth+"]),
        (Some((LO, ETH)), ["in eth+,lo"]),
        (in_state("RELATED", "ESTABLISHED"), ["state ESTABLISHED,RELATED"]),
        (All((TCP, SYN)), ["tcp flags SYN/FIN,SYN,RST,ACK"]),
        (All((TCP, Not(SYN))), ["tcp not flags SYN/FIN,SYN,RST,ACK"]),
        (All((ICMP, equal(ask.ICMP_TYPE, 8))), ["icmp type echo-request"]),
        (Some((equal(ask.MARK, 1), equal(ask.MARK, 6))), ["mark 0x1,0x6"]),
        (Bits(ask.MARK, 0xFF00, 0x200), ["mark 0x200/0xff00"]),
        (ask.of_type(ask.DESTINATION_TYPE, "LOCAL"), ["dst-type LOCAL"]),
        (All((Opaque("a"), Not(Opaque("b")))), ['if "a" unless "b"']),
        (Some((All((TCP, SSH, TEN)), All((TCP, WEB)))), ["tcp dport 80", "tcp from 10.0.0.0/8 dport 22"]),
        (Some((LO, in_state("ESTABLISHED"), All((UDP, Opaque("a"))))), ["state ESTABLISHED", "in lo", 'udp if "a"']),
        (All((TCP, SSH, Not(TEN), Not(LO))), ["tcp not in lo not from 10.0.0.0/8 dport 22"]),
        (equal(ask.SNAT, 1), ["snat"]),
    ],
    ids=str,
)
def test_a_set_is_said_as_a_person_would(formula: Formula, said: list[str]) -> None:
    space = SPACES[4]
    found = boxes(space, space.of(formula), care=REAL[4])
    assert [box_text(box, 4) for box in found] == said


@pytest.mark.parametrize(
    ("formula", "cared", "said"),
    [
        (All((TCP, SSH, TEN)), All((TCP, SSH)), ["from 10.0.0.0/8"]),
        (All((TCP, SSH)), All((TCP, SSH)), ["everything"]),
        (All((TCP, Not(SSH))), All((TCP, Between(ask.DESTINATION_PORT, 20, 30))), ["not dport 22"]),
        (All((TCP, SSH)), All((TCP, Some((SSH, WEB, TLS)))), ["dport 22"]),
        (All((TEN, Not(TEN_ONE))), TEN, ["not from 10.1.0.0/16"]),
        (All((LO, TEN)), Some((LO, TEN)), ["in lo from 10.0.0.0/8"]),
    ],
    ids=str,
)
def test_what_all_packets_have_that_matter_is_not_said(formula: Formula, cared: Formula, said: list[str]) -> None:
    space = SPACES[4]
    care = space.both(REAL[4], space.of(cared))
    assert [box_text(box, 4) for box in boxes(space, space.of(formula), care=care)] == said


def test_the_largest_box_comes_first() -> None:
    space = SPACES[4]
    wanted = space.of(Some((All((TCP, SSH, TEN_ONE)), All((TCP, WEB)), LO)))
    assert [box_text(box, 4) for box in boxes(space, wanted, care=REAL[4])] == [
        "in lo",
        "tcp dport 80",
        "tcp from 10.1.0.0/16 dport 22",
    ]


def test_what_is_left_of_a_list_that_was_cut_is_there() -> None:
    space = SPACES[4]
    wanted = space.both(REAL[4], space.of(Some((LO, All((TCP, WEB))))))
    found = listed(space, wanted, care=REAL[4], most=1)
    assert len(found.boxes) == 1
    assert found.rest == space.both(wanted, space.of(All((TCP, WEB, Not(LO)))))


NETWORKS = st.lists(st.tuples(st.integers(0, 255), st.integers(0, 8), st.booleans()), max_size=12)


@settings(max_examples=40, deadline=None)
@given(NETWORKS)
def test_networks_in_networks_are_not_lost(networks: list[tuple[int, int, bool]]) -> None:
    space = SPACES[4]
    wanted = space.none
    for low, bits, added in networks:
        one = space.of(Bits(ask.SOURCE[4], 0xFF << bits & 0xFF, low >> bits << bits))
        wanted = space.either(wanted, one) if added else space.without(wanted, one)
    found = listed(space, wanted)
    assert space.is_empty(found.rest)
    assert union(space, found.boxes) == wanted


def test_a_long_block_list_is_one_box() -> None:
    space = Space(4)
    blocked = [Bits(ask.SOURCE[4], 0xFFFFFFFF, (number * 2654435761) & 0xFFFFFFFF) for number in range(1, 200)]
    found = boxes(space, space.of(Not(Some(tuple(blocked)))))
    assert len(found) == 1
    assert len(found[0].conditions[0].but) == 199
    assert box_text(found[0], 4).endswith("and 187 more")


def test_ipv6() -> None:
    space = SPACES[6]
    inside = Bits(ask.SOURCE[6], 0xFFFFFFFF << 96, 0x20010DB8 << 96)
    wanted = space.of(All((equal(ask.PROTOCOL, 58), inside, equal(ask.ICMP_TYPE, 128))))
    assert [box_text(box, 6) for box in boxes(space, wanted, care=REAL[6])] == [
        "ipv6-icmp from 2001:db8::/32 type echo-request"
    ]


def test_the_same_set_gives_the_same_list() -> None:
    formula = Some((All((TCP, SSH, TEN)), LO, All((UDP, Interface(OUT, "eth0")))))
    lists = []
    for _ in range(2):
        space = Space(4, PATTERNS)
        lists.append(boxes(space, space.of(formula)))
    assert lists[0] == lists[1]
