"""Formulas joined and simplified, and lists of numbers as formulas. Knows no rule."""

from __future__ import annotations

from collections.abc import Iterable

from ruleset_lint.packets.formula import ALWAYS, NEVER, All, Between, Bits, Field, Formula, Not, Some, equal


def all_of(*formulas: Formula) -> Formula:
    """All of them at once, each asked once; what always holds is left out."""
    found = _flat(All, formulas)
    if NEVER in found:
        return NEVER
    return next(iter(found)) if len(found) == 1 else All(tuple(found))


def some_of(*formulas: Formula) -> Formula:
    """At least one of them, each asked once; what never holds is left out."""
    found = _flat(Some, formulas)
    if ALWAYS in found:
        return ALWAYS
    return next(iter(found)) if len(found) == 1 else Some(tuple(found))


def _flat(kind: type[All | Some], formulas: Iterable[Formula]) -> dict[Formula, None]:
    """Those that are joined already one by one, each once and in order."""
    found: dict[Formula, None] = {}
    for formula in formulas:
        if isinstance(formula, kind):
            found.update(dict.fromkeys(formula.of))
        else:
            found[formula] = None
    return found


def contrary(formula: Formula) -> Formula:
    """What holds where the formula does not."""
    if formula == ALWAYS:
        return NEVER
    if formula == NEVER:
        return ALWAYS
    if isinstance(formula, Bits) and formula.mask == formula.field.bits == 1:
        return equal(formula.field, 1 - formula.value)
    return formula.of if isinstance(formula, Not) else Not(formula)


def signed(formula: Formula, negated: bool) -> Formula:
    """The formula, or its contrary where `!` stands before it."""
    return contrary(formula) if negated else formula


def bits(of: Field, mask: int, value: int) -> Formula:
    """Those bits of a field are as in `value`; never, if it has other bits too."""
    if value & ~mask:
        return NEVER
    return Bits(of, mask, value) if mask else ALWAYS


def among(of: Field, ranges: Iterable[tuple[int, int]]) -> Formula:
    """The field is a number of one of the ranges; ranges that meet are one, those the wrong way round are none."""
    found = tuple([_between(of, low, high) for low, high in _joined(ranges)])
    return found[0] if len(found) == 1 else Some(found)


def _between(of: Field, low: int, high: int) -> Formula:
    if low == high:
        return equal(of, low)
    return ALWAYS if low <= 0 and high >= (1 << of.bits) - 1 else Between(of, low, high)


def _joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    first, last = 0, -2
    for low, high in sorted(ranges):
        if low > high:
            continue
        if low <= last + 1:
            last = max(last, high)
            continue
        if last >= first:
            found.append((first, last))
        first, last = low, high
    if last >= first:
        found.append((first, last))
    return found
