from __future__ import annotations

import pytest
from made_up import report_on, rule_of_word

DROPS = rule_of_word("verdict/drops", "DROP")
BEFORE = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 192.0.2.1 -j DROP\nCOMMIT\n"


def marks(text: str) -> list[str]:
    return [finding.fingerprint for finding in report_on(text, DROPS).findings]


@pytest.mark.parametrize(
    "after",
    [
        "# a comment\n" + BEFORE,
        BEFORE.replace("[0:0]", "[17:4711]"),
        BEFORE.replace("-A INPUT -s", "[5:300] -A INPUT  -s"),
        BEFORE.replace("-j DROP", "-c 5 300 -j DROP"),
        "*raw\nCOMMIT\n" + BEFORE,
    ],
    ids=["moved", "policy counters", "rule counters, blanks", "counters as an option", "table before"],
)
def test_outlives(after: str) -> None:
    assert marks(after) == marks(BEFORE)


@pytest.mark.parametrize(
    "after",
    [
        BEFORE.replace("192.0.2.1", "192.0.2.2"),
        BEFORE.replace("-A INPUT", "-A OUTPUT"),
        BEFORE.replace("filter", "raw"),
    ],
    ids=["address", "chain", "table"],
)
def test_tells_apart(after: str) -> None:
    assert marks(after) != marks(BEFORE)


def test_no_two_are_equal() -> None:
    found = marks("*filter\n" + "-A INPUT -j DROP\n" * 3)
    assert len(set(found)) == 3
