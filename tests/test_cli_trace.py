"""`ruleset-lint trace`: what it prints, its exit codes, what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from running import GOOD, Command, Put

WEB = "in=eth0 tcp 203.0.113.7:40000 > 192.0.2.10:80"
RULES = """\
*raw
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 80 -j CT --notrack
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -j RETURN
COMMIT
*filter
:INPUT DROP [0:0]
-A INPUT -m set --match-set bad src -j DROP
-A INPUT -p tcp -m tcp --dport 80 --syn -j ACCEPT
COMMIT
"""
SHOWN = """\
a.rules: incoming
  in=eth0 tcp 203.0.113.7:40000 > 192.0.2.10:80 flags=SYN state=NEW
  PREROUTING  raw       3: -A PREROUTING -p tcp -m tcp --dport 80 -j CT --notrack
                          state INVALID > UNTRACKED
                        ACCEPT, the policy
  PREROUTING  conntrack UNTRACKED
  PREROUTING  nat       not asked: of a connection, nat sees the first packet
  INPUT       filter    12: -A INPUT -p tcp -m tcp --dport 80 --syn -j ACCEPT
                          ACCEPT
ACCEPT, if the answer to what is not known is no:
  = line 11: -m set --match-set bad src? If so: DROP
  = answers stand in the packet: "-m set --match-set bad src"=yes
  = guessed: flags SYN
"""
ANSWER = '"-m set --match-set bad src"'


def test_the_way_of_a_packet(command: Command, put: Put) -> None:
    put("a.rules", RULES)
    assert command("trace", "a.rules", "--packet", WEB) == (3, SHOWN, "")


@pytest.mark.parametrize(("answer", "verdict"), [("yes", "DROP"), ("no", "ACCEPT")])
def test_a_known_verdict_is_the_last_line_but_for_guesses(
    command: Command, put: Put, answer: str, verdict: str
) -> None:
    put("a.rules", RULES)
    ran = command("trace", "a.rules", "--packet", f"{WEB} flags=SYN {ANSWER}={answer}")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, verdict)


def test_answers_that_nothing_asks_are_named(command: Command, put: Put) -> None:
    put("a.rules", GOOD)
    ran = command("trace", "a.rules", "--packet", f'{WEB} "-m set --match-set god src"=yes')
    assert ran.out.splitlines()[-1] == "  = no rule asked: -m set --match-set god src"


def test_json(command: Command, put: Put) -> None:
    put("a.rules", RULES)
    ran = command("trace", "a.rules", "--packet", WEB, "--output-format", "json")
    (found,) = json.loads(ran.out)["traces"]
    assert (ran.code, found["path"], found["verdict"], found["settled"]) == (3, "a.rules", "ACCEPT", False)
    assert found["assumptions"] == [{"question": "-m set --match-set bad src", "line": 11, "otherwise": "DROP"}]
    assert [(one["hook"], one["table"], one["verdict"], one["line"]) for one in found["passages"]] == [
        ("PREROUTING", "raw", "ACCEPT", None),
        ("PREROUTING", "conntrack", "UNTRACKED", None),
        ("PREROUTING", "nat", None, None),
        ("INPUT", "filter", "ACCEPT", 12),
    ]
    assert found["passages"][0]["changes"] == [{"line": 3, "text": "state INVALID > UNTRACKED"}]
    assert found["passages"][0]["met"] == [3]


def test_standard_input(command: Command) -> None:
    ran = command("trace", "-", "--packet", WEB, stdin=GOOD.encode())
    assert (ran.code, ran.out.splitlines()[0]) == (0, "-: incoming")


def test_a_machine_is_traced_through_the_ruleset_that_it_loads(command: Command, put: Put) -> None:
    put("web/etc/sysconfig/iptables")
    put("web/etc/sysconfig/ip6tables", GOOD.replace("192.0.2.1/32", "2001:db8::1/128"))
    ran = command("trace", "web", "--packet", "in=eth0 udp [2001:db8::1]:5 > [2001:db8::2]:53")
    assert ran.out.startswith("web/etc/sysconfig/ip6tables: incoming\n")
    assert ran.out.endswith("\nDROP\n")


def test_of_several_files_each_is_traced(command: Command, put: Put) -> None:
    put("a.rules")
    put("b.rules")
    ran = command("trace", "a.rules", "b.rules", "--packet", WEB)
    assert [line for line in ran.out.splitlines() if ".rules" in line] == ["a.rules: incoming", "b.rules: incoming"]


def test_a_line_of_tcpdump(command: Command, put: Put) -> None:
    put("a.rules")
    line = "12:00:00.0 eth0  In  IP 192.0.2.1.4000 > 192.0.2.2.80: Flags [S], seq 1, length 0"
    ran = command("trace", "a.rules", "--packet", line)
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "DROP")


def test_a_course_where_the_interfaces_do_not_tell(command: Command, put: Put) -> None:
    put("a.rules")
    ran = command("trace", "a.rules", "--packet", "udp 1.2.3.4:5 > 5.6.7.8:9", "--course", "forwarded")
    assert (ran.code, ran.out.splitlines()[0]) == (0, "a.rules: forwarded")


LOOP = GOOD.replace("-A INPUT", ":A - [0:0]\n-A A -j A\n-A INPUT -j A\n-A INPUT")


@pytest.mark.parametrize(
    ("text", "words", "complaint"),
    [
        (GOOD, ["--packet", "tcp 1.2.3.4:5 >"], "--packet: column 15: protocol, source, > and destination expected"),
        (GOOD, ["--packet", "udp 1.2.3.4:5 > 5.6.7.8:9"], "--packet: in= or out= expected"),
        (GOOD, ["--packet", "in=lo udp [::1]:5 > [::1]:9"], "no ruleset for IPv6 in a.rules; --family says"),
        (GOOD, [], "Missing option '--packet'"),
        (LOOP, ["--packet", WEB], "a.rules: line 5: chain loop: A > A: it would not load, so no packet meets it"),
        ("-A INPUT -j ACCEPT\n", ["--packet", WEB, "--fragment"], "a.rules: a part for --noflush"),
        (GOOD, ["--packet", f"{WEB} \x1b[31m"], r"`\x1b[31m`"),
    ],
)
def test_what_is_wrong_is_one_line(command: Command, put: Put, text: str, words: list[str], complaint: str) -> None:
    put("a.rules", text)
    ran = command("trace", "a.rules", *words)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert complaint in ran.err


def test_nothing_of_a_file_reaches_the_terminal_raw(command: Command, put: Put) -> None:
    put("a.rules", GOOD.replace("-s 192.0.2.1/32", '-m comment --comment "\x1b[2J"'))
    ran = command("trace", "a.rules", "--packet", WEB)
    assert "\x1b" not in ran.out
    assert r'--comment "\x1b[2J" -j DROP' in ran.out


README = Path(__file__).parent.parent / "README.md"
EXAMPLE = re.compile(r"\$ ruleset-lint trace (\S+) --packet '(.*)'\n(.*?)```", re.DOTALL)


def test_the_example_of_the_readme_is_fresh(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(README.parent)
    shown = EXAMPLE.search(README.read_text("utf-8"))
    assert shown
    assert command("trace", shown[1], "--packet", shown[2]) == (0, shown[3], "")
