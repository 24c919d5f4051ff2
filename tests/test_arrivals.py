"""What arrives at each rule, and what of it the rule matches: never too few packets."""

from __future__ import annotations

import itertools

import pytest

from ruleset_lint.model.loading import load
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets.arrivals import arrivals
from ruleset_lint.packets.space import PacketSet
from ruleset_lint.packets.summary import Reading, reading_of
from ruleset_lint.syntax.iptables_save import parse


def text(table: str, rules: tuple[str, ...], policy: str = "ACCEPT", chains: tuple[str, ...] = ()) -> str:
    hooks = {
        "filter": ("INPUT", "FORWARD", "OUTPUT"),
        "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
        "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
        "raw": ("PREROUTING", "OUTPUT"),
    }[table]
    declared = [*(f":{hook} {policy} [0:0]" for hook in hooks), *(f":{name} - [0:0]" for name in chains)]
    return "\n".join((f"*{table}", *declared, *(f"-A {rule}" for rule in rules), "COMMIT", ""))


def ruleset(*texts: str) -> Ruleset:
    return load(parse("test", "".join(texts)))


def filtered(*rules: str, policy: str = "DROP", chains: tuple[str, ...] = ("A", "B", "C")) -> Ruleset:
    return ruleset(text("filter", rules, policy, chains))


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
