"""What raw says about tracking packets."""

from __future__ import annotations

import pytest

from ruleset_lint.model.loading import load
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets.sketch import Answer, Sketch
from ruleset_lint.packets.untracked import fate, untrackings
from ruleset_lint.syntax.iptables_save import parse

WEB = Sketch(protocol=6, destination_port=(80, 80), not_in="lo")
YES, NO, MAYBE = Answer.YES, Answer.NO, Answer.MAYBE


def _raw(*rules: str) -> Ruleset:
    lines = (
        "*raw",
        ":PREROUTING ACCEPT [0:0]",
        ":OUTPUT ACCEPT [0:0]",
        ":A - [0:0]",
        ":B - [0:0]",
        *rules,
        "COMMIT",
        "",
    )
    return load(parse("test", "\n".join(lines)))


@pytest.mark.parametrize(
    ("rules", "untracked"),
    [
        (["-A PREROUTING -p tcp --dport 80 -j NOTRACK"], YES),
        (["-A PREROUTING -j CT --notrack"], YES),
        (["-A PREROUTING ! -i lo -p tcp -m multiport --dports 22,80 -j NOTRACK"], YES),
        (["-A PREROUTING -i lo -p tcp --dport 80 -j NOTRACK"], NO),
        (["-A PREROUTING -p tcp --dport 81 -j NOTRACK"], NO),
        (["-A PREROUTING -p tcp ! --dport 80 -j NOTRACK"], NO),
        (["-A PREROUTING -p tcp --sport 80 -j NOTRACK"], MAYBE),
        (["-A PREROUTING -p tcp --dport 80 -s 10.0.0.0/8 -j NOTRACK"], MAYBE),
        (["-A OUTPUT -p tcp --dport 80 -j NOTRACK"], NO),
        (["-A PREROUTING -j ACCEPT", "-A PREROUTING -j NOTRACK"], NO),
        (["-A PREROUTING -j NOTRACK", "-A PREROUTING -j ACCEPT"], YES),
        (["-A PREROUTING -s 10.0.0.0/8 -j ACCEPT", "-A PREROUTING -j NOTRACK"], MAYBE),
        (["-A PREROUTING -s 10.0.0.0/8 -j DROP", "-A PREROUTING -j NOTRACK"], YES),
        (["-A PREROUTING -j CT --zone 1", "-A PREROUTING -j NOTRACK"], NO),
        (["-A PREROUTING -j NOTRACK", "-A PREROUTING -j CT --zone 1"], YES),
        (["-A PREROUTING -j RETURN", "-A PREROUTING -j NOTRACK"], NO),
        (["-A PREROUTING -p tcp -j A", "-A A -p tcp --dport 80 -j NOTRACK"], YES),
        (["-A PREROUTING -g A", "-A PREROUTING -j NOTRACK", "-A A -p udp -j NOTRACK"], NO),
        (["-A PREROUTING -j A", "-A A -j RETURN", "-A A -j NOTRACK"], NO),
        (["-A PREROUTING -j A", "-A PREROUTING -j NOTRACK", "-A A -j RETURN"], YES),
        (["-A PREROUTING -j A", "-A A -j B", "-A B -p tcp -j CT --notrack"], YES),
        (["-A PREROUTING -j A", "-A A -j B", "-A B -j A"], MAYBE),
        (["-A PREROUTING -m mark --mark 1 -j NOTRACK"], MAYBE),
        (["-A PREROUTING -j elsewhere"], MAYBE),
        (["-A A -j NOTRACK"], NO),
    ],
    ids=lambda value: " ; ".join(value) if isinstance(value, list) else "",
)
def test_packets_to_port_80_are_untracked(rules: list[str], untracked: Answer) -> None:
    assert fate(_raw(*rules), "PREROUTING", WEB).untracked is untracked


def test_no_raw_table_untracks_nothing() -> None:
    assert fate(load(parse("test", "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n")), "PREROUTING", WEB).untracked is NO


def test_the_rules_that_decide_are_told() -> None:
    ruleset = _raw("-A PREROUTING -s 10.0.0.0/8 -j ACCEPT", "-A PREROUTING -p tcp -j NOTRACK")
    found = fate(ruleset, "PREROUTING", WEB)
    assert (found.by, found.kept_by) == ((ruleset.rules[1],), (ruleset.rules[0],))


@pytest.mark.parametrize(
    ("rules", "hooks"),
    [
        (["-A PREROUTING -j NOTRACK"], ["PREROUTING"]),
        (["-A PREROUTING -j A", "-A OUTPUT -j A", "-A A -j NOTRACK"], ["PREROUTING", "OUTPUT"]),
        (["-A PREROUTING -i lo -j NOTRACK"], []),
        (["-A PREROUTING -p tcp -j A", "-A A -p udp -j NOTRACK"], []),
        (["-A A -j NOTRACK"], []),
    ],
    ids=str,
)
def test_the_ways_to_rules_that_untrack(rules: list[str], hooks: list[str]) -> None:
    assert [found.hook for found in untrackings(_raw(*rules))] == hooks


def test_a_deep_ruleset_is_walked_once() -> None:
    chains = [f"C{number}" for number in range(60)]
    jumps = [
        f"-A {one} -j {other}" for one, other in zip(["PREROUTING", *chains], chains, strict=False) for _ in range(2)
    ]
    declared = "".join(f":{name} - [0:0]\n" for name in chains)
    text = f"*raw\n{declared}" + "\n".join([*jumps, "-A C59 -p tcp -j NOTRACK"]) + "\nCOMMIT\n"
    assert fate(load(parse("test", text)), "PREROUTING", WEB).untracked is YES
