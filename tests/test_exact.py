from __future__ import annotations

import pytest

from ruleset_lint.model.loading import load
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.values import Network
from ruleset_lint.packets.exact import passing, untracked
from ruleset_lint.packets.sketch import Answer, Sketch
from ruleset_lint.packets.untracked import fate
from ruleset_lint.packets.walk import walk
from ruleset_lint.syntax.iptables_save import parse

WEB = Sketch(protocol=6, destination_port=(80, 80), state="NEW", not_in="lo")
PASSING = {
    "one rule": ("-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT", Answer.YES),
    "two halves together": (
        "-A INPUT -s 0.0.0.0/1 -p tcp -m tcp --dport 80 -j ACCEPT\n-A INPUT -s 128.0.0.0/1 -p tcp -j ACCEPT",
        Answer.YES,
    ),
    "one half": ("-A INPUT -s 0.0.0.0/1 -p tcp -m tcp --dport 80 -j ACCEPT", Answer.MAYBE),
    "a chain for each interface": (
        "-A INPUT -i eth0 -j LAN\n-A INPUT ! -i eth0 -j LAN\n-A LAN -p tcp -m tcp --dport 1:1023 -j ACCEPT",
        Answer.YES,
    ),
    "another port": ("-A INPUT -p tcp -m tcp --dport 443 -j ACCEPT", Answer.NO),
    "every address is refused before, in two halves": (
        "-A INPUT -s 0.0.0.0/1 -j DROP\n-A INPUT -s 128.0.0.0/1 -j REJECT\n-A INPUT -p tcp -j ACCEPT",
        Answer.NO,
    ),
    "a limit": ("-A INPUT -p tcp -m limit --limit 5/sec -j ACCEPT", Answer.MAYBE),
    "a set and what is not in it": (
        "-A INPUT -m set --match-set a src -j ACCEPT\n-A INPUT -m set ! --match-set a src -j ACCEPT",
        Answer.YES,
    ),
}
UNTRACKED = {
    "the port": ("-A PREROUTING -p tcp -m tcp --dport 80 -j NOTRACK", Answer.YES),
    "two halves together": (
        "-A PREROUTING -s 0.0.0.0/1 -p tcp -j NOTRACK\n-A PREROUTING -s 128.0.0.0/1 -p tcp -j CT --notrack",
        Answer.YES,
    ),
    "an accept before takes a half": (
        "-A PREROUTING -s 0.0.0.0/1 -j ACCEPT\n-A PREROUTING -p tcp -j NOTRACK",
        Answer.MAYBE,
    ),
    "what is dropped in raw needs no state": (
        "-A PREROUTING -s 0.0.0.0/1 -j DROP\n-A PREROUTING -s 128.0.0.0/1 -p tcp -j NOTRACK",
        Answer.YES,
    ),
}


def ruleset(table: str, rules: str, policy: str = "DROP") -> Ruleset:
    hook = "INPUT" if table == "filter" else "PREROUTING"
    own = ":LAN - [0:0]\n" if "LAN" in rules else ""
    return load(parse("x", f"*{table}\n:{hook} {policy} [0:0]\n{own}{rules}\nCOMMIT\n"))


@pytest.mark.parametrize(("rules", "expected"), PASSING.values(), ids=PASSING)
def test_passing(rules: str, expected: Answer) -> None:
    assert passing(ruleset("filter", rules), "INPUT", WEB) is expected


@pytest.mark.parametrize(("rules", "expected"), PASSING.values(), ids=PASSING)
def test_a_sketch_says_nothing_else_where_it_is_sure(rules: str, expected: Answer) -> None:
    outcome = walk(ruleset("filter", rules), "filter", "INPUT", WEB)
    passes = [decision.verdict.value == "accept" for decision in outcome.decisions]
    assert not all(passes) or expected is Answer.YES
    assert any(passes) or expected is Answer.NO


@pytest.mark.parametrize(("rules", "expected"), UNTRACKED.values(), ids=UNTRACKED)
def test_untracked(rules: str, expected: Answer) -> None:
    made = ruleset("raw", rules, "ACCEPT")
    assert untracked(made, "PREROUTING", WEB) is expected
    assert fate(made, "PREROUTING", WEB).untracked is expected


def test_an_interface_that_nobody_names_is_not_decided() -> None:
    asked = Sketch(protocol=6, in_interface="eth7", state="NEW")
    assert passing(ruleset("filter", "-A INPUT -i eth0 -j ACCEPT"), "INPUT", asked) is Answer.MAYBE


def test_a_source() -> None:
    asked = Sketch(protocol=6, source=Network(0x0A000000, 0xFF000000), state="NEW")
    rules = "-A INPUT -s 10.0.0.0/9 -j ACCEPT\n-A INPUT -s 10.128.0.0/9 -j ACCEPT"
    assert passing(ruleset("filter", rules), "INPUT", asked) is Answer.YES
