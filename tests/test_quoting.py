"""Quotes that are never closed, and comments that go on behind their line."""

from __future__ import annotations

import pytest

from ruleset_lint.model.quoting import open_quotes
from ruleset_lint.syntax.iptables_save import parse

OPEN = '-A INPUT -m comment --comment "a'


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(['-A INPUT -m comment --comment "a" -j DROP'], [], id="closed"),
        pytest.param([r'-A INPUT -m comment --comment "a\" -j DROP'], [(1, None)], id="escaped"),
        pytest.param([r'-A INPUT -m comment --comment "a\\" -j DROP'], [], id="escaped backslash"),
        pytest.param(['# it"s'], [], id="remark"),
        pytest.param([OPEN, "-A INPUT -j ACCEPT"], [(1, None)], id="open"),
        pytest.param([OPEN, '-A INPUT -j ACCEPT -m comment --comment b" -j DROP'], [(1, 2), (2, None)], id="goes on"),
        pytest.param([OPEN, "-A INPUT -j ACCEPT", '#" -j DROP'], [(1, 3)], id="ends on a remark"),
        pytest.param([OPEN, '-A INPUT -m comment --comment "b" -j DROP'], [(1, None)], id="another comment"),
        pytest.param([OPEN, OPEN], [(1, None), (2, None)], id="twice the same mistake"),
        pytest.param(['-A INPUT -s "192.0.2.1 -j DROP', '#" -j DROP'], [(1, None)], id="no comment"),
    ],
)
def test_open_quotes_are_found(lines: list[str], expected: list[tuple[int, int | None]]) -> None:
    found = open_quotes(parse("x", "\n".join(lines) + "\n"))
    assert [(one.line.number, one.end.number if one.end else None) for one in found] == expected
