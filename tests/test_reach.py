"""What packets come to: each finding beside a twin that is silent."""

from __future__ import annotations

import pytest
from reached import CONTRARY, NEVER, SHADOWED, case, checked, found, table

from ruleset_lint.lint.report import report

UNION = [
    case(["-s 10.0.0.0/25", "-s 10.0.0.128/25"], "-s 10.0.0.0/24", "-s 10.0.0.0/23", id="two halves of a net"),
    case(
        ["-p tcp --dport 1:1000", "-p tcp --dport 1001:2000"], "-p tcp --dport 500:1500", "-p tcp --dport 500:2001",
        id="ports",
    ),
    case(["! -s 10.0.0.0/8"], "-s 11.0.0.1", "-s 10.0.0.1", id="all but a net"),
    case(["! -i eth0"], "-i eth1", "-i eth0", id="all but an interface"),
    case(["-i eth0", "! -i eth+", "-i eth1"], "-i eth1", "-i eth2", id="a beginning of names"),
    case(["-i eth+"], "-i eth7", "-i et0", id="a name with a beginning"),
    case(
        ["-m conntrack --ctstate NEW,INVALID", "-m state --state RELATED,ESTABLISHED"],
        "-p tcp -m state ! --state UNTRACKED", "-p tcp", id="states",
    ),
    case(["-p tcp --dport https"], "-p 6 --dport 443", "-p 17 --dport 443", id="names of numbers"),
    case(
        ["-p tcp -m multiport --dports 22,80", "-p tcp -m multiport --dports 443,8080:8090"],
        "-p tcp -m multiport --dports 80,443", "-p tcp -m multiport --dports 80,444", id="lists of ports",
    ),
    case(["-p tcp", "-p udp"], "-p udp --sport 53", "-p icmp", id="protocols"),
    case(["-p tcp --syn", "-p tcp ! --syn"], "-p tcp --dport 22", "-p udp --dport 22", id="a test and its contrary"),
    case(
        ["-m set --match-set a src", "-m set ! --match-set a src"], "-p tcp", None, id="a question and its contrary"
    ),
    case(["-m set --match-set a src"], "-p tcp -m set --match-set a src", "-m set --match-set a dst", id="a set"),
    case(["-p icmp --icmp-type 8", "-p icmp --icmp-type 3/4"], "-p icmp --icmp-type fragmentation-needed",
                 "-p icmp --icmp-type 3", id="types"),
    case(["-m mac --mac-source 02:00:00:00:00:01"], "-m mac --mac-source 02:00:00:00:00:01 -p tcp",
                 "-m mac --mac-source 02:00:00:00:00:02", id="senders"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "dead", "alive"), UNION)
def test_rules_together_take_all_that_a_rule_asks_for(before: list[str], dead: str, alive: str | None) -> None:
    rules = [f"INPUT {conditions} -j ACCEPT" for conditions in before]
    assert found(table("filter", *rules, f"INPUT {dead} -j LOG")) == {f"INPUT {dead} -j LOG": [SHADOWED]}
    if alive:
        assert SHADOWED not in str(found(table("filter", *rules, f"INPUT {alive} -j LOG")))


@pytest.mark.parametrize(
    ("rules", "dead"),
    [
        case(["INPUT -p tcp -j A", "A -j ACCEPT", "INPUT -p tcp -j LOG"], True, id="a chain took them"),
        case(["INPUT -p tcp -j A", "A -p tcp --dport 1 -j ACCEPT", "INPUT -p tcp -j LOG"], False, id="some"),
        case(["INPUT -g A", "A -p tcp -j ACCEPT", "INPUT -j LOG"], True, id="goto does not come back"),
        case(["INPUT -j A", "A -p tcp -j ACCEPT", "INPUT -j LOG"], False, id="a jump does"),
        case(["INPUT -p tcp -j RETURN", "INPUT -p tcp -j LOG"], True, id="RETURN at the top"),
        case(["INPUT -j A", "A -p tcp -j RETURN", "A -p udp -j DROP", "INPUT -p tcp -j LOG"], False, id="RETURN"),
        case(["INPUT -j A", "A -j RETURN", "A -p tcp -j LOG"], True, id="behind RETURN"),
        case(["INPUT -p tcp -j A", "FORWARD -p udp -j A", "A -p tcp -j ACCEPT", "A -p udp -j ACCEPT", "A -j LOG"],
                     True, id="all that is sent there, from two chains"),
        case(["INPUT -p tcp -j A", "FORWARD -j A", "A -p tcp -j ACCEPT", "A -j LOG"], False, id="from one of them"),
        case(["INPUT -p tcp -j ACCEPT", "INPUT -p tcp -j A", "A -j LOG"], True, id="a jump that is never taken"),
        case(["INPUT -p tcp -j LOG", "INPUT -p tcp -j LOG"], False, id="LOG takes nothing"),
        case(["INPUT -p tcp", "INPUT -p tcp -j LOG"], False, id="a rule that only counts takes nothing"),
        case(["INPUT -m limit --limit 1/s -j ACCEPT", "INPUT -m limit --limit 1/s -j LOG"], False, id="a limit"),
        case(["INPUT -m recent --rcheck --name a -j ACCEPT", "INPUT -m recent --rcheck --name a -j LOG"], False,
                     id="what remembers"),
        case(["INPUT -m statistic --mode nth --every 2 --packet 0 -j A", "INPUT -j A", "A -j ACCEPT", "INPUT -j LOG"],
                     True, id="whatever the dice say"),
        case(["INPUT -j FOO", "INPUT -j LOG"], False, id="a target that nobody knows"),
    ],
)  # fmt: skip
def test_what_takes_packets_across_chains(rules: list[str], dead: bool) -> None:
    assert (SHADOWED in str(found(table("filter", *rules)))) is dead


@pytest.mark.parametrize(
    ("name", "rules", "dead"),
    [
        ("mangle", ["PREROUTING -j MARK --set-mark 1", "PREROUTING -m mark --mark 2 -j DROP"], True),
        ("mangle", ["PREROUTING -p tcp -j MARK --set-mark 1", "PREROUTING -m mark --mark 2 -j DROP"], False),
        ("mangle", ["PREROUTING -j MARK --or-mark 1", "PREROUTING -m mark --mark 0/1 -j DROP"], True),
        ("mangle", ["PREROUTING -j MARK --or-mark 1", "PREROUTING -m mark --mark 2/2 -j DROP"], False),
        ("mangle", ["PREROUTING -j A", "A -j MARK --set-mark 1", "PREROUTING -m mark --mark 2 -j DROP"], False),
        ("filter", ["INPUT -j A", "A -o eth0 -j LOG", "A ! -o eth0 -j DROP"], True),
        ("filter", ["INPUT -j A", "FORWARD -j A", "A -o eth0 -j LOG", "A ! -o eth0 -j DROP"], False),
        ("filter", ["INPUT -j A", "A -o + -j LOG"], False),
        ("filter", ["OUTPUT -j A", "A -i eth0 -j LOG"], True),
        ("filter", ["INPUT -p tcp -j A", "A -p udp -j LOG", "A -j DROP"], True),
        ("filter", ["INPUT -p tcp -j A", "INPUT -p udp -j A", "A -p udp -j LOG", "A -j DROP"], False),
        ("filter", ["INPUT -p tcp --dport 1:9 -m multiport ! --dports 1:9 -j LOG"], True),
        ("filter", ["INPUT -p tcp --dport 1:9 -m multiport ! --dports 1:8 -j LOG"], False),
        ("filter", ["INPUT -i eth0/1 -j LOG"], True),
        ("filter", ["INPUT ! -i eth0:1 -j LOG"], False),
        ("filter", ["INPUT -p icmpv6 -j LOG"], False),
    ],
)
def test_what_never_matches(name: str, rules: list[str], dead: bool) -> None:
    assert (NEVER in str(found(table(name, *rules)))) is dead


@pytest.mark.parametrize(
    ("raw", "asked", "dead"),
    [
        ("-p tcp --dport 80 -j NOTRACK", "! -i lo -p tcp --dport 80 -m state --state NEW", True),
        ("-p tcp --dport 80 -j CT --notrack", "-i eth0 -p tcp --dport 80 -m conntrack --ctstate NEW,ESTABLISHED", True),
        ("-p tcp --dport 80 -j CT --notrack", "-i eth0 -p tcp --dport 80 -m conntrack --ctstate UNTRACKED", False),
        ("-p tcp --dport 80 -j CT --notrack", "-p tcp --dport 80 -m conntrack --ctstate NEW", False),  # on lo
        ("-p tcp --dport 80 -j CT --notrack", "-i eth0 -p tcp --dport 80:81 -m conntrack --ctstate NEW", False),
        (
            "-p tcp --dport 80 -m set --match-set a src -j NOTRACK",
            "-i eth0 -p tcp --dport 80 -m state --state NEW",
            False,
        ),
        ("-p tcp --dport 80 -m mark --mark 1 -j NOTRACK", "-i eth0 -p tcp --dport 80 -m state --state NEW", False),
    ],
)
def test_what_is_untracked_is_in_no_other_state(raw: str, asked: str, dead: bool) -> None:
    text = table("raw", f"PREROUTING {raw}") + table("mangle", "PREROUTING -j MARK --set-mark 1") + table(
        "filter", f"INPUT {asked} -j LOG")  # fmt: skip
    assert found(text) == ({f"INPUT {asked} -j LOG": [NEVER]} if dead else {})


@pytest.mark.parametrize(("last", "silent"), [(64, False), (65, True)])
def test_prefixes_of_ipv6(last: int, silent: bool) -> None:
    first = table("filter", "INPUT -s 2001:db8::/65 -j DROP", f"INPUT -s 2001:db8:0:0:8000::/{last} -j DROP",
                  "INPUT -s 2001:db8::/64 -j LOG")  # fmt: skip
    assert SHADOWED in str(found(first, 6))
    twin = table("filter", "INPUT -s 2001:db8::/65 -j DROP", "INPUT -s 2001:db8::/64 -j LOG")
    assert found(twin, 6) == {}


def test_takers_are_named_with_their_shares() -> None:
    text = table("filter", "INPUT -s 10.0.0.0/25 -j ACCEPT", "INPUT -s 10.0.0.128/26 -j DROP",
                 "INPUT -s 10.0.0.0/24 -j A",
                 "A -p tcp -j ACCEPT", "A -j DROP", "INPUT -s 10.0.0.0/24 -p tcp -j LOG")  # fmt: skip
    (finding,) = [one for one in report([checked(text)]).findings if one.rule == SHADOWED]
    assert [(place.line, place.note) for place in finding.related] == [
        (7, "takes 1/2 of them"), (8, "takes 1/4 of them"), (10, "takes 1/4 of them")
    ]  # fmt: skip


def test_a_taker_that_is_not_needed_is_not_named() -> None:
    text = table("filter", "INPUT -m set --match-set a src -j DROP", "INPUT -p tcp -j ACCEPT", "INPUT -p tcp -j LOG")
    (finding,) = report([checked(text)]).findings
    assert [(place.line, place.note) for place in finding.related] == [(8, "takes all of them")]


@pytest.mark.parametrize(
    ("rules", "contrary"),
    [
        (["INPUT -p tcp -j ACCEPT", "INPUT -p tcp -j DROP"], True),
        (["INPUT -p tcp -j ACCEPT", "INPUT -p tcp -j ACCEPT"], False),
        (["INPUT -p tcp -j ACCEPT", "INPUT -p tcp --dport 22 -j DROP"], False),
        (["INPUT -p tcp -j ACCEPT", "INPUT -p tcp -j LOG"], False),
        (["INPUT -s 10.0.0.0/8 -j ACCEPT", "INPUT -s 10.1.2.3/8 -j REJECT"], True),
        (["INPUT -s 10.0.0.0/9 -j ACCEPT", "INPUT -s 10.128.0.0/9 -j ACCEPT", "INPUT -s 10.0.0.0/8 -j DROP"], False),
    ],
)
def test_contradictions(rules: list[str], contrary: bool) -> None:
    assert found(table("filter", *rules)) == {rules[-1]: [CONTRARY if contrary else SHADOWED]}


@pytest.mark.parametrize(
    ("rules", "spare"),
    [
        case(["INPUT -s 10.0.0.1 -j ACCEPT", "INPUT -s 10.0.0.0/8 -j ACCEPT"], [0], id="covered"),
        case(["INPUT -s 10.0.0.1 -j ACCEPT", "INPUT -s 10.0.0.0/8 -j DROP"], [], id="an exception"),
        case(
            ["INPUT -s 10.0.0.1 -j ACCEPT", "INPUT -p udp -j DROP", "INPUT -s 10.0.0.0/8 -j ACCEPT"], [],
            id="in between",
        ),
        case(
            ["INPUT -s 10.0.0.1 -p tcp -j ACCEPT", "INPUT -p udp -j DROP", "INPUT -s 10.0.0.0/8 -j ACCEPT"], [0],
            id="in between, for others",
        ),
        case(["INPUT -s 10.0.0.1 -j ACCEPT", "INPUT -j LOG", "INPUT -s 10.0.0.0/8 -j ACCEPT"], [], id="logged"),
        case(
            ["INPUT -s 10.0.0.1 -j ACCEPT", "INPUT -s 10.0.0.0/24", "INPUT -s 10.0.0.0/8 -j ACCEPT"], [], id="counted"
        ),
        case(
            ["INPUT -s 10.0.0.1 -j ACCEPT", "INPUT -m limit --limit 1/s -j ACCEPT", "INPUT -s 10.0.0.0/8 -j ACCEPT"],
            [], id="limited",
        ),
        case(["INPUT -s 10.0.0.1 -j DROP", "INPUT -j DROP"], [], id="the default"),
        case(["INPUT -s 10.0.0.1 -j ACCEPT"], [], id="the policy"),
        case(
            ["INPUT -s 10.0.0.0/25 -j DROP", "INPUT -s 10.0.0.0/26 -j DROP", "INPUT -s 10.0.0.0/24 -j DROP"], [0],
            id="a dead one does not count",
        ),
        case(
            ["INPUT -s 10.0.0.0/31 -j DROP", "INPUT -s 10.0.0.0/30 -j DROP", "INPUT -s 10.0.0.0/29 -j DROP"], [0, 1],
            id="both can go",
        ),
        case(
            ["INPUT -s 10.0.0.1 -j DROP", "INPUT -s 10.0.0.0/31 -j DROP", "INPUT -s 10.0.0.0 -j DROP",
             "INPUT -s 10.0.0.0/8 -j ACCEPT"], [0], id="one of two",
        ),
        case(
            ["INPUT -p tcp -j A", "INPUT -p tcp -j ACCEPT", "A -s 10.0.0.1 -j ACCEPT"], [2], id="behind the chain"
        ),
        case(
            ["INPUT -p tcp -j A", "INPUT -p tcp -j ACCEPT", "A -s 10.0.0.1 -j ACCEPT", "FORWARD -j A"], [],
            id="behind one of two calls",
        ),
        case(
            ["INPUT -p tcp -j A", "INPUT -p tcp -j ACCEPT", "A -s 10.0.0.1 -j ACCEPT", "INPUT -p udp -j A",
             "INPUT -p udp -j ACCEPT"], [2], id="behind both calls",
        ),
        case(
            ["INPUT -s 10.0.0.1 -j ACCEPT", "INPUT -j A", "A -s 10.0.0.0/24 -j DROP",
             "INPUT -s 10.0.0.0/8 -j ACCEPT"], [], id="a chain in between",
        ),
        case(
            ["INPUT -p tcp -m limit --limit 1/s -j ACCEPT", "INPUT -p tcp -j ACCEPT"], [0], id="a limit without effect"
        ),
        case(
            ["INPUT -p tcp -m recent --set --name x -j ACCEPT", "INPUT -p tcp -j ACCEPT"], [], id="what remembers"
        ),
        case(["INPUT -j A", "A -s 10.0.0.1 -j RETURN", "A -p tcp -j RETURN"], [], id="RETURN"),
        case(
            ["INPUT -j A", "INPUT -s 10.0.0.0/24 -j ACCEPT", "A -s 10.0.0.1 -j ACCEPT", "A -s 10.0.0.0/28 -j RETURN"],
            [2], id="by the caller, behind RETURN",
        ),
        case(
            ["INPUT -g A", "INPUT -s 10.0.0.0/24 -j ACCEPT", "A -s 10.0.0.1 -j ACCEPT", "A -s 10.0.0.0/28 -j RETURN"],
            [], id="goto comes back to no caller",
        ),
        case(
            ["INPUT -s 10.0.0.0/16 -p tcp -j ACCEPT", "INPUT -s 10.0.0.9 -j DROP", "INPUT -s 10.0.0.0/8 -j ACCEPT"], [],
            id="all but one of 65,536",
        ),
        case(
            ["INPUT -s 10.0.0.0/16 -p tcp -j ACCEPT", "INPUT -s 10.0.0.9 -p udp -j DROP",
             "INPUT -s 10.0.0.0/17 -j ACCEPT", "INPUT -s 10.0.128.0/17 -j ACCEPT"], [0], id="two later rules",
        ),
    ],
)  # fmt: skip
def test_redundant_rules(rules: list[str], spare: list[int]) -> None:
    text = table("filter", *rules)
    outcome = checked(text)
    lines = {text[: edit.span.start].count("\n") + 1 for hit in outcome.hits if hit.rule.id == "reach/redundant"
             for edit in (hit.finding.fix.edits if hit.finding.fix else ())}  # fmt: skip
    assert sorted(line - 7 for line in lines) == spare


@pytest.mark.parametrize(
    ("rules", "dead"),
    [
        (["INPUT -j A"], True),
        (["INPUT -g A"], False),
        (["INPUT -j A", "A -j RETURN"], True),
        (["INPUT -j A", "A -j B"], True),
        (["INPUT -j A", "A -p tcp -j LOG"], False),
        (["INPUT -j A", "A -p tcp"], False),
        (["INPUT -p udp -j A", "INPUT -p tcp -j A", "A -p tcp -j ACCEPT"], True),
        (["INPUT -p udp -j A", "INPUT -p tcp -j A", "A -p tcp -j ACCEPT", "A -p udp -j MARK --set-mark 1"], False),
        (["INPUT -j f2b-x"], False),
    ],
)
def test_dead_jumps(rules: list[str], dead: bool) -> None:
    text = table("filter", *rules, chains=("A", "B", "f2b-x"))
    assert ("reach/dead-jump" in str(found(text))) is dead


def test_a_rule_is_told_once_not_with_all_that_follows() -> None:
    text = table(
        "filter", "INPUT -j DROP", "INPUT -p tcp -j A", "INPUT -p udp -j ACCEPT", "A -p tcp -j LOG", "A -j ACCEPT"
    )
    (finding,) = report([checked(text)]).findings
    assert finding.message.startswith("no packet reaches this rule (and 1 more rule): line 7 takes all")


@pytest.mark.parametrize(
    "text",
    [
        case("-A INPUT -j DROP\n-A INPUT -p tcp -j ACCEPT\n", id="a fragment"),
        case(table("filter", "INPUT -j DROP", "INPUT -p tcp -j ACCEPT", "INPUT --nonsense"), id="does not load"),
        case(table("filter", "INPUT -j DROP", "INPUT -j A", "A -j B", "B -j A"), id="a loop"),
        case(table("filter", "INPUT -j DROP", "INPUT -6 -p tcp -j ACCEPT"), id="a line for the other family"),
        case(table("filter"), id="no rules"),
    ],
)
def test_is_silent_about_what_nobody_loads(text: str) -> None:
    outcome = checked(text)
    assert (outcome.hits, outcome.skipped) == ((), ())
