"""Which of many rules one packet meets the conditions of, found field by field. Knows no chain and no sets.

    Index(formulas)                       conditions, by the number of their rule
    index.meeting(values, interfaces)     the rules that the packet may match, as bits of a number
    index.conditions[number][1]           what they say beyond single fields: to be asked for each

A field's conditions are kept as the numbers at which rules begin and cease to be met: a look at a packet costs a search
in each field, not a look at each rule.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ruleset_lint.packets.arrivals_spans import Spans, spans_of
from ruleset_lint.packets.formula import (
    All,
    Between,
    Bits,
    Field,
    Formula,
    Interface,
    Not,
    Opaque,
    Packet,
    Some,
    holds,
)

_NARROW = 8  # bits of a field whose values are few enough to be asked one by one
_REMEMBERED = 16  # bits of a field whose values are remembered; addresses rarely come twice
_ROOM = 1 << 24  # bytes for what is known at the borders of a field


@dataclass(eq=False, slots=True)
class _Column:
    """The conditions of one field or side. `failing` is remembered by value, but of addresses."""

    of: Field | str
    family: int
    values: Sequence[int | str]  # all there are, if they are few
    rules: int = 0  # those that have a condition
    asked: list[tuple[Formula, int]] = field(default_factory=list)  # one by one, with the rules that ask it
    borders: list[int] = field(default_factory=list)
    turning: list[tuple[int, ...]] = field(default_factory=list)  # rules that are met from there on, or no longer
    known: list[int] = field(default_factory=list)  # those that are not met, every so many borders
    stride: int = 1
    failing_at: dict[int | str, int] = field(default_factory=dict)

    def failing(self, value: int | str) -> int:
        """The rules whose condition a value does not meet."""
        found = self._between(value) if isinstance(value, int) else 0
        if self.asked:
            found |= self._asked(value)
        if isinstance(self.of, str) or self.of.bits <= _REMEMBERED:
            self.failing_at[value] = found
        return found

    def missing(self, condition: Formula) -> tuple[int, int]:
        """The rules whose condition is met nowhere where this one is, and those whose is not met everywhere there.

        Of the first there may be more, of the second fewer: what cannot be told is in the second only.
        """
        if isinstance(self.of, str) or self.of.bits <= _NARROW:
            return self._by_value(condition)
        spans = spans_of(condition, self.of.bits)
        if spans is None:
            return 0, self.rules
        nowhere, somewhere = (-1 if spans else 0), 0
        for first, last in spans:
            failing, turning = self._between(first), self._turning(first, last)
            nowhere &= failing & ~turning
            somewhere |= failing | turning
        for formula, rules in self.asked:
            nowhere &= ~rules
            somewhere |= 0 if formula == condition else rules
        return nowhere, somewhere

    def _by_value(self, condition: Formula) -> tuple[int, int]:
        nowhere, somewhere = -1, 0
        for value in self.values:
            if holds(condition, _with(self.of, value, self.family)):
                failing = self.failing_at.get(value) or self.failing(value)
                nowhere &= failing
                somewhere |= failing
        return nowhere & self.rules, somewhere

    def _turning(self, first: int, last: int) -> int:
        """The rules that are met from a number behind the first on, or no longer, up to the last."""
        result = 0
        for turning in self.turning[bisect_right(self.borders, first) : bisect_right(self.borders, last)]:
            for number in turning:
                result |= 1 << number
        return result

    def _asked(self, value: int | str) -> int:
        result = 0
        packet = _with(self.of, value, self.family)
        for formula, rules in self.asked:
            if not holds(formula, packet):
                result |= rules
        return result

    def _between(self, value: int) -> int:
        place = bisect_right(self.borders, value)
        if self.stride == 1:
            return self.known[place]
        start = place // self.stride
        result = self.known[start]
        for turning in self.turning[start * self.stride : place]:
            for number in turning:
                result ^= 1 << number
        return result


Conditions = tuple[dict[Field | str, Formula], tuple[Formula, ...]]
"""What a formula says of each field or side, and what it says beyond that; all of it must hold."""


class Index:
    """Conditions of rules, by field. `conditions` are those of each rule; equal ones are one object."""

    def __init__(self, formulas: Sequence[Formula], family: int, names: Sequence[str]) -> None:
        """Sort the conditions; `names` are one of each class of interfaces, and the empty one."""
        self.all = (1 << len(formulas)) - 1
        sorting = _Sorting()
        self.conditions: list[Conditions] = [sorting.taken(number, formula) for number, formula in enumerate(formulas)]
        self.spans: dict[int, Spans | None] = {}  # by the identity of a condition about a wide field
        self.columns = {key: _column(key, family, asked, names, self.spans) for key, asked in sorting.by_key().items()}
        told = [(key, column, column.failing_at) for key, column in self.columns.items()]
        self._fields = [(key, column, known) for key, column, known in told if isinstance(key, Field)]
        self._sides = [(key, column, known) for key, column, known in told if isinstance(key, str)]
        self.plain = _bits(number for number, (_, left) in enumerate(self.conditions) if not left)
        self._known: dict[int, tuple[int, int]] = {}  # by the identity of a condition

    def meeting(self, values: Mapping[Field, int], interfaces: Mapping[str, str]) -> int:
        """The rules whose conditions about single fields a packet meets."""
        failing = 0
        for of, column, known in self._fields:
            value = values.get(of, 0)
            found = known.get(value)
            failing |= column.failing(value) if found is None else found
        for side, column, known in self._sides:
            name = interfaces.get(side, "")
            found = known.get(name)
            failing |= column.failing(name) if found is None else found
        return self.all & ~failing

    def apart(self, number: int) -> int:
        """Rules that match no packet that a rule matches, told by single fields: there may be more."""
        result = 0
        for key, condition in self.conditions[number][0].items():
            result |= self._missing(key, condition)[0]
        return result

    def covering(self, number: int) -> int:
        """Rules that match all packets that a rule matches, told by single fields: there may be more."""
        asked, result = self.conditions[number][0], self.plain
        for key, column in self.columns.items():
            result &= ~(self._missing(key, asked[key])[1] if key in asked else column.rules)
        return result

    def _missing(self, key: Field | str, condition: Formula) -> tuple[int, int]:
        found = self._known.get(id(condition))
        if found is None:
            found = self._known[id(condition)] = self.columns[key].missing(condition)
        return found


class _Condition(NamedTuple):
    """A condition of a field or side, or of neither, and the rules that have it."""

    of: Field | str | None
    condition: Formula
    rules: list[int]


@dataclass(eq=False, slots=True)
class _Sorting:
    """All conditions of rules, equal ones together; parts of formulas are known by identity, as many have the same."""

    same: dict[Formula, _Condition] = field(default_factory=dict)
    known: dict[int, _Condition] = field(default_factory=dict)

    def taken(self, number: int, formula: Formula) -> Conditions:
        """The conditions of a rule, which are noted."""
        found: dict[Field | str, _Condition] = {}
        left: list[Formula] = []
        for part in formula.of if isinstance(formula, All) else (formula,):
            one = self.known.get(id(part))
            if one is None:
                one = self.known[id(part)] = self._equal(part)
            key = one.of
            if key is None:
                left.append(part)
            else:
                found[key] = self._equal(All((found[key].condition, part))) if key in found else one
        for one in found.values():
            one.rules.append(number)
        return {key: one.condition for key, one in found.items()}, tuple(left)

    def _equal(self, formula: Formula) -> _Condition:
        found = self.same.get(formula)
        if found is None:
            found = self.same[formula] = _Condition(key_of(formula), formula, [])
        return found

    def by_key(self) -> Mapping[Field | str, Sequence[_Condition]]:
        """The conditions of each field or side."""
        result: defaultdict[Field | str, list[_Condition]] = defaultdict(list)
        for one in self.same.values():
            if one.of is not None and one.rules:
                result[one.of].append(one)
        return result


def sorted_by_key(formula: Formula) -> Conditions:
    """A formula's conditions, sorted."""
    found: dict[Field | str, Formula] = {}
    left: list[Formula] = []
    for part in formula.of if isinstance(formula, All) else (formula,):
        key = key_of(part)
        if key is None:
            left.append(part)
        else:
            found[key] = All((found[key], part)) if key in found else part
    return found, tuple(left)


def key_of(formula: Formula) -> Field | str | None:
    """The field or side that a formula is about; None if it is about several, or none."""
    match formula:
        case Bits(of) | Between(of):
            return of
        case Interface(side):
            return side
        case Opaque():
            return None
        case Not(of):
            return key_of(of)
        case All(of) | Some(of):
            keys = {key_of(one) for one in of}
            return keys.pop() if len(keys) == 1 else None


def _column(
    of: Field | str, family: int, asked: Sequence[_Condition], names: Sequence[str], known: dict[int, Spans | None]
) -> _Column:
    narrow = isinstance(of, Field) and of.bits <= _NARROW
    values: Sequence[int | str] = names if isinstance(of, str) else range(1 << of.bits) if narrow else ()
    result = _Column(of, family, values)
    turning: defaultdict[int, list[int]] = defaultdict(list)
    failing = 0
    for _, formula, numbers in asked:
        bits, spans = _bits(numbers), None
        result.rules |= bits
        if isinstance(of, Field) and not narrow:
            spans = known[id(formula)] = spans_of(formula, of.bits)
        if spans is None:
            result.asked.append((formula, bits))
            continue
        failing |= bits
        for first, last in spans:
            turning[first] += numbers
            turning[last + 1] += numbers
    result.borders = sorted(turning)
    result.turning = [tuple(turning[border]) for border in result.borders]
    _fill(result, failing)
    return result


def _fill(column: _Column, failing: int) -> None:
    column.stride = 1 + len(column.borders) * failing.bit_length() // (8 * _ROOM)
    column.known.append(failing)
    for place, turning in enumerate(column.turning, 1):
        for number in turning:
            failing ^= 1 << number
        if place % column.stride == 0:
            column.known.append(failing)


def _bits(numbers: Iterable[int]) -> int:
    result = 0
    for number in numbers:
        result |= 1 << number
    return result


def _with(of: Field | str, value: int | str, family: int) -> Packet:
    if isinstance(of, Field) and isinstance(value, int):
        return Packet(family, {of: value})
    return Packet(family, {}, {str(of): str(value)})
