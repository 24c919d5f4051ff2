"""Nothing is written that is not proven; what is proven is said; fixes are safe if they are proven to be."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest
from bundle_hosts import HOSTS
from kernel.situation import Situation
from kernel.situations import SITUATIONS
from running import Command, Put

from benchmarks.made_firewalls import made_firewall
from ruleset_lint.model.loading import load
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets.difference import Decision, Difference, Proof
from ruleset_lint.packets.endpoints import parse_endpoint
from ruleset_lint.packets.packet_text import read_packet
from ruleset_lint.rewrite import grading, proof
from ruleset_lint.rewrite.notrack import Request, untrack
from ruleset_lint.rewrite.proof import compared, in_words, objections, proof_of
from ruleset_lint.syntax.iptables_save import parse

WEB = ("--service", "tcp/80", "--service", "tcp/443", "--ram", "16G")
STRAY = Difference(
    "E3",
    "stray of tcp/80",
    "incoming",
    "verdict",
    read_packet("in=eth0 tcp 203.0.113.7:40000 > 192.0.2.10:80 flags=SYN,ACK"),
    Decision("DROP", None, "INVALID"),
    Decision("ACCEPT", None, "UNTRACKED"),
    1,
    8,
)
UNEQUAL = Proof(4, "different", (STRAY,), packets=(("incoming", 1 << 80),))
UNDECIDED = Proof(4, "not decided", reason="it takes too long")
EQUAL = Proof(4, "equal", (), (STRAY,), ("limits count the same",), packets=(("incoming", 1 << 80), ("outgoing", 0)))


@pytest.fixture
def host(tmp_path: Path) -> Path:
    shutil.copytree(HOSTS / "busy-web", tmp_path / "web")
    return tmp_path / "web"


def found(monkeypatch: pytest.MonkeyPatch, result: Proof) -> None:
    for module in (proof, grading):
        monkeypatch.setattr(module, "prove", lambda *_, **__: result)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (UNEQUAL, ["not treated as before (E3)", "203.0.113.7", "DROP before", "ACCEPT after"]),
        (UNDECIDED, ["not decided", "it takes too long"]),
    ],
    ids=["different", "not decided"],
)
def test_what_is_not_proven_is_not_written(
    result: Proof, words: list[str], command: Command, host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(monkeypatch, result)
    ran = command("rewrite", "web", *WEB, "--output", "out")
    assert (ran.code, ran.out) == (1, "")
    assert all(word in ran.err for word in (*words, "nothing is written"))
    assert not (host.parent / "out").exists()


def test_what_is_proven_is_said(command: Command, host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, EQUAL)
    ran = command("rewrite", "web", *WEB, "--output", "out")
    assert ran.code == 0
    assert "etc/sysconfig/iptables: proven: 2^80 incoming packets" in ran.err
    assert "taken for granted: limits count the same" in ran.err


def test_the_report_says_what_no_rewrite_avoids(command: Command, host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, EQUAL)
    command("rewrite", "web", *WEB, "--output", "out")
    report = (host.parent / "out/REPORT.md").read_text()
    assert "**Proven** for iptables: 2^80 incoming packets" in report
    assert "what no rewrite of these services can avoid" in report
    assert "stray of tcp/80: " in report


def test_only_ways_on_which_packets_go_are_counted() -> None:
    assert [(one.course, one.power) for one in compared(EQUAL)] == [("incoming", 80)]


def test_a_rewrite_is_compared_with_the_rules_before_any_rewrite() -> None:
    situation = SITUATIONS["base"]
    first = untrack(load(parse("first", situation.ruleset)), Request((parse_endpoint("tcp/80"),)))
    asked = Request((parse_endpoint("tcp/80"), parse_endpoint("tcp/22")), even_administration=True)
    again = untrack(load(parse("again", first.text)), asked)
    assert "NT-" in first.text
    assert [rule.values for rule in again.base.rules] == [
        rule.values for rule in load(parse("x", situation.ruleset)).rules
    ]


# -- rewrites of all situations

OWN = {name: one for name, one in SITUATIONS.items() if not any(service.server for service in one.services)}


def rewritten(situation: Situation) -> tuple[str, Proof] | None:
    services = tuple(service.endpoint(situation.family) for service in situation.services)
    made = untrack(load(parse(situation.id, situation.ruleset), situation.family), Request(services))
    return (made.text, proof_of(made, deadline=time.monotonic() + 60)) if made.changed else None


@pytest.mark.parametrize("name", OWN)
def test_rewrites_are_proven(name: str) -> None:
    made = rewritten(OWN[name])
    if made:
        assert [in_words(one) for one in made[1].differences] == []
        assert made[1].outcome == "equal"


@pytest.mark.parametrize("seed", range(12))
def test_rewrites_of_made_firewalls_are_proven(seed: int) -> None:
    text, service, family = made_firewall(random.Random(seed))
    asked = Request((service.endpoint(family),))
    made = untrack(load(parse("made", text), family), asked)
    if made.refusals:
        assert {refusal.code for refusal in made.refusals} == {"R4"}
        return
    assert made.changed
    assert [in_words(one) for one in proof_of(made, deadline=time.monotonic() + 60).differences] == []
    assert untrack(load(parse("again", made.text), family), asked).text == made.text


def test_a_rule_left_out_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    made = untrack(load(parse("x", SITUATIONS["output-drop"].ruleset)), Request((parse_endpoint("tcp/80"),)))
    lines = made.text.splitlines(keepends=True)
    answers = [number for number, line in enumerate(lines) if line.startswith("-A OUTPUT") and "ACK ACK" in line]
    broken = "".join(line for number, line in enumerate(lines) if number not in answers)
    monkeypatch.setattr(proof, "load", lambda *_, **__: load(parse("x", broken)))
    result = proof_of(made, deadline=time.monotonic() + 60)
    assert result.outcome == "different"
    assert any("E1" in reason.text for reason in objections("x", result))


# -- fixes

RULES = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n{}COMMIT\n"


NAME = "fw/etc/sysconfig/iptables"
DEAD = "-A INPUT -s 192.0.2.0/24 -j DROP\n-A INPUT -s 192.0.2.7/32 -j DROP\n-A INPUT -p tcp --dport 80 -j ACCEPT\n"


def test_a_rule_that_decides_nothing_may_go_without_asking(command: Command, put: Put) -> None:
    path = put(NAME, RULES.format(DEAD))
    command("fix", "fw", "--select", "reach")
    assert "192.0.2.7" not in path.read_text()


def test_a_log_that_nobody_writes_is_only_taken_out_when_asked_for(command: Command, put: Put) -> None:
    path = put(NAME, RULES.format(DEAD.replace("/32 -j DROP", "/32 -j LOG")))
    command("fix", "fw", "--select", "reach")
    assert "192.0.2.7" in path.read_text()


HOST_BITS = "-A INPUT -s 192.0.2.7/24 -j ACCEPT\n"


def test_a_fix_that_does_the_same_is_made(command: Command, put: Put) -> None:
    path = put(NAME, RULES.format(HOST_BITS))
    command("fix", "fw", "--select", "syntax/host-bits")
    assert "192.0.2.0/24" in path.read_text()


def test_a_fix_that_is_found_to_change_something_is_not_made(
    command: Command, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(monkeypatch, UNEQUAL)
    path = put(NAME, RULES.format(HOST_BITS))
    ran = command("fix", "fw", "--select", "syntax/host-bits")
    assert "192.0.2.7/24" in path.read_text()
    assert f"{NAME}:5: syntax/host-bits: not safe to fix: stray of tcp/80" in ran.err
    assert "192.0.2.0/24" not in command("fix", "fw", "--select", "syntax/host-bits", "--diff").out
    command("fix", "fw", "--select", "syntax/host-bits", "--unsafe-fixes")
    assert "192.0.2.0/24" in path.read_text()


def test_where_nothing_is_decided_the_grade_of_the_rule_counts(
    command: Command, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(monkeypatch, UNDECIDED)
    path = put(NAME, RULES.format(HOST_BITS + DEAD))
    command("fix", "fw", "--select", "reach,syntax/host-bits")
    assert "192.0.2.0/24 -j ACCEPT" in path.read_text()
    assert "192.0.2.7/32" in path.read_text()


def test_fixes_that_only_alone_do_the_same_are_made_one_after_the_other(
    command: Command, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(NAME, RULES.format(HOST_BITS + HOST_BITS.replace("192.0.2.", "198.51.100.")))
    steps: list[int] = []

    def prove(before: Ruleset, after: Ruleset, **_: object) -> Proof:
        made = after.document.text.count(".0/24") - before.document.text.count(".0/24")
        steps.append(made)
        return UNEQUAL if made > 1 else EQUAL

    monkeypatch.setattr(grading, "prove", prove)
    command("fix", "fw", "--select", "syntax/host-bits")
    assert path.read_text().count(".0/24") == 2
    assert steps == [1, 1, 2, 1]
