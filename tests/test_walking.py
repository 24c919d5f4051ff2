"""Rulesets walked with sets: chains, changes on the way, courses."""

from __future__ import annotations

import itertools
import time

import pytest
from tables import filtered, ruleset, text

from ruleset_lint.model.loading import load
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.bounds import NotDecidedError
from ruleset_lint.packets.course import FORWARDED, INCOMING, OUTGOING, Step
from ruleset_lint.packets.formula import (
    ALWAYS,
    NEVER,
    All,
    Between,
    Bits,
    Formula,
    Interface,
    Not,
    Some,
    equal,
    in_state,
)
from ruleset_lint.packets.packet_text import read_packet
from ruleset_lint.packets.space import PacketSet, Space
from ruleset_lint.packets.summary import reading_of, summaries
from ruleset_lint.packets.trace import trace
from ruleset_lint.packets.walking import Folded, Walked, possible, walked
from ruleset_lint.packets.witness import witness
from ruleset_lint.syntax.iptables_save import parse

TCP, UDP = equal(ask.PROTOCOL, 6), equal(ask.PROTOCOL, 17)
HERE = ask.of_type(ask.DESTINATION_TYPE, "LOCAL")
FORWARDABLE = Not(Some((HERE, Between(ask.TTL, 0, 1))))
NAT = "-p tcp --dport 80 -j DNAT --to-destination 10.0.0.1:8080"


def walk(found: Ruleset, course: tuple[Step, ...] = INCOMING) -> tuple[Space, Walked]:
    reading = reading_of(found)
    return reading.space, walked(Folded(reading, found), course)


def among(space: Space, packets: PacketSet, formula: Formula, course: tuple[Step, ...] = INCOMING) -> bool:
    """Whether the packets are those of the course that a formula holds for."""
    return packets == space.both(possible(space, course), space.of(formula))


@pytest.mark.parametrize(
    ("rules", "accepted"),
    [
        pytest.param([], NEVER, id="the policy"),
        pytest.param(["INPUT -p tcp -j ACCEPT"], TCP, id="one rule"),
        pytest.param(["INPUT -p tcp -j DROP", "INPUT -j ACCEPT"], Not(TCP), id="what came before counts"),
        pytest.param(["INPUT -p tcp -j A", "A -j ACCEPT"], TCP, id="a chain that decides"),
        pytest.param(["INPUT -j A", "A -p tcp -j RETURN", "A -j ACCEPT"], Not(TCP), id="a chain that returns some"),
        pytest.param(["INPUT -p tcp -j RETURN", "INPUT -j ACCEPT"], Not(TCP), id="returning at the top is the policy"),
        pytest.param(["INPUT -p tcp -g A", "INPUT -j ACCEPT"], Not(TCP), id="goto comes back to the policy"),
        pytest.param(
            ["INPUT -j A", "A -p tcp -g B", "A -j DROP", "INPUT -j ACCEPT"], TCP, id="goto comes back to the caller"
        ),
        pytest.param(["INPUT -j LOG", "INPUT -p tcp -j ACCEPT"], TCP, id="LOG lets pass"),
        pytest.param(["INPUT -j REJECT", "INPUT -j ACCEPT"], NEVER, id="REJECT ends"),
        pytest.param(
            ["INPUT -m set --match-set a src -j A", "A -m set ! --match-set a src -j ACCEPT"],
            NEVER,
            id="the same question has the same answer",
        ),
        pytest.param(
            ["INPUT -p tcp -j MARK --set-mark 1", "INPUT -m mark --mark 1 -j ACCEPT"],
            Some((TCP, equal(ask.MARK, 1))),
            id="a mark that a rule put on",
        ),
        pytest.param(
            ["INPUT -j MARK --set-mark 5", "INPUT -p tcp -j MARK --or-mark 2", "INPUT -m mark --mark 7 -j ACCEPT"],
            TCP,
            id="marks add up",
        ),
        pytest.param(
            [
                "INPUT -j A",
                "A -p tcp -j MARK --set-mark 1",
                "INPUT -j MARK --xor-mark 1",
                "INPUT -j B",
                "B -m mark --mark 0 -j ACCEPT",
            ],
            Some((TCP, All((Not(TCP), equal(ask.MARK, 1))))),
            id="marks that chains put on and ask",
        ),
        pytest.param(
            [
                "INPUT -m mark --mark 1 -j A",
                "A -j MARK --set-mark 2",
                "INPUT -m mark --mark 2 -j ACCEPT",
            ],
            Some((equal(ask.MARK, 1), equal(ask.MARK, 2))),
            id="a mark that a chain put on is seen by the caller",
        ),
    ],
)
def test_who_is_accepted(rules: list[str], accepted: Formula) -> None:
    space, found = walk(filtered(*rules))
    assert among(space, found.verdicts.get("ACCEPT", space.none), accepted)


def test_every_packet_has_one_verdict() -> None:
    space, found = walk(
        filtered("INPUT -p tcp -j A", "A -p tcp --dport 22 -j ACCEPT", "A -j REJECT", "INPUT -j NFQUEUE")
    )
    assert set(found.verdicts) == {"ACCEPT", "REJECT icmp-port-unreachable", "NFQUEUE 0"}
    assert space.any_of(list(found.verdicts.values())) == possible(space, INCOMING)
    pairs = itertools.combinations(found.verdicts.values(), 2)
    assert all(space.is_empty(space.both(first, second)) for first, second in pairs)


def test_tables_follow_each_other() -> None:
    found = ruleset(
        text("mangle", ("PREROUTING -i eth0 -j MARK --set-mark 1", "INPUT -p udp -j DROP")),
        text("filter", ("INPUT -m mark --mark 1 -j ACCEPT",), "DROP"),
    )
    space, result = walk(found)
    accepted = All((Not(UDP), Some((Interface(ask.IN, "eth0"), equal(ask.MARK, 1)))))
    assert among(space, result.verdicts["ACCEPT"], accepted)


def test_a_ruleset_without_tables_accepts_all() -> None:
    space, found = walk(ruleset(""))
    assert found.verdicts == {"ACCEPT": possible(space, INCOMING)}


RAW = text("raw", ("PREROUTING -p tcp -j CT --notrack", "OUTPUT -p tcp -j NOTRACK"))
LO = Interface(ask.IN, "lo")


def test_a_packet_that_raw_untracks_is_untracked_in_filter() -> None:
    found = ruleset(RAW, text("filter", ("INPUT -m conntrack --ctstate UNTRACKED -j ACCEPT",), "DROP"))
    space, result = walk(found)
    not_lo = space.of(Not(LO))
    assert among(space, space.both(result.verdicts["ACCEPT"], not_lo), All((Not(LO), TCP)))
    assert result.untracked == result.verdicts["ACCEPT"]


def test_what_is_not_untracked_has_the_state_that_tracking_gives_it() -> None:
    found = ruleset(RAW, text("filter", ("OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT",), "DROP"))
    space, result = walk(found, OUTGOING)
    assert among(space, result.verdicts["ACCEPT"], All((Not(TCP), in_state("ESTABLISHED"))), OUTGOING)


@pytest.mark.parametrize(("state", "some"), [("INVALID", True), ("NEW", False), ("ESTABLISHED", False)])
def test_states_are_not_known_in_raw(state: str, some: bool) -> None:
    found = ruleset(text("raw", (f"PREROUTING ! -i lo -m conntrack --ctstate {state} -j DROP",)))
    space, result = walk(found)
    assert among(space, result.verdicts.get("DROP", space.none), Not(LO) if some else NEVER)


def test_packets_on_lo_may_come_with_a_state() -> None:
    found = ruleset(
        text("raw", ("PREROUTING -m conntrack --ctstate NEW -j ACCEPT", "PREROUTING -j NOTRACK")),
        text("filter", ("INPUT -m conntrack --ctstate NEW -j ACCEPT",), "DROP"),
    )
    space, result = walk(found)
    accepted = witness(space, result.verdicts["ACCEPT"])
    assert accepted is not None
    assert accepted.interfaces[ask.IN] == "lo"
    assert space.within(result.verdicts["ACCEPT"], space.of(LO))


def test_only_what_opens_a_connection_is_translated_by_a_rule() -> None:
    space, found = walk(ruleset(text("nat", (f"PREROUTING {NAT}",))))
    (packets,) = found.events.values()
    assert space.within(packets, space.of(All((TCP, in_state("NEW", "RELATED")))))
    assert space.within(space.of(All((in_state("NEW"), TCP, Bits(ask.DESTINATION_PORT, 65535, 80)))), space.either(
        packets, space.contrary(possible(space, INCOMING))))  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "states"),
    [
        pytest.param("-d 192.0.2.1", ("NEW", "ESTABLISHED", "RELATED"), id="its address is anything"),
        pytest.param("-s 192.0.2.1", (), id="its source is what it was"),
        pytest.param("-m set --match-set a src", ("NEW", "ESTABLISHED", "RELATED"), id="a question is another one"),
    ],
)
def test_after_a_translation_the_destination_is_not_known(condition: str, states: tuple[str, ...]) -> None:
    """The same condition before the translation and after it: packets for which the answers differ."""
    found = ruleset(
        text("raw", (f"PREROUTING {condition} -j DROP",)),
        text("nat", (f"PREROUTING {NAT}",)),
        text("filter", (f"INPUT {condition} -j REJECT",)),
    )
    space, result = walk(found)
    rejected = result.verdicts.get("REJECT icmp-port-unreachable", space.none)
    seen = {name for name in ("NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED")
            if not space.is_empty(space.both(rejected, space.of(in_state(name))))}  # fmt: skip
    assert seen == set(states)


def test_without_a_rule_that_translates_nothing_is_translated() -> None:
    found = ruleset(
        text("raw", ("PREROUTING -d 192.0.2.1 -j DROP",)),
        text("nat", ("PREROUTING -p tcp -j ACCEPT",)),
        text("filter", ("INPUT -d 192.0.2.1 -j REJECT",)),
    )
    _, result = walk(found)
    assert set(result.verdicts) == {"ACCEPT", "DROP"}


def test_a_forwarded_packet_has_an_interface_to_leave_by_from_forward_on() -> None:
    found = ruleset(
        text("mangle", ("PREROUTING -j A", "A -o eth1 -j DROP"), chains=("A",)),
        text("filter", ("FORWARD -o eth1 -j ACCEPT",), "DROP"),
    )
    space, result = walk(found, FORWARDED)
    accepted = All((Interface(ask.OUT, "eth1"), FORWARDABLE))
    assert among(space, result.verdicts["ACCEPT"], accepted, FORWARDED)


def test_a_forwarded_packet_has_one_hop_less_from_forward_on() -> None:
    found = ruleset(text("filter", ("FORWARD -m ttl --ttl-eq 63 -j ACCEPT",), "DROP"))
    space, result = walk(found, FORWARDED)
    assert among(space, result.verdicts["ACCEPT"], All((equal(ask.TTL, 64), Not(HERE))), FORWARDED)


def test_what_is_for_this_machine_is_not_forwarded() -> None:
    found = ruleset(text("filter", ("FORWARD -m addrtype --dst-type LOCAL -j REJECT",)))
    space, result = walk(found, FORWARDED)
    assert set(result.verdicts) == {"ACCEPT", "DROP"}
    assert among(space, result.verdicts["ACCEPT"], FORWARDABLE, FORWARDED)
    assert result.stopped == result.verdicts["DROP"]


def test_one_packet_for_this_machine_comes_in_wherever_it_is_said_to_go() -> None:
    found = trace(filtered("INPUT -j REJECT", "FORWARD -j ACCEPT"), read_packet("in=eth0 out=eth1 tcp 192.0.2.1:1 > "
                  "198.51.100.1:80 dst-type=LOCAL"))  # fmt: skip
    assert (found.course, found.verdict) == ("incoming", "REJECT icmp-port-unreachable")


def test_what_is_for_this_machine_comes_in() -> None:
    space, result = walk(ruleset(text("filter", ("INPUT -m addrtype --dst-type LOCAL -j REJECT",))))
    assert among(space, result.verdicts["REJECT icmp-port-unreachable"], HERE)
    assert space.is_empty(result.stopped)


@pytest.mark.parametrize(
    ("table", "change", "state", "some"),
    [
        pytest.param("nat", NAT, "NEW", True, id="by a rule"),
        pytest.param("nat", NAT, "ESTABLISHED", True, id="as its connection was"),
        pytest.param("nat", NAT, "INVALID", False, id="not what belongs to none"),
        pytest.param("nat", "-p tcp --dport 80 -j ACCEPT", "NEW", False, id="not by a rule that lets it be"),
        pytest.param("mangle", "-p tcp --dport 80 -j MARK --set-mark 1", "NEW", False, id="not by another change"),
    ],
)
def test_what_was_for_this_machine_is_forwarded_once_it_is_translated(
    table: str, change: str, state: str, some: bool
) -> None:
    found = ruleset(text(table, (f"PREROUTING {change}",)))
    space, result = walk(found, FORWARDED)
    web = All((HERE, TCP, equal(ask.DESTINATION_PORT, 80), in_state(state)))
    assert space.is_empty(space.both(result.verdicts["ACCEPT"], space.of(web))) is not some


def test_a_translated_packet_that_is_for_this_machine_then_is_not_forwarded() -> None:
    found = ruleset(text("nat", (f"PREROUTING {NAT}",)),
                    text("filter", ("FORWARD -m addrtype --dst-type LOCAL -j REJECT",)))  # fmt: skip
    assert set(walk(found, FORWARDED)[1].verdicts) == {"ACCEPT", "DROP"}


def test_another_destination_address_may_be_of_another_type() -> None:
    prefixes = "--src-pfx 2001:db8:1::/48 --dst-pfx 2001:db8:2::/48"
    found = load(parse("test", text("mangle", (f"PREROUTING -j DNPT {prefixes}",))), 6)
    space, result = walk(found, FORWARDED)
    assert not space.is_empty(space.both(result.verdicts["ACCEPT"], space.of(HERE)))


def test_the_caller_says_which_packets_start() -> None:
    found = filtered("INPUT -p tcp -j ACCEPT")
    reading = reading_of(found)
    start = reading.space.both(possible(reading.space, INCOMING), reading.space.of(in_state("NEW")))
    result = walked(Folded(reading, found), INCOMING, start)
    assert among(reading.space, result.verdicts["ACCEPT"], All((TCP, in_state("NEW"))))


@pytest.mark.parametrize("target", ["TCPMSS --set-mss 1000", "LOG"])
def test_what_matters_is_noted(target: str) -> None:
    space, found = walk(ruleset(text("mangle", (f"INPUT -p tcp --syn -j {target}",))))
    assert bool(found.events) is target.startswith("TCPMSS")
    assert all(space.within(packets, space.of(TCP)) for packets in found.events.values())


def test_a_question_that_counts_is_asked_anew_when_the_chain_is_called_again() -> None:
    """Both calls must be answered with yes for a packet to have both marks, and either can be answered with no."""
    once, twice = "-j MARK --or-mark 1", "-j MARK --or-mark 2"
    found = filtered(f"INPUT {once}", "INPUT -j A", f"INPUT {twice}", "INPUT -j A", "A -m limit --limit 5/min -j B",
                     "B -m mark --mark 0/2 -j MARK --or-mark 4", "B -m mark --mark 2/2 -j MARK --or-mark 8",
                     "INPUT -m mark --mark 4/12 -j ACCEPT", "INPUT -m mark --mark 8/12 -j ACCEPT")  # fmt: skip
    space, result = walk(found)
    marked = witness(space, space.both(result.verdicts["ACCEPT"], space.of(equal(ask.MARK, 0))))
    assert marked is not None


SIXTY = tuple(f"C{number}" for number in range(60))


@pytest.mark.parametrize("end", ["-j ACCEPT", "-j MARK --set-mark 1"])
def test_sixty_chains_with_two_jumps_each_are_walked_once_each(end: str) -> None:
    jumps = [f"{before} -j {after}" for before, after in itertools.pairwise(SIXTY) for _ in range(2)]
    found = filtered(f"INPUT -j {SIXTY[0]}", *jumps, f"{SIXTY[-1]} -p tcp {end}", chains=SIXTY)
    started = time.process_time()
    space, result = walk(found)
    assert time.process_time() - started < 2
    assert space.any_of(list(result.verdicts.values())) == possible(space, INCOMING)


def test_deep_chains_do_not_exhaust_the_stack() -> None:
    names = tuple(f"C{number}" for number in range(20_000))
    jumps = [f"{before} -j {after}" for before, after in itertools.pairwise(names)]
    found = filtered(f"INPUT -j {names[0]}", *jumps, f"{names[-1]} -p tcp -j ACCEPT", chains=names)
    space, result = walk(found)
    assert among(space, result.verdicts["ACCEPT"], TCP)


def test_a_loop_is_not_decided() -> None:
    found = filtered("INPUT -j A", "A -j B", "B -j A")
    with pytest.raises(NotDecidedError, match="calls itself"):
        walk(found)


def test_a_summary_is_about_all_packets_that_enter_a_chain() -> None:
    found = filtered("INPUT -j A", "A -p tcp -j ACCEPT")
    reading = reading_of(found)
    known = summaries(reading, found.tables["filter"], ("INPUT",))
    assert known["A"].verdicts["ACCEPT"] == reading.space.of(TCP)
    assert known["A"].onward == reading.space.of(Not(TCP))
    assert known["A"].onward != reading.space.of(ALWAYS)
