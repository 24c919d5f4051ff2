"""Conditions of one field as numbers: from where to where they hold. Knows no rule and no sets."""

from __future__ import annotations

from collections.abc import Iterable

from ruleset_lint.packets.formula import All, Between, Bits, Formula, Interface, Not, Opaque, Some

Spans = tuple[tuple[int, int], ...]
"""First and last number of each stretch, in order, none touching the next."""


def spans_of(formula: Formula, bits: int) -> Spans | None:
    """The numbers of so many bits for which a formula about one field holds; None if they are no few stretches."""
    whole = (1 << bits) - 1
    match formula:
        case Bits(_, mask, value):
            return _masked(mask, value, whole)
        case Between(_, low, high):
            first, last = max(low, 0), min(high, whole)
            return ((first, last),) if first <= last else ()
        case Not(of):
            found = spans_of(of, bits)
            return None if found is None else _others(found, whole)
        case Some(of):
            return _of_some(of, bits)
        case All(of):
            found = spans_of(Some(tuple(map(Not, of))), bits)
            return None if found is None else _others(found, whole)
        case Interface() | Opaque():
            return None


def _of_some(formulas: Iterable[Formula], bits: int) -> Spans | None:
    every: list[tuple[int, int]] = []
    for one in formulas:
        spans = spans_of(one, bits)
        if spans is None:
            return None
        every += spans
    return _joined(every)


def _masked(mask: int, value: int, whole: int) -> Spans | None:
    if value & ~mask:
        return ()
    below = whole & ~mask
    return None if below & (below + 1) else ((value, value | below),)


def _joined(spans: Iterable[tuple[int, int]]) -> Spans:
    found: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return tuple(found)


def _others(spans: Spans, whole: int) -> Spans:
    starts = (0, *(last + 1 for _, last in spans))
    ends = (*(first - 1 for first, _ in spans), whole)
    return tuple((start, end) for start, end in zip(starts, ends, strict=True) if start <= end)
