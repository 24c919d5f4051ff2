"""What commands cannot do at the place where they stand, as both backends have it."""

from __future__ import annotations

import pytest

from ruleset_lint.model.loadability import breaks
from ruleset_lint.model.loading import load
from ruleset_lint.model.refusal import Kind
from ruleset_lint.model.validity import refusals
from ruleset_lint.syntax.iptables_save import parse

RULE = "-A INPUT -p tcp --dport 80 -j ACCEPT\n"


def _order(lines: str) -> list[int]:
    ruleset = load(parse("x", f"*filter\n{lines}\nCOMMIT\n"), fragment=False)
    return [found.line.number for found in refusals(ruleset) if found.kind is Kind.ORDER]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(":g - [0:0]\n-N g", id="new chain that is there"),
        pytest.param("-N g\n:g - [0:0]", id="declared behind -N, legacy"),
        pytest.param("\n-N INPUT", id="new chain named like a built-in one"),
        pytest.param(":g - [0:0]\n-A g -j DROP\n-X g", id="chain with rules deleted"),
        pytest.param(":g - [0:0]\n-A INPUT -j g\n-X g", id="chain that is called deleted"),
        pytest.param(":g - [0:0]\n-A INPUT -j g\n-X", id="all chains deleted, one is called"),
        pytest.param("\n-X INPUT", id="built-in chain deleted"),
        pytest.param(":g - [0:0]\n:h - [0:0]\n-E g h", id="renamed to one that is there"),
        pytest.param("\n-E INPUT x", id="built-in chain renamed"),
        pytest.param("\n-D INPUT -j DROP", id="no rule to delete"),
        pytest.param(RULE + "-D INPUT -p tcp --dport 81 -j ACCEPT", id="another port"),
        pytest.param(RULE + "-D INPUT -p tcp --dport 80 -j DROP", id="another target"),
        pytest.param(RULE + RULE.replace("-A", "-D") + RULE.replace("-A", "-D"), id="deleted twice"),
        pytest.param(RULE + "-C INPUT -j DROP", id="no rule to find"),
    ],
)
def test_is_refused_in_its_last_line(lines: str) -> None:
    assert _order(lines) == [lines.rstrip("\n").count("\n") + 2]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(":g - [0:0]\n-X g\n-N g", id="deleted and made again"),
        pytest.param(":g - [0:0]\n-A INPUT -j g\n-F INPUT\n-X g", id="no longer called"),
        pytest.param(":g - [0:0]\n-A INPUT -j g\n-D INPUT 1\n-X", id="call deleted by number"),
        pytest.param(RULE + "-D INPUT -p tcp -m tcp --dport http -j ACCEPT", id="other words for the same"),
        pytest.param("-A INPUT -s 10.0.0.0/8\n-D INPUT -s 10.0.0.1/8", id="same network"),
        pytest.param("-A INPUT -s 10.0.0.1,10.0.0.2 -j DROP\n-D INPUT -s 10.0.0.1 -j DROP", id="one of a list"),
        pytest.param("-A INPUT -j DROP\n-C INPUT -j DROP", id="found"),
        pytest.param(":g - [0:0]\n-E g h", id="renamed"),
    ],
)
def test_goes_well(lines: str) -> None:
    assert _order(lines) == []


def test_a_fragment_is_not_judged() -> None:
    ruleset = load(parse("x", "*filter\n-D INPUT -j DROP\n-X g\nCOMMIT\n"), fragment=True)
    assert not [found for found in refusals(ruleset) if found.kind is Kind.ORDER]


@pytest.mark.parametrize(("depth", "backends"), [(15, set()), (16, {"nft"}), (40, {"nft"})])
@pytest.mark.parametrize("way", ["-j", "-g"])
def test_nf_tables_follows_fifteen_chains(depth: int, backends: set[str], way: str) -> None:
    names = [f"c{number}" for number in range(depth)]
    lines = [f":{name} - [0:0]" for name in names]
    lines += [f"-A {one} {way} {other}" for one, other in zip(["INPUT", *names], names, strict=False)]
    text = "\n".join(["*filter", *lines, "COMMIT", ""])
    assert {backend for found in breaks(load(parse("x", text))) for backend in found.backends} == backends
