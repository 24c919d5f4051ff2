"""One question that is put to many packets: answers are remembered by what decides them. Knows no rule and no sets."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from ruleset_lint.packets.arrivals_index import key_of
from ruleset_lint.packets.arrivals_spans import spans_of
from ruleset_lint.packets.formula import Field, Formula, Packet, atoms, holds

_NARROW = 8  # bits of a field whose values are remembered one by one


class _Tests(NamedTuple):
    """What a formula asks of a field or side. Answers are remembered by value, or by the borders that it lies between.

    `borders`: where an answer changes; none for fields with few values, and for those whose answers change often.
    """

    of: Field | str
    tests: list[Formula]
    borders: list[int]
    known: dict[int | str, tuple[bool, ...]]


class Asked:
    """A formula that many packets are asked."""

    def __init__(self, formula: Formula) -> None:
        """Sort its tests by what they are about."""
        self._formula = formula
        found: dict[Field | str, list[Formula]] = {}
        for atom in dict.fromkeys(atoms(formula)):
            key = key_of(atom)
            if key is not None:
                found.setdefault(key, []).append(atom)
        self._tests = [_Tests(of, tests, _borders(of, tests), {}) for of, tests in found.items()]
        self._known: dict[tuple[tuple[bool, ...], ...], bool] = {}

    def holds(self, packet: Packet) -> bool:
        """Whether it holds for a packet."""
        values, interfaces = packet.values, packet.interfaces
        answers = []
        for of, tests, borders, known in self._tests:
            value: int | str
            if isinstance(of, str):
                value = interfaces.get(of, "")
            else:
                value = values.get(of, 0)
                if borders:
                    value = bisect_right(borders, value)
            told = known.get(value)
            if told is None:
                told = known[value] = tuple([holds(test, packet) for test in tests])
            answers.append(told)
        key = tuple(answers)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = holds(self._formula, packet)
        return found


def _borders(of: Field | str, tests: list[Formula]) -> list[int]:
    """The numbers from which on some test has another answer."""
    if isinstance(of, str) or of.bits <= _NARROW:
        return []
    every = [spans_of(test, of.bits) for test in tests]
    known = [spans for spans in every if spans is not None]
    borders = {border for spans in known for first, last in spans for border in (first, last + 1)}
    return sorted(borders) if len(known) == len(every) else []
