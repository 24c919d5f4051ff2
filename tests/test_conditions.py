"""Conditions on packets: what rules ask, and what two conditions have in common."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruleset_lint.model.loading import load
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.values import Network, networks
from ruleset_lint.packets.asked import asked_by, asked_on, ways
from ruleset_lint.packets.conditions import ALL_PORTS, Conditions, Interfaces, meet, mirrored, sketches
from ruleset_lint.syntax.iptables_save import parse


def _ruleset(*lines: str) -> Ruleset:
    text = "\n".join(("*filter", ":INPUT ACCEPT [0:0]", ":A - [0:0]", ":B - [0:0]", *lines, "COMMIT", ""))
    return load(parse("test", text))


def _asked(line: str) -> Conditions | None:
    return asked_by(_ruleset(f"-A INPUT {line} -j ACCEPT").rules[0])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-p tcp --dport 80", Conditions(protocol=6, destination_ports=((80, 80),))),
        ("-p udp -m multiport --sports 53,67:68", Conditions(protocol=17, source_ports=((53, 53), (67, 68)))),
        ("-p tcp ! --dport 80", Conditions(protocol=6, destination_ports=((0, 79), (81, 65535)))),
        ("-i lo", Conditions(arrives=Interfaces("lo"))),
        ("! -i lo", Conditions(arrives=Interfaces(excluded="lo"))),
        ("-s 10.0.0.0/8", Conditions(source=networks("10.0.0.0/8", 4))),
        ("-s 0.0.0.0/0", Conditions()),
        ("! -s 10.0.0.0/8", Conditions(exact=False)),
        ("-m addrtype --dst-type LOCAL", Conditions(destination_is_local=True)),
        ("-m addrtype ! --dst-type LOCAL", Conditions(destination_is_local=False)),
        ("-m state --state NEW", Conditions(states=frozenset({"NEW"}))),
        ("-m conntrack ! --ctstate NEW,INVALID", Conditions(states=frozenset({"RELATED", "ESTABLISHED", "UNTRACKED"}))),
        ("-m conntrack --ctstate DNAT", Conditions(exact=False)),
        ("-m mark --mark 1", Conditions(exact=False)),
        ("-m comment --comment x", Conditions()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_rule_asks(line: str, expected: Conditions) -> None:
    assert _asked(line) == expected


def test_syn_asks_for_flags() -> None:
    asked = _asked("-p tcp --syn")
    assert asked
    assert (asked.flags_set, asked.flags_clear) == ({"SYN"}, {"FIN", "RST", "ACK"})


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("-p tcp", "-p udp"),
        ("-p tcp --dport 80", "-p tcp --dport 81:90"),
        ("-s 10.0.0.0/8", "-s 192.168.0.0/16"),
        ("-i eth0", "-i eth1"),
        ("-i eth0", "! -i eth0"),
        ("-i ppp+", "-i eth0"),
        ("-m addrtype --dst-type LOCAL", "-m addrtype ! --dst-type LOCAL"),
        ("-m state --state NEW", "-m state ! --state NEW,INVALID"),
        ("-p tcp --syn", "-p tcp --tcp-flags ACK ACK"),
    ],
)
def test_conditions_exclude_each_other(first: str, second: str) -> None:
    one, other = _asked(first), _asked(second)
    assert one
    assert other
    assert meet(one, other) is None


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        ("-i eth+", "-i eth0", Conditions(arrives=Interfaces("eth0"))),
        ("-i e+", "-i eth+", Conditions(arrives=Interfaces("eth+"))),
        ("-s 10.0.0.0/8", "-s 10.1.0.0/16", Conditions(source=networks("10.1.0.0/16", 4))),
        ("-p tcp --dport 80:90", "-p tcp --dport 85:99", Conditions(protocol=6, destination_ports=((85, 90),))),
    ],
)
def test_conditions_have_in_common(first: str, second: str, both: Conditions) -> None:
    one, other = _asked(first), _asked(second)
    assert one
    assert other
    assert meet(one, other) == meet(other, one) == both


def test_answers_go_back() -> None:
    asked = _asked("-s 10.0.0.0/8 -d 192.0.2.1 -i eth0 -p tcp --dport 80")
    assert asked
    answers = mirrored(asked)
    assert (answers.source_ports, answers.destination_ports) == (((80, 80),), ALL_PORTS)
    assert (answers.source, answers.destination) == (asked.destination, asked.source)
    assert answers.arrives == Interfaces()


def test_all_ways_to_a_rule() -> None:
    ruleset = _ruleset("-A INPUT -i eth0 -j A", "-A INPUT -i eth1 -j B", "-A A -j B", "-A B -p tcp -j ACCEPT")
    found = ways(ruleset.tables["filter"], "INPUT", ruleset.rules[-1]) or ()
    assert {asked.arrives.name for way in found if (asked := asked_on(way))} == {"eth0", "eth1"}


def test_too_many_ways_are_not_looked_at() -> None:
    chains = [f"C{number}" for number in range(60)]
    jumps = [f"-A {one} -j {other}" for one, other in zip(["INPUT", *chains], chains, strict=False) for _ in range(2)]
    declared = "".join(f":{name} - [0:0]\n" for name in chains)
    text = f"*filter\n:INPUT ACCEPT [0:0]\n{declared}" + "\n".join([*jumps, "-A C59 -j ACCEPT"]) + "\nCOMMIT\n"
    ruleset = load(parse("test", text))
    assert ways(ruleset.tables["filter"], "INPUT", ruleset.rules[-1]) is None


_PORTS = st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda pair: ((min(pair), max(pair)),))
_NETWORKS = st.tuples(st.integers(0, 15), st.sampled_from([0x8, 0xC, 0xE, 0xF])).map(
    lambda pair: (Network(pair[0] & pair[1], pair[1]),)
)
_CONDITIONS = st.tuples(_PORTS, _PORTS, _NETWORKS).map(
    lambda asked: Conditions(source_ports=asked[0], destination_ports=asked[1], source=asked[2])
)


def _holds(conditions: Conditions, sport: int, dport: int, source: int) -> bool:
    ports = ((conditions.source_ports, sport), (conditions.destination_ports, dport))
    inside = all(any(low <= port <= high for low, high in ranges) for ranges, port in ports)
    return inside and any(source & network.mask == network.address for network in conditions.source)


@given(_CONDITIONS, _CONDITIONS, st.integers(0, 9), st.integers(0, 9), st.integers(0, 15))
def test_a_packet_meets_both_or_not(first: Conditions, second: Conditions, sport: int, dport: int, source: int) -> None:
    met = meet(first, second)
    both = _holds(first, sport, dport, source) and _holds(second, sport, dport, source)
    assert (met is not None and _holds(met, sport, dport, source)) is both


def test_sketches_cover_each_range() -> None:
    asked = _asked("-p tcp -m multiport --dports 80,443 -s 10.0.0.0/8")
    assert asked
    assert [sketch.destination_port for sketch in sketches(asked, "NEW")] == [(80, 80), (443, 443)]
