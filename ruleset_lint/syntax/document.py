"""Documents: the text of a file and the lines it is made of. Knows no format."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Generic, NamedTuple, TypeVar, overload

from ruleset_lint.syntax.columns import Nodes, plain_nodes
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


class Lines(Sequence[Line[Node_co]]):
    """Lines that are made when they are asked for: a file of 100,000 has them as nodes and the offsets they begin at.

    `starts` has one more offset than there are nodes: the end of the text.
    """

    __slots__ = ("nodes", "starts")

    def __init__(self, nodes: Nodes[Node_co], starts: Sequence[int]) -> None:
        """The nodes, and where their lines start."""
        self.nodes = nodes
        self.starts = starts

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Line[Node_co]]:
        starts = self.starts
        for index, node in enumerate(self.nodes):
            yield Line(index + 1, Span(starts[index], starts[index + 1]), node)

    @overload
    def __getitem__(self, index: int) -> Line[Node_co]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Line[Node_co]]: ...
    def __getitem__(self, index: int | slice) -> Line[Node_co] | Sequence[Line[Node_co]]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        place = index if index >= 0 else len(self) + index
        return Line(place + 1, Span(self.starts[place], self.starts[place + 1]), self.nodes[place])


@dataclass(frozen=True, eq=False)
class Document(Generic[Node_co]):
    """A file's text, and lines that tile it: joining their spans gives the text back."""

    path: str
    text: str
    lines: Sequence[Line[Node_co]]

    @cached_property
    def starts(self) -> list[int]:
        """Offset of each line."""
        if not isinstance(self.lines, Lines):
            return line_starts(self.text)
        known = self.lines.starts  # the last of them begins no line if the text does not end with one
        return list(known if not self.text or self.text.endswith("\n") else known[:-1])

    @cached_property
    def nodes(self) -> Nodes[Node_co]:
        """What the lines say."""
        return self.lines.nodes if isinstance(self.lines, Lines) else plain_nodes([line.node for line in self.lines])

    def numbers(self, *kinds: type) -> list[int]:
        """The numbers of the lines, from 1, that say something of one of these types."""
        return sorted(chain.from_iterable(n for form, n in self.nodes.by_form.items() if form.kind in kinds))

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
