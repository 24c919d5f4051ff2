"""`ruleset-lint prove`: what it prints, its exit codes, what it refuses."""

from __future__ import annotations

import json
import sys

import pytest
from running import Command, Put

import ruleset_lint
from ruleset_lint.cli import prove as command_module
from ruleset_lint.packets.difference import Proof

BEFORE = """\
*filter
:INPUT DROP [0:0]
-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -s 198.51.100.0/24 -j DROP
-A INPUT -p tcp -m state --state NEW -m tcp --dport 80 -j ACCEPT
COMMIT
"""
SAME = BEFORE.replace("80 -j", "80:80 -j")
OTHER = BEFORE.replace("198.51.100.0/24", "198.51.100.0/25")
UNTRACKED = BEFORE.replace("--state NEW", "--state NEW,UNTRACKED") + (
    "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
    "-A PREROUTING ! -i lo -p tcp -m tcp --dport 80 -m addrtype --dst-type LOCAL -j NOTRACK\n"
    "-A OUTPUT ! -o lo -p tcp -m tcp --sport 80 -j NOTRACK\nCOMMIT\n"
)
SHOWN = """\
a.rules > b.rules, IPv4: 1 difference
E2 packet, incoming
  in=eth0 tcp 198.51.100.128:40000 > 192.0.2.10:80 flags=SYN state=NEW
  before  DROP     NEW         4: -A INPUT -s 198.51.100.0/24 -j DROP
  after   ACCEPT   NEW         5: -A INPUT -p tcp -m state --state NEW -m tcp --dport 80 -j ACCEPT
  = 2^55 of 2^98 such packets
  = compared: 2^98 incoming, 2^98 forwarded, 2^98 outgoing; by protocol, addresses and ports, in every state
"""


@pytest.fixture
def rules(put: Put) -> None:
    for name, text in (("a.rules", BEFORE), ("b.rules", OTHER), ("same.rules", SAME), ("untracked.rules", UNTRACKED)):
        put(name, text)


@pytest.mark.usefixtures("rules")
def test_rulesets_that_do_the_same(command: Command) -> None:
    ran = command("prove", "a.rules", "same.rules")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("a.rules > same.rules, IPv4: equal\n  = compared: 2^98 incoming")


@pytest.mark.usefixtures("rules")
def test_a_difference_is_a_packet_and_the_rules_that_decide_it(command: Command) -> None:
    ran = command("prove", "a.rules", "b.rules")
    assert (ran.code, ran.err) == (1, "")
    assert ran.out.splitlines()[2].startswith("  in=eth0 tcp 198.51.100.1")
    assert ran.out.splitlines()[3:] == SHOWN.splitlines()[3:]


@pytest.mark.usefixtures("rules")
def test_services_are_compared_by_connections(command: Command) -> None:
    ran = command("prove", "a.rules", "untracked.rules", "--service", "tcp/80")
    assert ran.code == 1
    assert "E1 ICMP error about a packet that tcp/80 sent, incoming" in ran.out
    assert "  = no rewrite can keep these as they are:" in ran.out
    assert "E2" not in ran.out


@pytest.mark.usefixtures("rules")
def test_without_services_an_untracked_packet_differs(command: Command) -> None:
    ran = command("prove", "a.rules", "untracked.rules")
    assert "E4 packet, incoming: tracking differs" in ran.out


@pytest.mark.usefixtures("rules")
def test_json(command: Command) -> None:
    ran = command("prove", "a.rules", "b.rules", "--output-format", "json")
    (proof,) = json.loads(ran.out)["proofs"]
    (found,) = proof["differences"]
    assert (proof["outcome"], proof["family"], proof["reason"]) == ("different", 4, None)
    assert found["before"] == {
        "verdict": "DROP",
        "state": "NEW",
        "line": 4,
        "rule": "-A INPUT -s 198.51.100.0/24 -j DROP",
    }
    assert found["packet"].startswith("in=eth0 tcp 198.51.100.1")


@pytest.mark.usefixtures("rules")
def test_what_takes_too_long_is_not_decided(command: Command) -> None:
    ran = command("prove", "a.rules", "b.rules", "--timeout", "0")
    assert ran == (3, "a.rules > b.rules, IPv4: not decided: it takes too long\n", "")


@pytest.mark.usefixtures("rules")
def test_both_families_of_machines_are_compared(command: Command, put: Put) -> None:
    for host, text in (("old", BEFORE), ("new", SAME)):
        put(f"{host}/etc/sysconfig/iptables", text)
        put(f"{host}/etc/sysconfig/ip6tables", text.replace("198.51.100.0/24", "2001:db8::/32"))
    ran = command("prove", "old", "new")
    assert (ran.code, ran.out.count(": equal")) == (0, 2)
    only = command("prove", "old", "new", "--family", "6")
    assert (only.code, only.out.count(": equal")) == (0, 1)
    assert "ip6tables, IPv6: equal" in only.out


@pytest.mark.usefixtures("rules")
def test_a_machine_that_lacks_a_family(command: Command, put: Put) -> None:
    put("old/etc/sysconfig/iptables", BEFORE)
    put("old/etc/sysconfig/ip6tables", BEFORE.replace("198.51.100.0/24", "2001:db8::/32"))
    ran = command("prove", "old", "a.rules")
    assert ran == (2, "", "ruleset-lint: no ruleset for IPv6 in a.rules; --family says what to compare\n")


REFUSED = {
    "a service that is none": (("a.rules", "b.rules", "--service", "tcp/no-such"), "--service: 'tcp/no-such'"),
    "an address that is none": (("a.rules", "b.rules", "--service", "tcp/80@web"), "'web' is no address"),
    "an address of another family": (
        ("a.rules", "b.rules", "--service", "tcp/80@2001:db8::1"),
        "no ruleset for IPv6 is compared",
    ),
    "a file that is not there": (("a.rules", "none.rules"), "none.rules"),
    "a ruleset that does not load": (("a.rules", "broken.rules"), "broken.rules: line 3: "),
    "one path only": (("a.rules",), "Missing argument"),
    "a role that is none": (("a.rules", "b.rules", "--role", "bridge"), "--role"),
}


@pytest.mark.usefixtures("rules")
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_compared(name: str, command: Command, put: Put) -> None:
    put("broken.rules", "*filter\n:INPUT DROP [0:0]\n-A INPUT -j NOWHERE\nCOMMIT\n")
    words, reason = REFUSED[name]
    ran = command("prove", *words)
    assert (ran.code, ran.out) == (2, "")
    assert reason in ran.err


@pytest.mark.usefixtures("rules")
def test_a_terminal_shows_what_is_looked_at(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert command("prove", "a.rules", "same.rules").code == 0


@pytest.mark.usefixtures("rules")
def test_an_interrupted_proof_ends_quietly(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> Proof:
        raise KeyboardInterrupt

    monkeypatch.setattr(command_module, "prove", interrupted)
    assert command("prove", "a.rules", "b.rules") == (130, "", "")


def test_the_library_proves_too() -> None:
    assert ruleset_lint.prove(BEFORE, SAME).equal
    assert ruleset_lint.prove(BEFORE, UNTRACKED, ["tcp/80"]).outcome == "different"


@pytest.mark.parametrize("text", [BEFORE.replace("DROP [0:0]", "NO [0:0]"), BEFORE.replace("COMMIT\n", "-A X\n")])
def test_the_library_refuses_what_does_not_load(text: str) -> None:
    with pytest.raises(ruleset_lint.NotLoadedError):
        ruleset_lint.prove(BEFORE, text)


def test_the_library_refuses_what_is_no_service() -> None:
    with pytest.raises(ruleset_lint.InputError, match="service: "):
        ruleset_lint.prove(BEFORE, SAME, ["80"])
