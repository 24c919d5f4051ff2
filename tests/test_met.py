"""The rules that packets of a sketch come to: no further than one that takes them all."""

from __future__ import annotations

import pytest

from ruleset_lint.model.loading import load
from ruleset_lint.packets.met import rules_met
from ruleset_lint.packets.sketch import Sketch
from ruleset_lint.syntax.iptables_save import parse

HEAD = "*filter\n:INPUT DROP [0:0]\n:A - [0:0]\n:B - [0:0]\n"
SYN = Sketch(protocol=6, destination_port=(80, 80), state="NEW")


def met(*lines: str) -> list[int]:
    """The numbers of the lines, from 1, whose rules a NEW packet to port 80 comes to and may match."""
    ruleset = load(parse("test", HEAD + "".join(f"-A {line}\n" for line in lines) + "COMMIT\n"), 4)
    return sorted(made.number - HEAD.count("\n") for made in rules_met(ruleset, "filter", "INPUT", SYN))


@pytest.mark.parametrize(
    ("lines", "numbers"),
    [
        (["INPUT -s 192.0.2.1 -j DROP", "INPUT -p udp -j DROP", "INPUT -j ACCEPT"], [1, 3]),
        (["INPUT -p tcp -j ACCEPT", "INPUT -j LOG"], [1]),
        (["INPUT -j LOG", "INPUT -j ACCEPT", "INPUT -j DROP"], [1, 2]),
        (["INPUT -s 192.0.2.1 -j ACCEPT", "INPUT -j DROP"], [1, 2]),
        (["INPUT -j A", "INPUT -j DROP", "A -p tcp -j ACCEPT", "A -j LOG"], [1, 3]),
        (["INPUT -j A", "INPUT -j DROP", "A -p tcp -j RETURN", "A -j ACCEPT"], [1, 2, 3]),
        (["INPUT -s 192.0.2.1 -j A", "INPUT -j DROP", "A -j ACCEPT"], [1, 2, 3]),
        (["INPUT -g A", "INPUT -j DROP", "A -j LOG"], [1, 3]),
        (["INPUT -j A", "INPUT -j DROP", "A -g B", "A -j LOG", "B -j LOG"], [1, 2, 3, 5]),
        (["INPUT -j A", "INPUT -j A", "A -j B", "B -j LOG"], [1, 2, 3, 4]),
        (["INPUT -p udp -j A", "A -j ACCEPT"], []),
        (["INPUT -j A", "INPUT -j DROP", "A -j B", "B -j A"], [1, 2, 3, 4]),
    ],
)
def test_the_rules_met_are_those_before_what_takes_all(lines: list[str], numbers: list[int]) -> None:
    assert met(*lines) == numbers


def test_a_chain_that_is_not_there_has_no_rules() -> None:
    ruleset = load(parse("test", f"{HEAD}COMMIT\n"), 4)
    assert rules_met(ruleset, "filter", "FORWARD", SYN) == ()
    assert rules_met(ruleset, "mangle", "INPUT", SYN) == ()
