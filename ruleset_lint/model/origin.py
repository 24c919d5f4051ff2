"""Settings and where they stand, and the order in which folders of settings are read. Knows no kind of setting."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from ruleset_lint.syntax.document import Document, Line
from ruleset_lint.text import Span

AnyNode = TypeVar("AnyNode")

_DROP_IN = re.compile(r"(?:^|/)(etc|run|usr/local/lib|usr/lib|lib)/(?:sysctl|modprobe|modules-load)\.d/([^/]+\.conf)$")
_DIRECTORIES = ("etc", "run", "usr/local/lib", "usr/lib", "lib")


class Origin(NamedTuple):
    """A line of a document."""

    document: Document[object]
    line: Line[object]


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """A key, its value, and where they stand; spans are offsets in the document's text.

    `value` is None for an option of a module that is a name alone.
    """

    key: str
    value: str | None
    document: Document[object]
    line: Line[object]
    span: Span
    value_span: Span

    @property
    def origin(self) -> Origin:
        """Where it stands."""
        return Origin(self.document, self.line)


def lines(documents: Iterable[Document[AnyNode]]) -> Iterator[tuple[Document[AnyNode], Line[AnyNode]]]:
    """All lines of some documents, each with its document."""
    return ((document, line) for document in documents for line in document.lines)


def placed(origin: Origin, key: str, value: str | None, span: Span, value_span: Span) -> Setting:
    """A setting whose spans are given as offsets within its line."""
    start = origin.line.span.start
    moved = (Span(place.start + start, place.end + start) for place in (span, value_span))
    return Setting(key, value, *origin, *moved)


def drop_in_order(documents: Iterable[Document[AnyNode]]) -> tuple[Document[AnyNode], ...]:
    """Files of one kind (sysctl.d, modprobe.d, modules-load.d) in the order in which they are read.

    By name whatever the folder; a file in /etc hides those of its name in /run, that one in /usr/local/lib, /usr/lib,
    /lib, and so on (sysctl.d(5)). Documents that lie elsewhere or are not `.conf` are left out.
    """
    found: dict[str, tuple[int, Document[AnyNode]]] = {}
    for document in documents:
        match = _DROP_IN.search(document.path)
        if match:
            candidate = (_DIRECTORIES.index(match[1]), document)
            found[match[2]] = min(found.get(match[2], candidate), candidate, key=lambda pair: pair[0])
    return tuple(found[name][1] for name in sorted(found))
