"""Two rulesets compared packet by packet: what is the same, what differs, and which packet shows it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruleset_lint.model.loading import load
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets.difference import Proof
from ruleset_lint.packets.equivalence import prove
from ruleset_lint.packets.packet_text import packet_text
from ruleset_lint.packets.trace import trace
from ruleset_lint.syntax.iptables_save import parse

HOOKS = {
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "raw": ("PREROUTING", "OUTPUT"),
}
LIMIT = "-m limit --limit 5/min"
RECENT = "-m recent --name SEEN --rsource"


def table(name: str, *rules: str, policy: str = "ACCEPT", chains: tuple[str, ...] = ()) -> str:
    declared = [*(f":{hook} {policy} [0:0]" for hook in HOOKS[name]), *(f":{chain} - [0:0]" for chain in chains)]
    return "\n".join((f"*{name}", *declared, *(f"-A {rule}" for rule in rules), "COMMIT", ""))


def ruleset(text: str, name: str = "test", family: int = 4) -> Ruleset:
    return load(parse(name, text), family)


def compared(before: str, after: str, family: int = 4) -> Proof:
    return prove(ruleset(before, "before", family), ruleset(after, "after", family))


def filtered(*rules: str) -> str:
    return table("filter", *rules, policy="DROP", chains=("A", "B"))


SAME = {
    "no rules": ((), ()),
    "the order of what is apart": (
        ("INPUT -p tcp -j ACCEPT", "INPUT -p udp -j ACCEPT"),
        ("INPUT -p udp -j ACCEPT", "INPUT -p tcp -j ACCEPT"),
    ),
    "a rule that never matches": (
        ("INPUT -s 192.0.2.0/24 -j DROP", "INPUT -s 192.0.2.7/32 -j ACCEPT"),
        ("INPUT -s 192.0.2.0/24 -j DROP",),
    ),
    "a chain of one's own": (
        ("INPUT -p tcp -m tcp --dport 80 -j ACCEPT", "INPUT -p tcp -m tcp --dport 443 -j ACCEPT"),
        ("INPUT -p tcp -j A", "A -p tcp -m multiport --dports 80,443 -j ACCEPT"),
    ),
    "a log": (("INPUT -p tcp -j ACCEPT",), ("INPUT -j LOG", "INPUT -p tcp -j ACCEPT")),
    "a log of some": (("INPUT -p tcp -j ACCEPT",), (f"INPUT {LIMIT} -j LOG", "INPUT -p tcp -j ACCEPT")),
    "two networks that make one": (
        ("INPUT -s 192.0.2.0/25 -j ACCEPT", "INPUT -s 192.0.2.128/25 -j ACCEPT"),
        ("INPUT -s 192.0.2.0/24 -j ACCEPT",),
    ),
    "the same set": (
        ("INPUT -m set --match-set good src -j ACCEPT",),
        ("INPUT -m set ! --match-set good src -j DROP", "INPUT -j ACCEPT"),
    ),
    "a limit to which the same packets come": (
        ("INPUT -p tcp -j ACCEPT", f"INPUT -p udp {LIMIT} -j ACCEPT"),
        ("INPUT -p tcp -j ACCEPT", "INPUT -p udp -j A", f"A {LIMIT} -j ACCEPT"),
    ),
    "a limit behind another": (
        (f"INPUT -p udp {LIMIT} -j ACCEPT", f"INPUT -p udp {LIMIT} -j ACCEPT"),
        ("INPUT -p udp -g A", f"A {LIMIT} -j ACCEPT", f"A {LIMIT} -j ACCEPT"),
    ),
}  # fmt: skip


DOCKER = table("nat", "PREROUTING -m addrtype --dst-type LOCAL -j D", "D ! -i docker0 -p tcp -m tcp --dport 8080 "
               "-j DNAT --to-destination 172.17.0.2:80", chains=("D",))  # fmt: skip


@pytest.mark.parametrize("nat", [pytest.param("", id="alone"), pytest.param(DOCKER, id="with translation")])
def test_what_is_for_this_machine_is_not_forwarded_by_either(nat: str) -> None:
    rules = filtered("FORWARD -m addrtype --dst-type LOCAL -j ACCEPT", "FORWARD -i eth0 -j ACCEPT")
    assert compared(nat + rules, nat + filtered("FORWARD -i eth0 -j ACCEPT")).outcome == "equal"


def test_what_was_for_this_machine_before_translation_may_be_forwarded() -> None:
    rules, early = filtered("FORWARD -i eth0 -j ACCEPT"), "PREROUTING -p tcp -m addrtype --dst-type LOCAL -j DROP"
    result = compared(DOCKER + rules, table("mangle", early) + DOCKER + rules)
    assert "forwarded" in {one.course for one in result.differences}
    assert "incoming" in {one.course for one in result.differences}


@pytest.mark.parametrize("name", SAME)
def test_what_does_the_same_is_equal(name: str) -> None:
    before, after = SAME[name]
    assert compared(filtered(*before), filtered(*after)).outcome == "equal"


DIFFERENT = {  # what the packet is, verdict before and after, in the words of the witness
    "a port": (
        ("INPUT -p tcp -m tcp --dport 80 -j ACCEPT",),
        ("INPUT -p tcp -m tcp --dport 81 -j ACCEPT",),
        ("tcp 203.0.113.7:40000 > 192.0.2.10:80", "ACCEPT", "DROP"),
    ),
    "one address": (
        ("INPUT -s 10.0.0.0/8 -j ACCEPT",),
        ("INPUT -s 10.1.2.3/32 -j DROP", "INPUT -s 10.0.0.0/8 -j ACCEPT"),
        ("10.1.2.3:40000 > ", "ACCEPT", "DROP"),
    ),
    "the kind of refusal": (
        ("INPUT -p tcp -j REJECT --reject-with tcp-reset",),
        ("INPUT -p tcp -j REJECT",),
        ("tcp", "REJECT tcp-reset", "REJECT icmp-port-unreachable"),
    ),
    "a state": (
        ("INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT",),
        ("INPUT -m state --state ESTABLISHED -j ACCEPT",),
        ("state=RELATED", "ACCEPT", "DROP"),
    ),
    "an interface": (
        ("INPUT -i eth1 -j ACCEPT",), ("INPUT -i eth+ -j ACCEPT",), ("in=eth0", "DROP", "ACCEPT"),
    ),
    "flags": (
        ("INPUT -p tcp -m tcp --tcp-flags SYN,RST,ACK,FIN SYN -j ACCEPT",),
        ("INPUT -p tcp -m tcp --tcp-flags SYN,RST,ACK SYN -j ACCEPT",),
        ("flags=FIN,SYN", "DROP", "ACCEPT"),
    ),
    "a set": (
        ("INPUT -m set --match-set good src -j ACCEPT",),
        ("INPUT -m set --match-set better src -j ACCEPT",),
        ('"-m set --match-set', "DROP", "ACCEPT"),
    ),
    "what is forwarded": (("FORWARD -p tcp -j ACCEPT",), (), ("in=eth0 out=eth0", "ACCEPT", "DROP")),
    "what is sent": (("OUTPUT -p tcp -j ACCEPT",), (), ("out=eth0 tcp 192.0.2.10", "ACCEPT", "DROP")),
    "a limit of another rate": (
        (f"INPUT {LIMIT} -j ACCEPT",), ("INPUT -m limit --limit 6/min -j ACCEPT",), ("-m limit", "ACCEPT", "DROP"),
    ),
    "a limit to which more packets come": (
        (f"INPUT -p udp -m udp --dport 53 {LIMIT} -j ACCEPT",),
        ("INPUT -p udp -j A", f"A {LIMIT} -j B", "B -p udp -m udp --dport 53 -j ACCEPT"),
        ("udp 203.0.113.7:40000 > 192.0.2.10:53", "ACCEPT", "DROP"),
    ),
    "a list that others fill": (
        (f"INPUT -p tcp -m tcp --dport 23 {RECENT} --set", f"INPUT {RECENT} --rcheck -j DROP", "INPUT -j ACCEPT"),
        (f"INPUT -p tcp -m tcp --dport 25 {RECENT} --set", f"INPUT {RECENT} --rcheck -j DROP", "INPUT -j ACCEPT"),
        ("-m recent --rcheck", "ACCEPT", "DROP"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_difference_is_shown_by_a_packet(name: str) -> None:
    before, after, (words, *verdicts) = DIFFERENT[name]
    found = compared(filtered(*before), filtered(*after))
    assert found.outcome == "different"
    shown = [one for one in found.differences if [one.before.verdict, one.after.verdict] == verdicts]
    assert any(words in packet_text(one.packet) for one in shown)


ELSEWHERE = {
    "a mark": ("mangle", "INPUT -j MARK --set-mark 1", "INPUT -j MARK --set-mark 2", "mark"),
    "tos": ("mangle", "FORWARD -j TOS --set-tos 0x10", "FORWARD -j TOS --set-tos 0x08", "tos"),
    "what goes into a set": (
        "filter", "INPUT -j SET --add-set a src", "INPUT -j SET --add-set b src", "SET --add-set a src",
    ),
    "a translation": (
        "nat", "PREROUTING -j DNAT --to-destination 10.0.0.1", "PREROUTING -j DNAT --to-destination 10.0.0.2",
        "DNAT --to-destination 10.0.0.1",
    ),
    "tracking": ("raw", "PREROUTING -p tcp -j NOTRACK", "PREROUTING -p tcp -m tcp --dport 80 -j NOTRACK", "tracking"),
}  # fmt: skip


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_happens_to_packets_that_pass_counts(name: str) -> None:
    where, before, after, what = ELSEWHERE[name]
    found = compared(table(where, before), table(where, after))
    assert what in {one.what for one in found.differences}


def test_a_mark_that_is_set_otherwise_is_the_same_mark() -> None:
    before = table("mangle", "INPUT -j MARK --set-mark 3")
    after = table("mangle", "INPUT -j MARK --set-mark 1", "INPUT -j MARK --or-mark 2", "INPUT -j MARK --and-mark 3")
    assert compared(before, after).equal


def test_each_pair_of_rules_is_shown_once() -> None:
    before = filtered(*(f"INPUT -p tcp -m tcp --dport {port} -j ACCEPT" for port in (25, 80, 443)))
    found = compared(before, filtered("INPUT -p tcp -m tcp --dport 80 -j ACCEPT"))
    rules = [one.before.rule.number for one in found.differences if one.before.rule]
    assert sorted(rules) == [7, 9]
    assert not found.more


def test_no_more_than_ten_are_shown() -> None:
    before = filtered(*(f"INPUT -p tcp -m tcp --dport {port} -j ACCEPT" for port in range(20, 50)))
    found = compared(before, filtered())
    assert (len(found.differences), found.more) == (10, True)


def test_a_difference_says_which_rules_decide_and_how_many_packets_there_are() -> None:
    (found,) = compared(filtered("INPUT -s 10.0.0.1/32 -p icmp -j ACCEPT"), filtered()).differences
    assert found.before.rule is not None
    assert (found.before.rule.number, found.after.rule) == (7, None)
    assert found.packets == 2**32


def test_a_host_forwards_nothing() -> None:
    before, after = ruleset(filtered("FORWARD -j ACCEPT")), ruleset(filtered())
    assert prove(before, after, role="host").equal
    assert not prove(before, after).equal


def test_rulesets_for_ipv6_are_compared() -> None:
    (found,) = compared(filtered("INPUT -s 2001:db8::/32 -p udp -j ACCEPT"), filtered(), 6).differences
    assert "[2001:db8::7]" in packet_text(found.packet)


def test_two_families_are_not_compared() -> None:
    with pytest.raises(ValueError, match="one family"):
        prove(ruleset(filtered()), ruleset(filtered(), family=6))


def test_what_counts_alike_is_said() -> None:
    text = filtered(f"INPUT {LIMIT} -j ACCEPT")
    (assumption,) = compared(text, text).assumptions
    assert "-m limit --limit 5/min, line 7 before and 7 after, counts alike: the same packets come to it" in assumption


def test_what_takes_too_long_is_not_decided() -> None:
    found = prove(ruleset(filtered()), ruleset(filtered("INPUT -j ACCEPT")), deadline=time.monotonic() - 1)
    assert (found.outcome, found.reason) == ("not decided", "it takes too long")


def test_who_is_told_hears_what_is_looked_at() -> None:
    told: list[str] = []
    prove(ruleset(filtered()), ruleset(filtered()), tell=told.append)
    assert "packet, outgoing" in told


RULE = st.builds(
    lambda hook, source, protocol, state, verdict: f"{hook} {source} {protocol} {state} -j {verdict}",
    st.sampled_from(["INPUT", "INPUT", "A", "B"]),
    st.sampled_from(["", "-s 10.0.0.0/8", "-s 10.1.0.0/16", "! -s 10.0.0.0/9"]),
    st.sampled_from(["", "-p tcp", "-p tcp -m tcp --dport 80", "-p udp -m udp --dport 53"]),
    st.sampled_from(["", "-m state --state NEW", "-m state ! --state INVALID"]),
    st.sampled_from(["ACCEPT", "DROP", "RETURN", "A"]),
)
RULES = st.lists(RULE.filter(lambda rule: not rule.startswith(("A ", "B ")) or not rule.endswith("A")), max_size=6)


@settings(max_examples=60, deadline=None)
@given(RULES, RULES)
def test_every_difference_is_one_that_a_trace_shows(before: list[str], after: list[str]) -> None:
    one, other = ruleset(filtered(*before)), ruleset(filtered(*after))
    for found in prove(one, other).differences:
        verdicts = [trace(which, found.packet, found.course).verdict for which in (one, other)]
        assert verdicts == [found.before.verdict, found.after.verdict]


@settings(max_examples=30, deadline=None)
@given(RULES)
def test_a_ruleset_is_equal_to_itself(rules: list[str]) -> None:
    assert compared(filtered(*rules), filtered(*rules)).equal


_SAVE, _RESTORE, _MARK = "-j CONNMARK --save-mark", "-j CONNMARK --restore-mark", "-j MARK --set-xmark 0x1/0xffffffff"


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        pytest.param((_RESTORE, _SAVE), (_RESTORE, _SAVE), "equal", id="the same"),
        pytest.param((_RESTORE, _SAVE), (_SAVE, _RESTORE), "not decided", id="saved before it is restored"),
        pytest.param((_MARK, _SAVE), (_SAVE, _MARK), "not decided", id="another mark is saved"),
    ],
)
def test_what_connections_keep_is_not_called_equal(
    before: tuple[str, ...], after: tuple[str, ...], outcome: str
) -> None:
    made = [
        load(
            parse(
                "x",
                "*mangle\n:PREROUTING ACCEPT [0:0]\n" + "".join(f"-A PREROUTING {one}\n" for one in rules) + "COMMIT\n",
            )
        )
        for rules in (before, after)
    ]
    assert prove(*made).outcome == outcome
