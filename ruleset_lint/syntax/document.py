"""Documents: the text of a file and the lines it is made of. Knows no format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, NamedTuple, TypeVar

from ruleset_lint.text import Position, Span, line_starts, position

Node_co = TypeVar("Node_co", covariant=True)


class Blank(NamedTuple):
    """A line with nothing on it."""


class Comment(NamedTuple):
    """A line that the format ignores; `text` is what stands behind the mark."""

    text: str


class Unparsed(NamedTuple):
    """A line that the format does not allow: the column (from 1) where it goes wrong, and what was wanted."""

    column: int
    reason: str


class Line(NamedTuple, Generic[Node_co]):
    """One line: where it stands, line ending included, and what it says."""

    number: int
    span: Span
    node: Node_co


@dataclass(frozen=True, eq=False)
class Document(Generic[Node_co]):
    """A file's text, and lines that tile it: joining their spans gives the text back."""

    path: str
    text: str
    lines: tuple[Line[Node_co], ...]

    @cached_property
    def starts(self) -> list[int]:
        """Offset of each line."""
        return line_starts(self.text)

    def position(self, offset: int) -> Position:
        """Line and column of an offset."""
        return position(self.starts, offset)

    def source(self, span: Span) -> str:
        """The text of a span."""
        return self.text[span.start : span.end]

    def content(self, line: Line[object]) -> str:
        """The text of a line without its line ending."""
        return self.source(self.content_span(line))

    def content_span(self, line: Line[object]) -> Span:
        """The span of a line without its line ending."""
        start, end = line.span
        return Span(start, end - 1) if self.text.endswith("\n", start, end) else line.span


def parse_lines(path: str, text: str, parse: Callable[[str], Node_co]) -> Document[Node_co]:
    r"""A document of a format that is read line by line; `parse` gets a line without its "\n"."""
    lines = []
    start = 0
    for number, piece in enumerate(text.split("\n"), 1):
        end = min(start + len(piece) + 1, len(text))
        if start < end:
            lines.append(Line(number, Span(start, end), parse(piece)))
        start = end
    return Document(path, text, tuple(lines))
