"""Text of files: spans, edits, positions, and what may be shown. Knows nothing of firewalls."""

import bisect
import re
from collections.abc import Iterable
from typing import NamedTuple

# C0 and C1 controls, DEL, line separators, bidirectional overrides, lone surrogates (undecodable bytes).
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


class Span(NamedTuple):
    """Half-open range of code points in a text."""

    start: int
    end: int


class Position(NamedTuple):
    """Line and column, both counted from 1, in code points."""

    line: int
    column: int


class Edit(NamedTuple):
    """Replace the text of a span. An empty span inserts, an empty text deletes."""

    span: Span
    text: str


class OverlappingEditsError(ValueError):
    """Two edits claim the same text."""


def decode(data: bytes) -> str:
    """Text of a file; bytes that are not UTF-8 become lone surrogates and come back with `encode`."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Bytes of a text that `decode` made."""
    return text.encode("utf-8", "surrogateescape")


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits made at once.

    Insertions at one place keep the order in which they are given.
    Raises OverlappingEditsError if two edits claim the same text.
    """
    pieces: list[str] = []
    done = 0
    for edit in sorted(edits, key=lambda edit: edit.span):
        if edit.span.start < done:
            raise OverlappingEditsError(f"edit at {edit.span.start} overlaps one that ends at {done}")
        pieces += (text[done : edit.span.start], edit.text)
        done = edit.span.end
    return "".join((*pieces, text[done:]))


def line_starts(text: str) -> list[int]:
    r"""Offset of each line's first code point. Only "\n" ends a line."""
    starts = [0]
    find = text.find
    end = find("\n")
    while end != -1:
        starts.append(end + 1)
        end = find("\n", end + 1)
    return starts


def position(starts: list[int], offset: int) -> Position:
    """Line and column of an offset in a text whose lines start at `starts`."""
    line = bisect.bisect_right(starts, offset)
    return Position(line, offset - starts[line - 1] + 1)


def safe(text: str) -> str:
    r"""The text with everything that could steer a terminal or reorder what is read made visible: `\x1b`, `\u202e`."""
    return _UNSAFE.sub(_visible, text)


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: the byte itself
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
