"""What becomes of all packets of a kind: questions as text, and the lists that answer them."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_corpus import DUMPS

import ruleset_lint
from ruleset_lint.model.blocks import family_of
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.bounds import NotDecidedError
from ruleset_lint.packets.box_text import box_text
from ruleset_lint.packets.formula import All, Between, Bits, Formula, Interface, Not, Some, equal, in_state
from ruleset_lint.packets.lists import boxes
from ruleset_lint.packets.question_text import LONGEST, QuestionError, families, read_question
from ruleset_lint.packets.space import Space
from ruleset_lint.packets.universe import universe
from ruleset_lint.text import decode

WEB = """\
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
-A INPUT -m set --match-set bad src -j DROP
-A INPUT -p icmp -m icmp --icmp-type 8 -m limit --limit 5/min -j ACCEPT
-A INPUT -s 10.1.0.0/16 -j REJECT
-A INPUT -s 10.0.0.0/8 -p tcp --dport 22 -j ACCEPT
-A INPUT -p tcp -m multiport --dports 80,443 -j ACCEPT
COMMIT
"""
FORWARDING = """\
*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -i eth0 -p tcp --dport 80 -j DNAT --to-destination 10.0.0.1:8080
-A PREROUTING -i eth0 -p tcp --dport 25 -j DNAT --to-destination 10.0.0.2
COMMIT
*filter
:FORWARD DROP [0:0]
-A FORWARD -i eth0 -d 10.0.0.1 -p tcp --dport 8080 -j ACCEPT
-A FORWARD -i eth0 -d 10.0.0.2 -p tcp --dport 25 -j ACCEPT
COMMIT
"""
UNTRACKED = """\
*raw
:PREROUTING ACCEPT [0:0]
-A PREROUTING -i eth0 -p tcp --dport 80 -j CT --notrack
COMMIT
*filter
:INPUT DROP [0:0]
-A INPUT -m conntrack --ctstate UNTRACKED -j ACCEPT
COMMIT
"""
BAD = '"-m set --match-set bad src"'
LIMIT = '"-m limit --limit 5/min" (line 8)'
REJECT = "REJECT icmp-port-unreachable"


def answers(text: str, question: str, course: str | None = None, family: int = 4) -> dict[str, list[str]]:
    found = ruleset_lint.query(text, question, family=family, course=course)  # type: ignore[arg-type]
    return {group.verdict: [box_text(box, family) for box in group.boxes] for group in found.groups}


@pytest.mark.parametrize(
    ("text", "question", "expected"),
    [
        pytest.param(
            WEB,
            "tcp dport 22",
            {
                "ACCEPT": ["in lo", f"from 10.0.0.0/8 but not 10.1.0.0/16 unless {BAD}"],
                "DROP": ["not in lo not from 10.0.0.0/8", f"not in lo if {BAD}"],
                REJECT: [f"not in lo from 10.1.0.0/16 unless {BAD}"],
            },
            id="ssh",
        ),
        pytest.param(
            WEB,
            "dport 80 tcp from 10.2.0.0/16 in eth0",
            {"ACCEPT": [f"unless {BAD}"], "DROP": [f"if {BAD}"]},
            id="words in any order, and only what is not asked is said",
        ),
        pytest.param(
            WEB,
            "icmp type echo-request in eth0 not from 10.1.0.0/16",
            {"ACCEPT": [f"if {LIMIT} unless {BAD}"], "DROP": [f"if {BAD}", f"unless {LIMIT}"]},
            id="what counts has a line",
        ),
        pytest.param(WEB, "tcp in lo", {"ACCEPT": ["everything"]}, id="one verdict"),
        pytest.param(WEB, "state ESTABLISHED", {"ACCEPT": ["everything"]}, id="a state that is said"),
        pytest.param(WEB, "tcp out eth0", {"ACCEPT": ["everything"]}, id="out alone is outgoing"),
        pytest.param(WEB, "tcp in eth0 out eth1", {"DROP": ["everything"]}, id="in and out are forwarded"),
        pytest.param(
            WEB,
            "in eth0 tcp",
            {
                "ACCEPT": [
                    f"not from 10.1.0.0/16 dport 80,443 unless {BAD}",
                    f"from 10.0.0.0/8 but not 10.1.0.0/16 dport 22 unless {BAD}",
                ],
                "DROP": [
                    f"if {BAD}",
                    "not from 10.1.0.0/16 not dport 22,80,443",
                    "not from 10.0.0.0/8 dport 22",
                ],
                REJECT: [f"from 10.1.0.0/16 unless {BAD}"],
            },
            id="all of tcp",
        ),
        pytest.param(
            FORWARDING,
            "tcp in eth0 out eth1",
            {
                "ACCEPT": ["dport 25,80", "to 10.0.0.1 dport 8080"],
                "DROP": ["not to 10.0.0.1 dport 8080", "not dport 25,80,8080"],
            },
            id="where DNAT leads to is known",
        ),
        pytest.param(
            UNTRACKED,
            "tcp",
            {"ACCEPT": ["in eth0 dport 80"], "DROP": ["not in eth0", "not dport 80"]},
            id="untracked by the raw table",
        ),
        pytest.param("*filter\nCOMMIT\n", "", {"ACCEPT": ["everything"]}, id="a ruleset without rules"),
        pytest.param(
            "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp --dport 22:25 -j DROP\nCOMMIT\n",
            "tcp dport ssh-30",
            {"ACCEPT": ["dport 26-30"], "DROP": ["dport 22-25"]},
            id="names and ranges of ports",
        ),
        pytest.param(
            "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp ! --syn -m state --state NEW -j DROP\nCOMMIT\n",
            "tcp",
            {"ACCEPT": ["everything"]},
            id="without a state, tcp opens with SYN",
        ),
    ],
)
def test_who_is_accepted_and_who_is_not(text: str, question: str, expected: dict[str, list[str]]) -> None:
    found = answers(text, question)
    assert {verdict: sorted(said) for verdict, said in found.items()} == {
        verdict: sorted(said) for verdict, said in expected.items()
    }
    assert next(iter(found)) == min(found, key=lambda verdict: (verdict != "ACCEPT", verdict))


def test_ipv6() -> None:
    text = "*filter\n:INPUT DROP [0:0]\n-A INPUT -s 2001:db8::/32 -p icmpv6 -j ACCEPT\nCOMMIT\n"
    assert answers(text, "icmp", family=6) == {"ACCEPT": ["from 2001:db8::/32"], "DROP": ["not from 2001:db8::/32"]}


def test_the_course_can_be_said() -> None:
    assert answers(WEB, "tcp dport 22", "forwarded") == {"DROP": ["everything"]}


def test_what_is_translated_is_named() -> None:
    found = ruleset_lint.query(FORWARDING, "tcp dport 80", course="forwarded")
    assert found.translated == ("DNAT --to-destination 10.0.0.1:8080",)


@pytest.mark.parametrize(
    ("text", "question", "error", "reason"),
    [
        (
            WEB,
            "tcp frm 10.0.0.1",
            ruleset_lint.InputError,
            "column 5: `frm`: not known; the words are a protocol",
        ),
        (WEB, "udp flags SYN", ruleset_lint.InputError, "no packet is so that is incoming"),
        (WEB, "tcp from 2001:db8::1", ruleset_lint.InputError, "column 10: `2001:db8::1`: IPv4 network, address"),
        ("*filter\n-A NOWHERE -j ACCEPT\nCOMMIT\n", "tcp", ruleset_lint.NotLoadedError, "line 2"),
    ],
)
def test_what_cannot_be_answered(text: str, question: str, error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason.replace("(", r"\(")):
        ruleset_lint.query(text, question)


def test_what_takes_too_long_is_not_decided() -> None:
    with pytest.raises(NotDecidedError):
        ruleset_lint.query(WEB, "tcp", timeout=0)


TCP = equal(ask.PROTOCOL, 6)
SOURCE, DPORT = ask.SOURCE[4], ask.DESTINATION_PORT


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("state NEW", in_state("NEW")),
        ("state new,related", in_state("NEW", "RELATED")),
        ("not tcp state NEW", All((Not(TCP), in_state("NEW")))),
        ("tcp", All((TCP, in_state("NEW"), Bits(ask.FLAGS, 0b010111, 2)))),
        ("flags SYN,ACK", All((TCP, in_state("NEW"), equal(ask.FLAGS, 18)))),
        ("state NEW flags SYN/SYN,ACK or RST/RST", All((in_state("NEW"), TCP, Some(
            (Bits(ask.FLAGS, 18, 2), Bits(ask.FLAGS, 4, 4)))))),
        ("state NEW tcp dport 22, 80-90", All((
            TCP, in_state("NEW"), Some((equal(DPORT, 22), Between(DPORT, 80, 90)))))),
        ("state NEW tcp dport 1024-", All((TCP, in_state("NEW"), Between(DPORT, 1024, 65535)))),
        ("state NEW tcp dport http,ftp-data", All((TCP, in_state("NEW"), Some((equal(DPORT, 80), equal(DPORT, 20)))))),
        ("from 10.0.0.0/8 but not 10.1.0.0/16 state NEW", All((
            in_state("NEW"), Bits(SOURCE, 0xFF << 24, 10 << 24), Not(Bits(SOURCE, 0xFFFF << 16, 0x0A010000))))),
        ("from 10.0.0.1-10.0.0.9 state NEW", All((in_state("NEW"), Between(SOURCE, 0x0A000001, 0x0A000009)))),
        ("from 10.0.0.1/255.0.0.255 state NEW", All((in_state("NEW"), Bits(SOURCE, 0xFF0000FF, 0x0A000001)))),
        ("icmp type fragmentation-needed state RELATED", All((
            equal(ask.PROTOCOL, 1), in_state("RELATED"), equal(ask.ICMP_TYPE, 3), equal(ask.ICMP_CODE, 4)))),
        ("mark 0x1/0xff ttl 2-9 dst-type LOCAL reply state ESTABLISHED", All((
            Bits(ask.MARK, 255, 1), Between(ask.TTL, 2, 9), ask.of_type(ask.DESTINATION_TYPE, "LOCAL"),
            equal(ask.REPLY, 1), in_state("ESTABLISHED")))),
        ("not in eth0,lo state NEW", All((
            in_state("NEW"), Not(Interface(ask.IN, "eth0")), Not(Interface(ask.IN, "lo"))))),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)  # fmt: skip
def test_a_question_asks_what_it_says(text: str, formula: Formula) -> None:
    space = Space(4, ("eth0",))
    real = space.of(universe(4))
    assert space.both(real, space.of(read_question(text, 4).formula)) == space.both(real, space.of(formula))


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("tcp dport", 10, "a value expected after `dport`"),
        ("not", 4, "a word that is to be negated expected after `not`"),
        ("tcp dport 22 dport 80", 14, "said already at column 5: values of one word go with commas"),
        ("tcp dport 70000", 11, "port expected"),
        ("tcp dport ,", 11, "port expected"),
        ("from 10.0.0.0/33", 6, "IPv4 network, address or range expected"),
        ("from 10.0.0.1-2001::1", 6, "IPv4 network, address or range expected"),
        ("state NWE", 7, "one of INVALID, NEW, ESTABLISHED, RELATED, UNTRACKED expected"),
        ("tcp flags SIN", 11, "TCP flag expected"),
        ("in averyverylonginterfacename", 4, "interface name of 1 to 15 bytes expected"),
        ("mark x", 6, "number from 0"),
        ("all", 1, "protocol expected that packets have"),
        ("mptcp", 1, "protocol expected that packets have"),
        ("x" * 9000, LONGEST + 1, "a question of at most"),
        ("tcp dport " + ",".join(["1"] * 2000), 11, "at most 1024 values"),
    ],
    ids=lambda one: str(one)[:40],
)
def test_what_is_wrong_with_a_question_has_a_column(text: str, column: int, reason: str) -> None:
    with pytest.raises(QuestionError) as caught:
        read_question(text, 4)
    assert caught.value.column == column
    assert reason in caught.value.reason
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("text", "expected"), [("tcp", [4, 6]), ("from 10.0.0.1", [4]), ("to 2001:db8::/32", [6]), ("icmp", [4, 6])]
)
def test_addresses_say_the_family(text: str, expected: list[int]) -> None:
    assert list(families(text)) == expected


def test_addresses_of_both_families_are_no_question() -> None:
    with pytest.raises(QuestionError, match="column 18"):
        list(families("from 10.0.0.1 to 2001:db8::1"))


SCRAPS = (
    *("tcp", "from", "to", "not", "but", ",", "or", "10.0.0.0/8", "::/0", "22", "1-", "in", "eth+", "state", "NEW"),
    *("flags", "SYN/", "type", "8", "mark", "/", "0x1/0xf", "ttl", "mac", "1:2:3:4:5:6", "\x1b[2J"),
)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.lists(st.sampled_from(SCRAPS), max_size=8).map(" ".join))
def test_any_text_is_a_question_or_an_error(text: str) -> None:
    try:
        question = read_question(text, 4)
    except QuestionError as error:
        column = error.column
    else:
        column = 1
        Space(4, question.patterns).of(question.formula)
    assert 1 <= column <= len(text) + 1


ASKED = [
    ("", "tcp", "not udp", "icmp type echo-request", "not icmp type 3 code 4"),
    ("", "from 10.0.0.0/8 but not 10.1.0.0/16", "not from 192.0.2.1,192.0.2.9", "from 10.0.0.3-10.0.0.77"),
    ("", "dport 22,80-90", "not dport 443", "sport 1024-", "tcp flags SYN/SYN,ACK", "not flags RST/RST"),
    ("", "in eth0", "not in eth+", "in eth+ but not eth0", "mark 0x1/0xff", "dst-type LOCAL", "ttl 2-9", "not snat"),
]


@settings(max_examples=60, deadline=None)
@given(st.tuples(*map(st.sampled_from, ASKED)), st.sampled_from(["", "state NEW,RELATED", "not state INVALID"]))
def test_a_list_reads_back_as_questions(words: tuple[str, ...], state: str) -> None:
    space = Space(4, ("eth0", "eth+"))
    real = space.of(universe(4))
    try:
        question = read_question(" ".join(filter(None, (*words, state or "not state UNTRACKED"))), 4)
    except QuestionError:  # a protocol twice
        return
    wanted = space.both(real, space.of(question.formula))
    texts = [box_text(box, 4).replace("everything", "") for box in boxes(space, wanted, care=real)]
    stated = [
        text if " state" in f" {text}" else f"{text} state INVALID,NEW,ESTABLISHED,RELATED,UNTRACKED" for text in texts
    ]
    read = [space.of(read_question(text, 4).formula) for text in stated]
    assert space.both(real, space.any_of(read)) == wanted


@pytest.mark.skipif(not DUMPS, reason="no corpus: RULESET_LINT_CORPUS names none")
@pytest.mark.parametrize("path", DUMPS, ids=lambda path: f"{path.parent.name}/{path.name[-60:]}")
def test_rulesets_of_others_are_asked_in_bounded_time(path: Path) -> None:
    text = decode(path.read_bytes())
    start = time.monotonic()
    with contextlib.suppress(ruleset_lint.NotLoadedError, NotDecidedError):
        ruleset_lint.query(text, "tcp dport 22", family=family_of(str(path), text), timeout=10)
    assert time.monotonic() - start < 20
