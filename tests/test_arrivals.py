"""What arrives at each rule, and what of it the rule matches: never too few packets."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import filtered, ruleset, text

from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.arrivals import arrivals, matched_for_certain
from ruleset_lint.packets.arrivals_index import Index
from ruleset_lint.packets.arrivals_spans import spans_of
from ruleset_lint.packets.formula import All, Between, Bits, Formula, Not, Packet, Some, holds
from ruleset_lint.packets.space import PacketSet
from ruleset_lint.packets.summary import Reading, reading_of


def arriving(found: Ruleset, table: str = "filter") -> tuple[Reading, dict[int, tuple[PacketSet, PacketSet]]]:
    """By the number of the rule among those of the ruleset."""
    reading = reading_of(found)
    lines = sorted(rule.number for rule in found.live_rules)
    arrived = arrivals(reading, found, table)
    return reading, {lines.index(rule.number): (comes, matches) for rule, comes, matches in arrived}


@pytest.mark.parametrize(
    ("rules", "number", "matching"),
    [
        pytest.param(["INPUT -p tcp -j DROP", "INPUT -p tcp -j ACCEPT"], 1, False, id="shadowed"),
        pytest.param(["INPUT -p tcp -j DROP", "INPUT -j ACCEPT"], 1, True, id="not shadowed"),
        pytest.param(["INPUT -p tcp -j A", "A -p udp -j DROP"], 1, False, id="the call says tcp"),
        pytest.param(["INPUT -p tcp -j A", "FORWARD -p udp -j A", "A -p udp -j DROP"], 2, True, id="the other call"),
        pytest.param(["INPUT -o eth0 -j DROP"], 0, False, id="no interface to leave by in INPUT"),
        pytest.param(["OUTPUT -i eth0 -j DROP"], 0, False, id="none to come by in OUTPUT"),
        pytest.param(["INPUT -j A", "A -p tcp -j ACCEPT", "INPUT -p tcp -j DROP"], 2, False, id="a chain took them"),
        pytest.param(["INPUT -g A", "INPUT -j DROP"], 1, False, id="nothing comes back from goto"),
        pytest.param(["INPUT -j MARK --set-mark 1", "INPUT -m mark --mark 2 -j DROP"], 1, False, id="a mark is known"),
        pytest.param(["INPUT -j MARK --xor-mark 1", "INPUT -m mark --mark 2 -j DROP"], 1, True, id="a mark is flipped"),
        pytest.param(
            ["INPUT -m mark --mark 2 -j DROP", "INPUT -j MARK --xor-mark 1", "INPUT -m mark --mark 3 -j DROP"],
            2,
            False,
            id="a mark is flipped to what was dropped",
        ),
        pytest.param(["INPUT -j A", "A -j MARK --set-mark 1", "INPUT -m mark --mark 2 -j DROP"], 2, True, id="roughly"),
        pytest.param(
            ["INPUT -m set --match-set a src -j DROP", "INPUT -m set --match-set a src -j ACCEPT"], 1, False, id="sets"
        ),
        pytest.param(
            ["INPUT -m limit --limit 1/sec -j ACCEPT", "INPUT -m limit --limit 1/sec -j DROP"], 1, True, id="limits"
        ),
        pytest.param(["FORWARD -m addrtype --dst-type LOCAL -j DROP"], 0, False, id="for this machine, in FORWARD"),
        pytest.param(["INPUT -m addrtype --dst-type LOCAL -j DROP"], 0, True, id="for this machine, in INPUT"),
        pytest.param(["FORWARD -m addrtype --src-type LOCAL -j DROP"], 0, True, id="as if from this machine"),
        pytest.param(["INPUT -f -j DROP"], 0, True, id="fragments may be there"),
    ],
)
def test_whether_a_rule_can_match(rules: list[str], number: int, matching: bool) -> None:
    reading, found = arriving(filtered(*rules))
    assert reading.space.is_empty(found[number][1]) is not matching


def test_a_limit_may_answer_otherwise_the_second_time() -> None:
    limit = "-m limit --limit 5/min"
    _, found = arriving(
        filtered("INPUT -m mark ! --mark 0 -j ACCEPT", "INPUT -j A", f"A {limit} -j MARK --set-mark 2",
                 "A -m mark --mark 5 -j DROP", "INPUT -m mark --mark 0 -j ACCEPT", "INPUT -j MARK --set-mark 5",
                 "INPUT -j A")
    )  # fmt: skip
    assert found[3][1].satisfiable()


@pytest.mark.parametrize(
    ("table", "rule", "matching"),
    [
        ("raw", "PREROUTING ! -i lo -m conntrack --ctstate ESTABLISHED -j DROP", False),
        ("raw", "PREROUTING -m conntrack --ctstate ESTABLISHED -j DROP", True),
        ("raw", "OUTPUT -m conntrack --ctstate NEW -j DROP", False),
        ("nat", "PREROUTING -m conntrack --ctstate ESTABLISHED -j ACCEPT", False),
        ("nat", "PREROUTING -m conntrack --ctstate NEW -j ACCEPT", True),
        ("mangle", "POSTROUTING -o eth0 -j ACCEPT", True),
        ("mangle", "PREROUTING -m conntrack --ctstate UNTRACKED -j DROP", True),
    ],
)
def test_tables_have_the_packets_of_their_place(table: str, rule: str, matching: bool) -> None:
    reading, found = arriving(ruleset(text(table, (rule,))), table)
    assert reading.space.is_empty(found[0][1]) is not matching


SIXTY = tuple(f"C{number}" for number in range(60))


@pytest.mark.parametrize("end", ["-j ACCEPT", "-j MARK --set-mark 1"])
def test_chains_are_walked_once_whoever_calls_them(end: str) -> None:
    jumps = [f"{before} -j {after}" for before, after in itertools.pairwise(SIXTY) for _ in range(2)]
    found = filtered(f"INPUT -j {SIXTY[0]}", *jumps, f"{SIXTY[-1]} -p tcp {end}", chains=SIXTY)
    assert len(list(arrivals(reading_of(found), found, "filter"))) == 2 + 59 * 2


def test_deep_chains_do_not_exhaust_the_stack() -> None:
    names = tuple(f"C{number}" for number in range(5_000))
    jumps = [f"{before} -j {after}" for before, after in itertools.pairwise(names)]
    found = filtered(f"INPUT -j {names[0]}", *jumps, f"{names[-1]} -p tcp -j ACCEPT", chains=names)
    assert sum(1 for _ in arrivals(reading_of(found), found, "filter")) == 5_001


# -- what is known without sets

PORTS = ask.DESTINATION_PORT
NUMBERS = st.integers(0, 65535)
TESTS = st.one_of(
    st.builds(Between, st.just(PORTS), NUMBERS, NUMBERS),
    st.builds(
        lambda low, value: Bits(PORTS, 0xFFFF << low & 0xFFFF, value << low & 0xFFFF), st.integers(0, 16), NUMBERS
    ),
)
FORMULAS = st.recursive(TESTS, lambda of: st.one_of(
    st.builds(Not, of), st.builds(All, st.tuples(of, of)), st.builds(Some, st.lists(of, max_size=3).map(tuple)),
), max_leaves=5)  # fmt: skip


@given(FORMULAS, NUMBERS)
def test_stretches_hold_what_the_formula_holds(formula: Formula, number: int) -> None:
    spans = spans_of(formula, 16)
    assert spans is not None
    assert any(first <= number <= last for first, last in spans) is holds(formula, Packet(4, {PORTS: number}))


@given(st.lists(FORMULAS, max_size=6), NUMBERS)
def test_an_index_answers_as_each_formula(formulas: list[Formula], number: int) -> None:
    packet = Packet(4, {PORTS: number})
    index = Index(formulas, 4, ("", "eth0"))
    meeting = index.meeting(packet.values, {})
    met = [
        bool(meeting >> place & 1) and all(holds(part, packet) for part in index.conditions[place][1])
        for place in range(len(formulas))
    ]
    assert met == [holds(formula, packet) for formula in formulas]


@given(FORMULAS, FORMULAS)
def test_rules_that_are_apart_share_no_packet_and_those_that_cover_leave_none(one: Formula, other: Formula) -> None:
    index = Index([one, other], 4, ("", "eth0"))
    shared = spans_of(All((one, other)), 16)
    left = spans_of(All((one, Not(other))), 16)
    assert not (index.apart(0) >> 1 & 1 and shared)
    assert not (index.covering(0) >> 1 & 1 and left)


TAKEN = ("INPUT -p tcp -j A", "A -s 10.0.0.0/8 -j ACCEPT", "A -s 10.1.0.0/16 -p tcp --dport 22 -j DROP",
         "A -s 10.0.0.0/9 -j DROP", "A -p udp -j DROP", "A -s 192.0.2.0/24 -m limit --limit 1/sec -j DROP",
         "INPUT -m set --match-set a src -j ACCEPT", "INPUT -p udp --dport 53 -j RETURN")  # fmt: skip


def test_packets_made_up_find_the_rules_that_are_alive() -> None:
    ruleset_ = filtered(*TAKEN)
    certain = matched_for_certain(reading_of(ruleset_), ruleset_.tables["filter"])
    lines = sorted(rule.number for rule in ruleset_.live_rules)
    assert {lines.index(number) for number in certain.found} == {0, 1, 5, 6, 7}


def test_a_rule_that_one_rule_before_it_covers_is_known_without_sets() -> None:
    ruleset_ = filtered(*TAKEN)
    certain = matched_for_certain(reading_of(ruleset_), ruleset_.tables["filter"])
    covered = {rule.values for rule in ruleset_.live_rules if certain.comes(rule) and certain.is_covered(rule)}
    assert covered == {rule.values for rule in ruleset_.tables["filter"].chains["A"].rules[1:3]}


@pytest.mark.parametrize(
    ("before", "rule", "taken"),
    [
        ("-s 10.0.0.0/8 -j DROP", "-s 10.1.0.0/16 -p tcp", True),
        ("-s 10.0.0.0/8 -p tcp -j DROP", "-s 10.1.0.0/16", False),
        ("-s 10.0.0.0/8 -j LOG", "-s 10.1.0.0/16", False),
        ("-s 10.0.0.0/8 -m limit --limit 1/sec -j DROP", "-s 10.1.0.0/16", False),
    ],
)
def test_the_one_rule_that_takes_all_of_another_is_known_without_sets(before: str, rule: str, taken: bool) -> None:
    ruleset_ = filtered(f"INPUT {before}", f"INPUT {rule} -j ACCEPT")
    first, last = ruleset_.live_rules
    told = matched_for_certain(reading_of(ruleset_), ruleset_.tables["filter"]).taker(last)
    assert (told is not None and told[0] == first) is taken


def test_packets_are_sent_past_the_rules_before() -> None:
    ruleset_ = filtered("INPUT -p tcp -j DROP", "INPUT -j A", "A -p tcp --dport 22 -j ACCEPT")
    certain = matched_for_certain(reading_of(ruleset_), ruleset_.tables["filter"])
    rule = ruleset_.tables["filter"].chains["A"].rules[0]
    sent = list(certain.sent(rule, 4))
    assert rule.number not in certain.found
    assert sent
    assert all(one.packet.value(PORTS) == 22 and certain.matches(certain.numbers[rule.number], one) for one in sent)


def test_what_one_rule_leaves_of_a_net_is_found() -> None:
    ruleset_ = filtered("INPUT ! -s 10.0.0.0/24 -p tcp -j DROP", "INPUT ! -s 10.0.1.0/24 -p tcp -j ACCEPT")
    certain = matched_for_certain(reading_of(ruleset_), ruleset_.tables["filter"])
    assert len(certain.found) == 2


def test_only_what_is_not_settled_is_asked() -> None:
    ruleset_ = filtered(*TAKEN)
    reading = reading_of(ruleset_)
    certain = matched_for_certain(reading, ruleset_.tables["filter"])
    asked = list(arrivals(reading, ruleset_, "filter", but=certain))
    assert [arrival.rule.number for arrival in asked] == [
        rule.number for rule in ruleset_.live_rules if rule.number not in certain.found
    ]
    assert all(reading.space.is_empty(arrival.matching) for arrival in asked)
