"""One packet through a ruleset: what decides, what changes, what is taken for granted."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ruleset_lint
from ruleset_lint.packets.trace import Trace

WEB = "in=eth0 tcp 203.0.113.7:40000 > 192.0.2.10:80 flags=SYN state=NEW"
ROUTED = "in=eth0 out=eth1 tcp 203.0.113.7:40000 > 10.0.0.5:80 flags=SYN state=NEW"
OWN = "out=eth0 udp 192.0.2.10:40000 > 203.0.113.7:53 state=NEW"
LOOPED = "in=lo tcp 127.0.0.1:40000 > 127.0.0.1:80 flags=SYN"
CHAINS = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
}


def ruleset(tables: Mapping[str, list[str]], **policies: str) -> str:
    """Rules by table, without their `-A`; chains A to C are there too, policies are those of filter."""
    lines: list[str] = []
    for table, rules in tables.items():
        lines += [f"*{table}", *(f":{name} - [0:0]" for name in "ABC")]
        lines += [
            f":{chain} {policies.get(chain, 'ACCEPT') if table == 'filter' else 'ACCEPT'} [0:0]"
            for chain in CHAINS[table]
        ]
        lines += [*(f"-A {rule}" for rule in rules), "COMMIT"]
    return "\n".join((*lines, ""))


def follow(packet: str, *rules: str, policy: str = "DROP", **tables: list[str]) -> Trace:
    """Trace a packet through filter rules, and rules of other tables."""
    text = ruleset({**tables, "filter": list(rules)}, INPUT=policy, FORWARD=policy, OUTPUT=policy)
    return ruleset_lint.trace(text, packet)


def decided(found: Trace) -> str:
    """The verdict, and the rule that gave it without its `-A`."""
    rule = found.deciding.rule if found.deciding else None
    return f"{found.verdict} by {rule.home.document.content(rule.line)[3:] if rule else 'the policy'}"


# what is shown, the packet, the rules of filter (its policies drop), the verdict, the number of the rule that gives it
DECIDED = (
    ("the policy", WEB, "", "DROP", None),
    ("a rule", WEB, "INPUT -p tcp --dport 80 -j ACCEPT", "ACCEPT", 0),
    ("the first that matches", WEB, "INPUT -p udp -j ACCEPT; INPUT -j REJECT", "REJECT icmp-port-unreachable", 1),
    ("LOG and no target go on", WEB, "INPUT -j LOG; INPUT; INPUT -j ACCEPT", "ACCEPT", 2),
    ("a chain of one's own", WEB, "INPUT -j A; A -j ACCEPT", "ACCEPT", 1),
    ("a chain that ends", WEB, "INPUT -j A; A -p udp -j DROP; INPUT -j ACCEPT", "ACCEPT", 2),
    ("a chain that returns", WEB, "INPUT -j A; A -j RETURN; A -j DROP; INPUT -j ACCEPT", "ACCEPT", 3),
    ("returning at the top", WEB, "INPUT -j RETURN; INPUT -j ACCEPT", "DROP", None),
    ("goto at the top ends at the policy", WEB, "INPUT -g A; INPUT -j ACCEPT", "DROP", None),
    ("goto ends at the caller", WEB, "INPUT -j A; A -g B; A -j DROP; INPUT -j ACCEPT", "ACCEPT", 3),
    ("a jump below goto", WEB, "INPUT -j A; A -g B; B -j C; B -j ACCEPT", "ACCEPT", 3),
    ("a queue", WEB, "INPUT -j NFQUEUE --queue-num 3; INPUT -j DROP", "NFQUEUE 3", 0),
    ("incoming is not forwarded", WEB, "FORWARD -j ACCEPT; OUTPUT -j ACCEPT", "DROP", None),
    ("forwarded has both interfaces", ROUTED, "INPUT -j REJECT; FORWARD -i eth0 -o eth1 -j ACCEPT", "ACCEPT", 1),
    ("outgoing", OWN, "INPUT -j REJECT; OUTPUT -o eth0 -j ACCEPT", "ACCEPT", 1),
    ("no interface is not eth0", OWN, "OUTPUT -j A; A -i eth0 -j REJECT; A ! -i eth0 -j ACCEPT", "ACCEPT", 2),
    ("one less in FORWARD", f"{ROUTED} ttl=64", "FORWARD -m ttl --ttl-eq 63 -j ACCEPT", "ACCEPT", 0),
    ("as it came in INPUT", f"{WEB} ttl=64", "INPUT -m ttl --ttl-eq 64 -j ACCEPT", "ACCEPT", 0),
    ("what comes by lo has no sender", LOOPED, "INPUT -m mac ! --mac-source 02:00:00:00:00:01 -j ACCEPT", "DROP", None),
)


@pytest.mark.parametrize(
    ("packet", "rules", "verdict", "number"), [row[1:] for row in DECIDED], ids=[row[0] for row in DECIDED]
)
def test_what_decides(packet: str, rules: str, verdict: str, number: int | None) -> None:
    written = rules.split("; ") if rules else []
    by = "the policy" if number is None else written[number]
    assert decided(follow(packet, *written)) == f"{verdict} by {by}"


BEFORE = ["PREROUTING raw", "PREROUTING conntrack", "PREROUTING mangle", "PREROUTING nat"]
AFTER = ["POSTROUTING mangle", "POSTROUTING nat"]


@pytest.mark.parametrize(
    ("packet", "steps"),
    [
        (WEB, [*BEFORE, "INPUT mangle", "INPUT filter", "INPUT nat"]),
        (ROUTED, [*BEFORE, "FORWARD mangle", "FORWARD filter", *AFTER]),
        (OWN, ["OUTPUT raw", "OUTPUT conntrack", "OUTPUT mangle", "OUTPUT nat", "OUTPUT filter", *AFTER]),
    ],
    ids=["incoming", "forwarded", "outgoing"],
)
def test_the_tables_in_the_order_of_the_kernel(packet: str, steps: list[str]) -> None:
    text = ruleset({table: [f"{chain} -j ACCEPT" for chain in chains] for table, chains in CHAINS.items()})
    found = ruleset_lint.trace(text, packet)
    assert [f"{one.step.hook} {one.step.table}" for one in found.passages] == steps


def test_a_packet_that_is_dropped_goes_no_further() -> None:
    found = follow(WEB, "INPUT -j ACCEPT", mangle=["PREROUTING -j DROP"])
    assert decided(found) == "DROP by PREROUTING -j DROP"
    assert found.passages[-1].step == ("PREROUTING", "mangle")


def test_a_mark_is_seen_by_what_comes_later() -> None:
    mangle = ["PREROUTING -j MARK --set-mark 0x12", "INPUT -j MARK --set-xmark 0x1/0x3"]
    found = follow(WEB, "INPUT -m mark --mark 0x11 -j ACCEPT", mangle=mangle)
    changes = [change.text for passage in found.passages for change in passage.changes]
    assert (found.verdict, changes) == ("ACCEPT", ["mark 0x0 > 0x12", "mark 0x12 > 0x11"])


def test_the_state_is_there_from_conntrack_on() -> None:
    raw = ["PREROUTING -m conntrack --ctstate NEW -j DROP", "PREROUTING -m conntrack --ctstate INVALID -j A"]
    found = follow(WEB, "INPUT -m conntrack --ctstate NEW -j ACCEPT", raw=raw)
    assert (found.verdict, [rule.jump for rule in found.passages[0].met]) == ("ACCEPT", ["A"])


@pytest.mark.parametrize("target", ["NOTRACK", "CT --notrack"])
def test_an_untracked_packet_is_untracked_and_not_translated(target: str) -> None:
    nat = ["PREROUTING -p tcp -j REDIRECT --to-ports 8080"]
    found = follow(WEB, "INPUT -m conntrack --ctstate UNTRACKED -j ACCEPT", raw=[f"PREROUTING -j {target}"], nat=nat)
    assert (found.verdict, found.settled) == ("ACCEPT", True)
    assert [one.verdict for one in found.passages if one.step == ("PREROUTING", "nat")] == [""]


def test_notrack_comes_too_late_for_what_was_tracked_when_it_left_by_lo() -> None:
    rules = ("INPUT -m conntrack --ctstate UNTRACKED -j DROP", "INPUT -m conntrack --ctstate NEW -j ACCEPT")
    assert follow(f"{LOOPED} state=NEW", *rules, raw=["PREROUTING -i lo -j NOTRACK"]).verdict == "ACCEPT"
    assert follow(f"{LOOPED} state=INVALID", *rules, raw=["PREROUTING -i lo -j NOTRACK"]).verdict == "DROP"


@pytest.mark.parametrize(
    ("state", "asked"),
    [("NEW", True), ("RELATED", True), ("ESTABLISHED", False), ("INVALID", False), ("UNTRACKED", False)],
)
def test_nat_is_asked_for_the_first_packet_of_a_connection(state: str, asked: bool) -> None:
    found = follow(WEB.replace("NEW", state), nat=["PREROUTING -j ACCEPT"])
    (passage,) = (one for one in found.passages if one.step == ("PREROUTING", "nat"))
    assert passage.verdict == ("ACCEPT" if asked else "")


def test_nat_is_not_asked_for_errors() -> None:
    error = "in=eth0 icmp 203.0.113.7 > 192.0.2.10 type=port-unreachable state=RELATED"
    found = follow(error, nat=["PREROUTING -j ACCEPT"])
    assert [one.verdict for one in found.passages if one.step.table == "nat"] == [""]


@pytest.mark.parametrize(
    ("target", "rule", "verdict"),
    [
        ("DNAT --to-destination 10.0.0.5:8080", "FORWARD -d 10.0.0.5 -p tcp --dport 8080 -j ACCEPT", "ACCEPT"),
        ("DNAT --to-destination 10.0.0.5", "FORWARD -d 10.0.0.5 -p tcp --dport 80 -j ACCEPT", "ACCEPT"),
        ("DNAT --to-destination :81", "INPUT -d 192.0.2.10 -p tcp --dport 81 -j ACCEPT", "ACCEPT"),
        ("DNAT --to-destination 10.0.0.5:8080", "FORWARD -m conntrack --ctstate DNAT -j ACCEPT", "ACCEPT"),
        ("DNAT --to-destination 192.0.2.10:80", "INPUT -m conntrack --ctstate DNAT -j ACCEPT", "DROP"),
        ("DNAT --to-destination 127.0.0.1:80", "INPUT -d 127.0.0.1 -j ACCEPT", "ACCEPT"),
        ("REDIRECT --to-ports 8080", "INPUT -p tcp --dport 8080 -j ACCEPT", "ACCEPT"),
        ("REDIRECT --to-ports 8080", "INPUT -m addrtype --dst-type LOCAL -j ACCEPT", "ACCEPT"),
        ("NETMAP --to 10.1.2.0/24", "FORWARD -d 10.1.2.10 -j ACCEPT", "ACCEPT"),
    ],
)
def test_a_translated_packet_is_asked_about_its_new_address(target: str, rule: str, verdict: str) -> None:
    found = follow(WEB, rule, nat=[f"PREROUTING -p tcp -j {target}"])
    assert (found.verdict, found.settled) == (verdict, True)


def test_a_translated_ipv6_packet() -> None:
    text = ruleset(
        {
            "nat": ["PREROUTING -p tcp -j DNAT --to-destination [2001:db8::5]:81"],
            "filter": ["FORWARD -d 2001:db8::5 -p tcp --dport 81 -j ACCEPT"],
        },
        FORWARD="DROP",
    )
    found = ruleset_lint.trace(text, "in=eth0 tcp [2001:db8::1]:1 > [2001:db8::2]:80")
    assert (found.verdict, found.course, found.settled) == ("ACCEPT", "forwarded", True)


@pytest.mark.parametrize(
    ("nat", "rule"),
    [
        ("PREROUTING -p tcp -j DNAT --to-destination 10.0.0.5-10.0.0.9", "FORWARD -d 10.0.0.6 -j ACCEPT"),
        ("PREROUTING -p tcp -j DNAT --to-destination 10.0.0.5:80-90", "FORWARD -p tcp --dport 80 -j ACCEPT"),
        ("PREROUTING -p tcp -j REDIRECT", "INPUT -d 192.0.2.10 -j ACCEPT"),
        ("PREROUTING -p tcp -j DNAT --to-destination 10.0.0.5", "FORWARD -o eth1 -j ACCEPT"),
    ],
)
def test_what_nat_leaves_open_is_not_decided(nat: str, rule: str) -> None:
    found = follow(WEB, rule, nat=[nat])
    assert (found.verdict, found.settled, found.assumptions[0].otherwise) == ("DROP", False, "ACCEPT")


def test_a_rule_of_nat_that_translates_nothing_leads_nowhere_else() -> None:
    packet = "in=eth0 udp 203.0.113.7:40000 > 224.0.0.251:5353"
    assert follow(packet, "INPUT -j ACCEPT", nat=["PREROUTING -j LOG"]).course == "incoming"


def test_what_leaves_after_nat_may_leave_elsewhere() -> None:
    nat = ["OUTPUT -p udp -j DNAT --to-destination 10.0.0.5"]
    found = follow(OWN, "OUTPUT -o eth0 -j ACCEPT", nat=nat, mangle=["POSTROUTING -o eth0 -j DROP"])
    assert (found.verdict, found.guesses) == ("DROP", ("out eth0 as before NAT",))


def test_packets_of_a_connection_are_taken_for_not_translated() -> None:
    packet = "in=eth0 tcp 203.0.113.7:40000 > 192.0.2.10:80 flags=ACK state=ESTABLISHED"
    found = follow(packet, "INPUT -d 192.0.2.10 -j ACCEPT", nat=["POSTROUTING -j MASQUERADE"])
    assert (found.verdict, found.settled, found.guesses) == ("ACCEPT", True, ("its connection is not translated",))


def test_a_course_that_is_asked_for_stays() -> None:
    text = ruleset(
        {
            "nat": ["PREROUTING -p tcp -j DNAT --to-destination 192.0.2.11"],
            "filter": ["INPUT -m addrtype --dst-type LOCAL -j ACCEPT"],
        },
        INPUT="DROP",
    )
    found = ruleset_lint.trace(text, WEB, course="incoming")
    assert (found.course, found.verdict) == ("incoming", "ACCEPT")


SET, NOT_SET = "-m set --match-set bad src", "-m set ! --match-set bad src"


def test_a_question_without_an_answer_is_answered_no_and_named() -> None:
    found = follow(WEB, f"INPUT {SET} -j DROP", "INPUT -j ACCEPT")
    (one,) = found.assumptions
    assert (found.verdict, found.settled) == ("ACCEPT", False)
    assert (one.question, one.rule.chain, one.otherwise) == (SET, "INPUT", "DROP")


@pytest.mark.parametrize(("answer", "verdict"), [("yes", "DROP"), ("no", "ACCEPT")])
def test_an_answer_in_the_packet_settles_it(answer: str, verdict: str) -> None:
    found = follow(f'{WEB} "{SET}"={answer}', f"INPUT {SET} -j DROP", "INPUT -j ACCEPT")
    assert (found.verdict, found.settled, found.assumptions, found.unasked) == (verdict, True, (), ())


def test_the_same_question_has_the_same_answer() -> None:
    found = follow(f'{WEB} "{SET}"=yes', f"INPUT {SET} -j A", f"A {NOT_SET} -j DROP", "A -j ACCEPT")
    assert (found.verdict, found.settled) == ("ACCEPT", True)


def test_what_counts_is_asked_anew_at_each_rule() -> None:
    limit = "INPUT -m limit --limit 5/sec -j ACCEPT"
    found = follow(WEB, limit, limit)
    assert [one.question.rpartition(" at line ")[0] for one in found.assumptions] == ["-m limit --limit 5/sec"] * 2
    assert len({one.question for one in found.assumptions}) == 2
    first = found.assumptions[0].question
    assert follow(f'{WEB} "{first}"=no', limit, limit).assumptions[0].question == found.assumptions[1].question


def test_an_answer_that_nothing_asks_is_named() -> None:
    assert follow(f'{WEB} "-m set --match-set god src"=yes', f"INPUT {SET} -j DROP").unasked == (
        "-m set --match-set god src",
    )


@pytest.mark.parametrize("where", ["", " at line 9"])
@pytest.mark.parametrize(
    ("question", "rule"),
    [("-m limit --limit 5/sec", "-m limit --limit 5/sec"), ("length 0 to 40", "-m length --length 0:40")],
)
def test_an_answer_names_its_question_with_its_line_or_without(question: str, rule: str, where: str) -> None:
    found = follow(f'{WEB} "{question}{where}"=yes', "INPUT -j LOG", f"INPUT {rule} -j ACCEPT")
    assert (found.verdict, found.settled, found.unasked) == ("ACCEPT", True, ())


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param([f"INPUT {SET} -j LOG", "INPUT -j ACCEPT"], id="only logged"),
        pytest.param([f"INPUT {SET} -j ACCEPT", "INPUT -j ACCEPT"], id="the same either way"),
        pytest.param([f"INPUT {SET} -j A", f"A {NOT_SET} -j DROP", "INPUT -j ACCEPT"], id="yes and no"),
        pytest.param([f"INPUT -p udp {SET} -j DROP", "INPUT -j ACCEPT"], id="another protocol"),
    ],
)
def test_what_makes_no_difference_leaves_the_verdict_settled(rules: list[str]) -> None:
    found = follow(WEB, *rules)
    assert (found.verdict, found.settled) == ("ACCEPT", True)


def test_two_answers_together_can_make_the_difference() -> None:
    other = "-m set --match-set worse src"
    found = follow(WEB, f"INPUT {SET} {other} -j DROP", "INPUT -j ACCEPT")
    assert (found.settled, {one.otherwise for one in found.assumptions}) == (False, {"ACCEPT"})


def test_hundreds_of_questions_end_undecided_and_soon() -> None:
    rules = [f"INPUT -m set --match-set s{number} src -j ACCEPT" for number in range(300)]
    assert not follow(WEB, *rules, "INPUT -j ACCEPT").settled


@pytest.mark.parametrize("field", ["-m length --length 100:200", "-m mac --mac-source 02:00:00:00:00:01"])
def test_fields_that_are_not_said_and_cannot_be_guessed_are_asked(field: str) -> None:
    found = follow(WEB, f"INPUT {field} -j ACCEPT")
    assert (found.settled, len(found.assumptions)) == (False, 1)


@pytest.mark.parametrize(
    ("packet", "rule", "guess"),
    [
        ("in=eth0 tcp 1.2.3.4:1 > 192.0.2.10:80", "-p tcp --syn", "flags SYN"),
        ("in=eth0 tcp 1.2.3.4:1 > 192.0.2.10:80 flags=SYN", "-m state --state NEW", "state NEW"),
        ("in=eth0 tcp 1.2.3.4:1 > 192.0.2.10:80 flags=ACK", "-m state --state ESTABLISHED", "state ESTABLISHED"),
        ("in=eth0 tcp 1.2.3.4:1 > 192.0.2.10:80 flags=SYN,FIN", "-m state --state INVALID", "state INVALID"),
        ("in=eth0 icmp 1.2.3.4 > 192.0.2.10 type=3", "-m state --state RELATED", "state RELATED"),
        ("in=eth0 icmp 1.2.3.4 > 192.0.2.10", "-p icmp --icmp-type echo-request", "icmp type 8"),
        ("in=eth0 udp 1.2.3.4:1 > 192.0.2.10:80", "-m addrtype --dst-type LOCAL", "destination type LOCAL"),
        ("in=eth0 udp 1.2.3.4:1 > 192.0.2.10:80", "-m dscp --dscp 0", "tos 0x0"),
        ("in=eth0 tcp 1.2.3.4:1 > 192.0.2.10:80", "-p tcp -m tcp --dport 80", ""),
        ("in=eth0 udp 1.2.3.4:1 > 224.0.0.1:80", "-m addrtype --dst-type MULTICAST", ""),
        ("in=eth0 udp 1.2.3.4:1 > 192.0.2.10:80", "-m mark --mark 0", ""),
    ],
)
def test_guesses_that_rules_ask_for_are_named(packet: str, rule: str, guess: str) -> None:
    found = follow(packet, f"INPUT {rule} -j ACCEPT")
    assert (found.verdict, found.settled, found.guesses) == ("ACCEPT", True, (guess,) if guess else ())


def test_ipv6_discovery_is_not_tracked() -> None:
    text = ruleset({"filter": ["INPUT -m state --state UNTRACKED -j ACCEPT"]}, INPUT="DROP")
    packet = "in=eth0 icmp fe80::1 > fe80::2 type=neighbour-solicitation"
    assert ruleset_lint.trace(text, packet).verdict == "ACCEPT"


def test_a_connmark_that_comes_back_is_not_known() -> None:
    found = follow(WEB, "INPUT -m mark --mark 1 -j ACCEPT", mangle=["PREROUTING -j CONNMARK --restore-mark"])
    assert (found.verdict, found.settled) == ("DROP", False)


def test_an_unknown_target_may_decide() -> None:
    found = follow(WEB, "INPUT -j WONDER --much 3", "INPUT -j ACCEPT")
    assert (found.verdict, found.settled) == ("ACCEPT", False)


def test_thousands_of_chains_do_not_exhaust_the_stack() -> None:
    names = [f"X{number}" for number in range(5000)]
    jumps = "".join(f"-A {one} -j {two}\n" for one, two in itertools.pairwise(names))
    declared = "".join(f":{name} - [0:0]\n" for name in names)
    text = f"*filter\n:INPUT DROP [0:0]\n{declared}-A INPUT -j X0\n{jumps}-A X4999 -j ACCEPT\nCOMMIT\n"
    assert ruleset_lint.trace(text, WEB, backend="legacy").verdict == "ACCEPT"


@pytest.mark.parametrize(
    ("text", "packet", "reason"),
    [
        (ruleset({"filter": ["INPUT -j A", "A -j A"]}), WEB, "chain loop"),
        ("*filter\n-A INPUT -j NOWHERE\nCOMMIT\n*raw\n-A PREROUTING -j NOTRACK", WEB, "line"),
        (ruleset({"filter": []}), "tcp 1.2.3.4:1 > 1.2.3.4:2", "packet: in= or out= expected"),
        (ruleset({"filter": []}), "in=eth0 tcp 1.2.3.4:1 >", "packet: column 23: protocol, source"),
    ],
)
def test_what_cannot_be_traced(text: str, packet: str, reason: str) -> None:
    with pytest.raises(ruleset_lint.InputError, match=reason):
        ruleset_lint.trace(text, packet)


def test_the_family_of_the_ruleset_must_be_that_of_the_packet() -> None:
    with pytest.raises(ruleset_lint.InputError, match="IPv6 addresses expected"):
        ruleset_lint.trace(ruleset({"filter": []}), WEB, family=6)


rules = st.builds(
    "{} {} -j {}".format,
    st.sampled_from(("INPUT", "A")),
    st.sampled_from((SET, NOT_SET, "-m set --match-set worse src", "-p tcp", "-p udp", "")),
    st.sampled_from(("ACCEPT", "DROP", "RETURN", "LOG")),
)


@given(st.lists(rules, max_size=6), st.booleans(), st.booleans())
def test_a_settled_verdict_holds_for_every_answer(some: list[str], bad: bool, worse: bool) -> None:
    given_rules = ["INPUT -p tcp -j A", *some]
    answers = f'"{SET}"={"yes" if bad else "no"} "-m set --match-set worse src"={"yes" if worse else "no"}'
    open_, answered = follow(WEB, *given_rules), follow(f"{WEB} {answers}", *given_rules)
    assert answered.settled
    if open_.settled:
        assert open_.verdict == answered.verdict
