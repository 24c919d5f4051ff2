"""Choosing fixes of findings and applying them until none is left. Knows no rule, reads and writes no file."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ruleset_lint.lint.engine import Hit
from ruleset_lint.lint.finding import Fix, Safety
from ruleset_lint.syntax.document import Document
from ruleset_lint.text import Edit, Span, apply_edits

MOST_ROUNDS = 10

Check = Callable[[Mapping[str, str]], Sequence[Hit]]
"""Findings when these texts stand in place of the files of these paths."""


class Applied(NamedTuple):
    """A fix that was made: the rule, the file, the line it stood on when it was found, and what was done."""

    rule: str
    path: str
    line: int
    title: str


class Change(NamedTuple):
    """A file's text before and after."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class FixRun:
    """What fixing did. `left` are the findings that remain.

    `clashes` are the fixes that were given up because after so many rounds there was always one more to make.
    """

    changes: tuple[Change, ...]
    applied: tuple[Applied, ...]
    left: tuple[Hit, ...]
    clashes: tuple[Hit, ...] = ()


def apply_fixes(
    check: Check,
    *,
    unsafe: bool = False,
    paths: Callable[[str], bool] = lambda _path: True,
    together: Callable[[Sequence[Hit]], Sequence[Hit]] = lambda hits: hits,
) -> FixRun:
    """Apply the fixes of what `check` finds in files that `paths` allows, check again, and so on for ten rounds.

    `together` chooses among those whose edits can be made at once.
    """
    texts: dict[str, str] = {}
    before: dict[str, str] = {}
    applied: list[Applied] = []
    hits = check(texts)
    for _ in range(MOST_ROUNDS):
        chosen = together(choose(_fixable(hits, unsafe=unsafe, paths=paths)))
        if not chosen:
            break
        for document, fixed in _by_document(chosen):
            before.setdefault(document.path, document.text)
            texts[document.path] = apply_edits(document.text, _edits(fixed))
            applied += map(_applied, fixed)
        hits = check(texts)
    changes = (Change(path, text, texts[path]) for path, text in sorted(before.items()) if texts[path] != text)
    clashes = _fixable(hits, unsafe=unsafe, paths=paths)
    return FixRun(tuple(changes), tuple(applied), tuple(hits), tuple(clashes))


def choose(hits: Iterable[Hit]) -> list[Hit]:
    """Those whose fixes can be made at once: in order of place, without those that touch what one before changes."""
    taken: dict[int, list[Span]] = {}
    chosen = []
    for hit in sorted(hits, key=_place):
        spans = sorted(edit.span for edit in _edits([hit]))
        before = taken.setdefault(id(hit.finding.place.document), [])
        if _is_free(spans, before):
            for span in spans:
                bisect.insort(before, span)
            chosen.append(hit)
    return chosen


def is_allowed(fix: Fix | None, *, unsafe: bool) -> bool:
    """Whether a fix can be made here, and may."""
    if fix is None or not fix.edits:
        return False
    return fix.safety is Safety.SAFE or (unsafe and fix.safety is Safety.UNSAFE)


def _fixable(hits: Iterable[Hit], *, unsafe: bool, paths: Callable[[str], bool]) -> list[Hit]:
    return [
        hit for hit in hits if is_allowed(hit.finding.fix, unsafe=unsafe) and paths(hit.finding.place.document.path)
    ]


def _is_free(spans: Sequence[Span], taken: Sequence[Span]) -> bool:
    """Whether spans overlap neither each other nor those taken; two that only meet do if one of them inserts."""
    if any(
        _meet(first, second) for first, second in itertools.pairwise(spans) if first != second or not _inserts(first)
    ):
        return False
    return not any(_meet(span, other) for span in spans for other in _neighbours(span, taken))


def _neighbours(span: Span, taken: Sequence[Span]) -> Sequence[Span]:
    """The taken spans on and around a place; as they do not overlap, it meets no others."""
    first = bisect.bisect_left(taken, span)
    last = bisect.bisect_right(taken, Span(span.end, span.end))
    return taken[max(first - 2, 0) : last + 1]


def _meet(one: Span, other: Span) -> bool:
    if _inserts(one) or _inserts(other):
        return one.start <= other.end and other.start <= one.end
    return one.start < other.end and other.start < one.end


def _inserts(span: Span) -> bool:
    return span.start == span.end


def _by_document(hits: Iterable[Hit]) -> Iterable[tuple[Document[object], list[Hit]]]:
    groups: dict[int, tuple[Document[object], list[Hit]]] = {}
    for hit in hits:
        document = hit.finding.place.document
        groups.setdefault(id(document), (document, []))[1].append(hit)
    return groups.values()


def _edits(hits: Iterable[Hit]) -> list[Edit]:
    return [edit for hit in hits if hit.finding.fix for edit in hit.finding.fix.edits]


def _place(hit: Hit) -> tuple[str, Span]:
    return hit.finding.place.document.path, hit.finding.place.span


def _applied(hit: Hit) -> Applied:
    place = hit.finding.place
    title = hit.finding.fix.title if hit.finding.fix else ""
    return Applied(hit.rule.id, place.document.path, place.document.position(place.span.start).line, title)
