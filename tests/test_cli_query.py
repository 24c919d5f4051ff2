"""`ruleset-lint query`: what it prints, its exit codes, what it refuses."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from running import GOOD, Command, Put

ROOT = Path(__file__).parent.parent
RULES = """\
*filter
:INPUT DROP [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -s 10.0.0.0/8 -p tcp --dport 22 -j ACCEPT
-A INPUT -p tcp -m multiport --dports 80,443 -j ACCEPT
-A INPUT -p udp -j REJECT
COMMIT
"""
SHOWN = """\
a.rules: incoming: all packets
  = asked of packets that open a connection: state NEW, of TCP only SYN
ACCEPT
  in lo
  tcp dport 80,443
  tcp from 10.0.0.0/8 dport 22
REJECT icmp-port-unreachable
  udp not in lo
DROP
  everything else
"""


def test_lists_by_verdict(command: Command, put: Put) -> None:
    put("a.rules", RULES)
    assert command("query", "a.rules", "") == (0, SHOWN, "")


def test_a_state_that_is_said_is_not_guessed(command: Command, put: Put) -> None:
    put("a.rules", RULES)
    ran = command("query", "a.rules", "udp state ESTABLISHED in eth0")
    assert ran.out == ("a.rules: incoming: udp state ESTABLISHED in eth0\nREJECT icmp-port-unreachable\n  everything\n")


def test_the_list_of_what_is_dropped_where_all_else_is_accepted(command: Command, put: Put) -> None:
    dropped = "".join(f"-A INPUT -s 192.0.2.{number} -p tcp --dport {number} -j DROP\n" for number in (7, 70, 77))
    put("a.rules", f"*filter\n:INPUT ACCEPT [0:0]\n{dropped}COMMIT\n")
    ran = command("query", "a.rules", "tcp")
    assert ran.out.splitlines()[2:] == [
        "DROP",
        "  from 192.0.2.7 dport 7",
        "  from 192.0.2.70 dport 70",
        "  from 192.0.2.77 dport 77",
        "ACCEPT",
        "  everything else",
    ]


def test_a_long_list_says_how_many_are_left(command: Command, put: Put) -> None:
    lines = "".join(f"-A INPUT -s 10.{number}.0.0/16 -p tcp --dport {number} -j ACCEPT\n" for number in range(1, 31))
    put("a.rules", f"*filter\n:INPUT DROP [0:0]\n{lines}COMMIT\n")
    ran = command("query", "a.rules", "tcp")
    assert "  and 10 more" in ran.out.splitlines()


def test_json(command: Command, put: Put) -> None:
    put("a.rules", RULES)
    ran = command("query", "a.rules", "tcp dport 22 in eth0", "--output-format", "json")
    (found,) = json.loads(ran.out)["queries"]
    assert (ran.code, found["path"], found["family"], found["course"]) == (0, "a.rules", 4, "incoming")
    assert found["opening"] is True
    assert found["answers"][0] == {
        "verdict": "ACCEPT",
        "complete": True,
        "packets": [{"text": "from 10.0.0.0/8", "conditions": [{"of": "source", "among": ["10.0.0.0/8"], "but": []}]}],
    }
    assert [one["verdict"] for one in found["answers"]] == ["ACCEPT", "DROP"]


def test_standard_input(command: Command) -> None:
    ran = command("query", "-", "udp from 192.0.2.1", stdin=GOOD.encode())
    assert (ran.code, ran.out.splitlines()[-2:]) == (0, ["DROP", "  everything"])


def test_a_machine_is_asked_for_each_family(command: Command, put: Put) -> None:
    put("web/etc/sysconfig/iptables")
    put("web/etc/sysconfig/ip6tables", GOOD.replace("192.0.2.1/32", "2001:db8::1/128"))
    both = command("query", "web", "tcp").out
    assert re.findall(r"^web/\S+:", both, re.MULTILINE) == [
        "web/etc/sysconfig/iptables:",
        "web/etc/sysconfig/ip6tables:",
    ]
    assert "ip6tables" not in command("query", "web", "from 192.0.2.0/24").out


def test_the_course_can_be_said(command: Command, put: Put) -> None:
    put("a.rules", RULES)
    ran = command("query", "a.rules", "tcp", "--course", "outgoing")
    assert ran.out.splitlines()[::3] == ["a.rules: outgoing: tcp", "  everything"]


def test_what_takes_too_long_is_not_decided(command: Command, put: Put) -> None:
    put("a.rules", RULES)
    assert command("query", "a.rules", "tcp", "--timeout", "0") == (
        3,
        "",
        "ruleset-lint: not decided: it takes too long\n",
    )


LOOP = GOOD.replace("-A INPUT", ":A - [0:0]\n-A A -j A\n-A INPUT -j A\n-A INPUT")


@pytest.mark.parametrize(
    ("text", "words", "complaint"),
    [
        (GOOD, ["tcp dprot 22"], "question: column 5: `dprot`: not known; the words are"),
        (GOOD, ["udp flags SYN"], "question: no packet is so that is incoming"),
        (GOOD, ["tcp in eth0 out eth1", "--course", "incoming"], "question: no packet is so that is incoming"),
        (GOOD, ["from ::1"], "no ruleset for IPv6 in a.rules; --family says"),
        (LOOP, ["tcp"], "a.rules: line 5: chain loop: A > A: it would not load, so no packet meets it"),
        ("-A INPUT -j ACCEPT\n", ["tcp", "--fragment"], "a.rules: a part for --noflush"),
        (GOOD, ["tcp \x1b[31m"], r"`\x1b[31m`"),
    ],
)
def test_what_is_wrong_is_one_line(command: Command, put: Put, text: str, words: list[str], complaint: str) -> None:
    put("a.rules", text)
    ran = command("query", "a.rules", *words)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert complaint in ran.err


def test_nothing_of_a_file_reaches_the_terminal_raw(command: Command, put: Put) -> None:
    put("a.rules", GOOD.replace("-s 192.0.2.1/32", "-m set --match-set \x1b[2J src"))
    ran = command("query", "a.rules", "tcp")
    assert "\x1b" not in ran.out
    assert r"\x1b[2J" in ran.out


def test_the_readme_shows_what_is_printed() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    found = re.search(r'\$ ruleset-lint query (\S+) "([^"]*)"\n(.*?)```', readme, re.DOTALL)
    assert found
    command = [sys.executable, "-m", "ruleset_lint", "query", found[1], found[2]]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert found[3] == printed


@pytest.mark.parametrize(("question", "told"), [("in eth0 tcp dport 80", True), ("in eth0 out eth1 tcp", False)])
def test_what_dnat_leads_elsewhere_is_to_be_asked_for(command: Command, put: Put, question: str, told: bool) -> None:
    dnat = "*nat\n-A PREROUTING -i eth0 -p tcp --dport 80 -j DNAT --to-destination 10.0.0.1\nCOMMIT\n"
    put("a.rules", dnat + RULES)
    assert ("ask with in and out" in command("query", "a.rules", question).out) is told
