"""Spans, edits, positions, and what may be shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruleset_lint.text import (
    Edit,
    OverlappingEditsError,
    Span,
    apply_edits,
    decode,
    encode,
    line_starts,
    position,
    safe,
)


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        pytest.param([], "abcdef", id="nothing"),
        pytest.param([Edit(Span(1, 3), "X")], "aXdef", id="replace"),
        pytest.param([Edit(Span(6, 6), "!")], "abcdef!", id="append"),
        pytest.param([Edit(Span(4, 5), ""), Edit(Span(0, 1), "")], "bcdf", id="delete two, in any order"),
        pytest.param([Edit(Span(2, 2), "1"), Edit(Span(2, 2), "2")], "ab12cdef", id="insertions keep their order"),
        pytest.param([Edit(Span(1, 2), "X"), Edit(Span(2, 3), "Y")], "aXYdef", id="adjacent"),
    ],
)
def test_edits_change_their_spans_only(edits: list[Edit], expected: str) -> None:
    assert apply_edits("abcdef", edits) == expected


def test_overlapping_edits_are_refused() -> None:
    with pytest.raises(OverlappingEditsError):
        apply_edits("abcdef", [Edit(Span(0, 3), ""), Edit(Span(2, 4), "")])


@given(st.binary())
def test_any_bytes_come_back(data: bytes) -> None:
    assert encode(decode(data)) == data


@given(st.text(alphabet="ab\n\r\u2028"), st.integers(0, 40))
def test_a_position_counts_lines_that_end_in_a_newline(text: str, offset: int) -> None:
    offset = min(offset, len(text))
    line, column = position(line_starts(text), offset)
    assert line == text.count("\n", 0, offset) + 1
    assert column == offset - (text.rfind("\n", 0, offset) + 1) + 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("plain ü", "plain ü", id="text"),
        pytest.param("\x1b[31m", "\\x1b[31m", id="escape sequence"),
        pytest.param("a\nb\r", "a\\x0ab\\x0d", id="line endings"),
        pytest.param("\x9b1m", "\\x9b1m", id="C1 control"),
        pytest.param("\u202edcba", "\\u202edcba", id="bidirectional override"),
        pytest.param("\u2028", "\\u2028", id="line separator"),
        pytest.param("\udcff", "\\xff", id="undecodable byte"),
    ],
)
def test_what_could_steer_a_terminal_is_shown(text: str, shown: str) -> None:
    assert safe(text) == shown


@given(st.text())
def test_safe_text_is_printable_in_utf8(text: str) -> None:
    shown = safe(text)
    assert "\x1b" not in shown
    assert shown.encode("utf-8").decode("utf-8") == shown
