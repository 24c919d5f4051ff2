"""A file that a rewrite gives: what it said, what it says, and why. Knows no format."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import NamedTuple

from ruleset_lint.syntax.document import Document
from ruleset_lint.text import Edit, Span, apply_edits

_OWN = "# written by ruleset-lint\n"
_NAME = re.compile(r"[^\x00-\x1f\x7f/]+(?:/[^\x00-\x1f\x7f/]+)*")


class PathError(ValueError):
    """A path that no file of a bundle can have; its text says why."""


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file of a machine, its path relative to the root. `before` is None where there was none.

    Raises PathError for a path that leads out of the root or has control characters.
    """

    path: str
    before: str | None
    after: str
    reasons: tuple[str, ...]
    executable: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.path) or {".", ".."} & set(self.path.split("/")):
            raise PathError(f"{self.path!r} is no path of a file below a root")


class Change(NamedTuple):
    """An edit to a file that was read, and why."""

    document: Document[object]
    edit: Edit
    reason: str


class Addition(NamedTuple):
    """A line at the end of a file, which may not be there yet, and why."""

    path: str
    line: str
    reason: str


def relative_path(document: Document[object], root: str) -> str:
    """The path of a document below the root of its machine; of a loose file its name."""
    path = PurePath(document.path)
    if root and path.is_relative_to(root):
        return str(path.relative_to(root))
    return path.name


def changed_files(
    documents: Mapping[str, Document[object]], changes: Iterable[Change], additions: Iterable[Addition], root: str
) -> tuple[NewFile, ...]:
    """The files that edits and additions make, ordered by path; `documents` are those there are, by path.

    Raises PathError if two files that were given without their root have one name.
    """
    edits: dict[str, dict[Edit, str]] = {}
    for change in changes:
        path = relative_path(change.document, root)
        if documents.get(path) is not change.document:
            raise PathError(f"two files are called {path}: give the root of the machine that they are of")
        edits.setdefault(path, {})[change.edit] = change.reason
    lines: dict[str, dict[str, str]] = {}
    for addition in additions:
        lines.setdefault(addition.path, {})[addition.line] = addition.reason
    made = (_file(path, documents.get(path), edits.get(path, {}), lines.get(path, {})) for path in {**edits, **lines})
    return tuple(sorted((file for file in made if file.before != file.after), key=lambda file: file.path))


def changed_file(
    path: str, document: Document[object] | None, changes: Iterable[Change], additions: Iterable[Addition] = ()
) -> NewFile:
    """The file that edits and additions to one document make, whatever path the document has."""
    edits = {change.edit: change.reason for change in changes}
    return _file(path, document, edits, {addition.line: addition.reason for addition in additions})


def _file(path: str, document: Document[object] | None, edits: Mapping[Edit, str], lines: Mapping[str, str]) -> NewFile:
    before = document.text if document else None
    text = apply_edits(before or "", edits)
    gap = "" if not text or text.endswith("\n") else "\n"
    added = "".join(f"{line}\n" for line in lines)
    head = _OWN if before is None else gap if added else ""
    reasons = tuple(dict.fromkeys((*edits.values(), *lines.values())))
    return NewFile(path, before, f"{text}{head}{added}", reasons)


def whole_line(document: Document[object], span: Span) -> Span:
    """The lines that a span touches, the last line ending included."""
    start = document.text.rfind("\n", 0, span.start) + 1
    end = document.text.find("\n", span.end)
    return Span(start, len(document.text) if end == -1 else end + 1)
