"""What a rule answers to packets of which only some fields are known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruleset_lint.model.loading import load
from ruleset_lint.model.rule import Rule
from ruleset_lint.netfilter.values import Network
from ruleset_lint.packets.answers import Answers
from ruleset_lint.packets.sketch import Answer, Sketch, answer, both
from ruleset_lint.syntax.iptables_save import parse

YES, NO, MAYBE = Answer.YES, Answer.NO, Answer.MAYBE
WEB = Sketch(protocol=6, destination_port=(80, 80), not_in="lo", destination_is_local=True)
SYN = Sketch(protocol=6, flags_set=frozenset({"SYN"}), flags_clear=frozenset({"ACK", "RST", "FIN"}))
ONE = Sketch(source=Network(0xC0000201, 0xFFFFFFFF))
FROM_TEN = Sketch(source=Network(0x0A000000, 0xFF000000))


def rule(words: str, family: int = 4) -> Rule:
    return load(parse("test", f"*filter\n-A INPUT {words}\nCOMMIT\n"), family).rules[0]


@pytest.mark.parametrize(
    ("words", "sketch", "expected"),
    [
        pytest.param("-j DROP", WEB, YES, id="no condition"),
        pytest.param("-p tcp", WEB, YES, id="protocol"),
        pytest.param("-p 6", WEB, YES, id="protocol by number"),
        pytest.param("! -p udp", WEB, YES, id="another protocol negated"),
        pytest.param("-p udp", WEB, NO, id="another protocol"),
        pytest.param("-p all", WEB, YES, id="all protocols"),
        pytest.param("-p tcp", Sketch(), MAYBE, id="protocol not known"),
        pytest.param("-p tcp --dport 80", WEB, YES, id="port"),
        pytest.param("-p tcp --dport http", WEB, YES, id="port by name"),
        pytest.param("-p tcp --dport 1:1023", WEB, YES, id="range with the port"),
        pytest.param("-p tcp ! --dport 80", WEB, NO, id="port negated"),
        pytest.param("-p tcp --dport 443", WEB, NO, id="another port"),
        pytest.param("-p tcp --sport 1024:", WEB, MAYBE, id="port that is not known"),
        pytest.param("-p tcp -m multiport --dports 22,80", WEB, YES, id="port of a list"),
        pytest.param("-p tcp -m multiport --dports 22,443", WEB, NO, id="no port of a list"),
        pytest.param("-i lo", WEB, NO, id="interface it does not use"),
        pytest.param("! -i lo", WEB, YES, id="interface it does not use, negated"),
        pytest.param("-i eth0", WEB, MAYBE, id="interface it may use"),
        pytest.param("-i eth+", Sketch(in_interface="eth0"), YES, id="interface by its beginning"),
        pytest.param("-i +", Sketch(), YES, id="any interface"),
        pytest.param("-s 10.0.0.0/8", FROM_TEN, YES, id="source inside"),
        pytest.param("-s 10.1.0.0/16", FROM_TEN, MAYBE, id="source partly inside"),
        pytest.param("-s 192.0.2.0/24", FROM_TEN, NO, id="source outside"),
        pytest.param("! -s 192.0.2.0/24", FROM_TEN, YES, id="source outside, negated"),
        pytest.param("-s 0.0.0.0/0", Sketch(), YES, id="any source"),
        pytest.param("-s 10.0.0.0/8,192.0.2.1", FROM_TEN, YES, id="source in a list"),
        pytest.param("-s example.com", FROM_TEN, MAYBE, id="source by name"),
        pytest.param("-p tcp --syn", SYN, YES, id="SYN"),
        pytest.param("-p tcp ! --syn", SYN, NO, id="not SYN"),
        pytest.param("-p tcp --tcp-flags SYN,PSH SYN", SYN, MAYBE, id="a flag not known"),
        pytest.param("-p tcp --tcp-flags ACK ACK", SYN, NO, id="a flag that is clear"),
        pytest.param("-p tcp --tcp-flags SYN ACK", SYN, NO, id="set outside the mask never matches"),
        pytest.param("-m state --state NEW", Sketch(state="NEW"), YES, id="state"),
        pytest.param("-m state ! --state NEW", Sketch(state="UNTRACKED"), YES, id="negated list matches UNTRACKED"),
        pytest.param("-m conntrack --ctstate new,related", Sketch(state="NEW"), YES, id="state in lower case"),
        pytest.param("-m conntrack --ctstate SNAT", Sketch(state="NEW"), MAYBE, id="translation is no state"),
        pytest.param("-m conntrack --ctstate NEW --ctdir REPLY", Sketch(state="NEW"), MAYBE, id="more than the state"),
        pytest.param("-m addrtype --dst-type LOCAL", WEB, YES, id="local destination"),
        pytest.param("-m addrtype ! --dst-type LOCAL", WEB, NO, id="local destination negated"),
        pytest.param("-m addrtype --dst-type BROADCAST", WEB, MAYBE, id="another type"),
        pytest.param("-m comment --comment x", WEB, YES, id="comment"),
        pytest.param("-m limit --limit 1/s", WEB, MAYBE, id="limit"),
        pytest.param("-m fancy --level 3", WEB, MAYBE, id="unknown match"),
        pytest.param("-f", WEB, MAYBE, id="fragment"),
    ],
)
def test_a_rule_answers_for_all_packets_of_a_sketch(words: str, sketch: Sketch, expected: Answer) -> None:
    assert answer(rule(words), sketch) is expected


@pytest.mark.parametrize(("first", "second", "result"), [(YES, YES, YES), (YES, MAYBE, MAYBE), (NO, MAYBE, NO)])
def test_two_conditions_at_once(first: Answer, second: Answer, result: Answer) -> None:
    assert both(first, second) is both(second, first) is result


def test_ipv6_prefixes() -> None:
    inside = Sketch(family=6, source=Network(0x20010DB8 << 96, ((1 << 48) - 1) << 80))
    assert answer(rule("-s 2001:db8::/32", family=6), inside) is YES


CONDITIONS = (
    "-p tcp --dport 80", "-p tcp --dport 443", "-p udp --dport 80", "-p tcp -m multiport --dports 22,80",
    "-i lo", "-i eth0",
    "-s 10.0.0.0/8", "-s 192.0.2.1", "! -s 192.0.2.1", "-p tcp --syn", "-p tcp -m tcp --tcp-flags SYN,ACK ACK",
    "-m fancy --x 1",
    "-m state --state NEW", "-m state ! --state NEW,RELATED", "-m limit --limit 1/s",
    "-m comment --comment x", "-p all",
)  # fmt: skip


@given(
    st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=12), st.sampled_from([WEB, SYN, FROM_TEN, ONE, Sketch()])
)
def test_remembered_answers_are_the_same(words: list[str], sketch: Sketch) -> None:
    text = "".join(f"-A INPUT {one}\n" for one in words)
    rules = load(parse("test", f"*filter\n{text}COMMIT\n")).rules
    answers = Answers(sketch)
    assert [answers.of(one) for one in rules] == [answer(one, sketch) for one in rules]


VALUES = (
    "-p tcp --dport 80", "-p tcp --dport 443", "-p tcp --dport 0x50", "-p tcp --dport http", "-p tcp --dport 080",
    "-p tcp --dport 0", "-p tcp --dport 64999", "-p tcp --dport 65001", "-p tcp --dport 99999", "-p tcp --dport 1:1024",
    "-p tcp ! --dport 80", "-p tcp ! --dport 81", "-p tcp ! --sport 0:65535", "-p tcp --sport 80", "-p tcp --sport 99",
    "-p tcp -m multiport --dports 22,80", "-p tcp -m multiport --dports 22,81", "-p tcp -m multiport --ports 22,81",
    "-p tcp -m tcp --tcp-flags SYN,ACK ACK", "-p tcp -m tcp --tcp-flags SYN,ACK SYN", "-p tcp --tcp-option 2",
    "-s 10.1.2.3/32", "-s 10.1.2.3/15", "-s 10.1.2.3/8", "-s 10.2.0.0/16", "-s 192.1.2.3/32", "-s 010.1.2.3/32",
    "-s 10.1.2.3/255.255.0.0", "-s 300.1.2.3/32", "-s 10.1.2.3/33", "-s a.example", "! -s 10.2.0.0/16",
    "-s 10.1.0.0/16", "-s 192.0.2.1", "-s 0.0.0.0/0", "! -s 10.1.0.0/16", "! -s 0.0.0.0/0", "-s 11.0.0.0/8",
    "-d 192.0.2.1 ! -s 0.0.0.0/0", "-d 192.0.2.1 ! -s 10.1.0.0/16", "-i lo", "-i eth0", "-i +", "! -i lo", "! -i +",
    "-m conntrack --ctstate NEW", "-m conntrack --ctstate RELATED", "-m conntrack --ctstate NEW --ctdir REPLY",
    "-m addrtype --dst-type LOCAL", "-m addrtype --dst-type BROADCAST", "-m addrtype ! --dst-type LOCAL",
    "-p tcp -m tcp --dport 80 -m limit --limit 1/s", "-p tcp -m tcp --dport 81 -m limit --limit 1/s",
)  # fmt: skip
PACKETS = (
    WEB, SYN, FROM_TEN, Sketch(), Sketch(protocol=6, destination_port=(65001, 65001)), Sketch(state="NEW"),
    Sketch(protocol=6, destination_port=(65, 443)), Sketch(protocol=6, source_port=(80, 80), in_interface="eth0"),
    Sketch(source=Network(0x0A010203, 0xFFFFFFFF)), Sketch(source=Network(0x0A010000, 0xFFFF0000)),
    Sketch(destination=Network(0xC0000201, 0xFFFFFFFF)),
    Sketch(protocol=6, destination_port=(0, 0)), Sketch(protocol=6, source_port=(81, 99), state="ESTABLISHED"),
)  # fmt: skip


@pytest.mark.parametrize("sketch", PACKETS)
def test_rules_that_may_match_are_those_that_do_not_answer_no(sketch: Sketch) -> None:
    text = "".join(f"-A INPUT {one}\n" for one in VALUES)
    ruleset = load(parse("test", f"*filter\n{text}COMMIT\n"))
    found = [one for shape in ruleset.by_shape for one in Answers(sketch).may_match(ruleset, shape)]
    assert found == [one for rules in ruleset.by_shape.values() for one in rules if answer(one, sketch) is not NO]
