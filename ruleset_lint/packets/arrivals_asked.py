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
    `known`: by value the tests whose answer is another than for 0 or no interface, each as a bit of its own.
    """

    borders: list[int]
    known: dict[int | str, int]
    tests: list[tuple[int, Formula]]


class Asked:
    """A formula that many packets are asked."""

    def __init__(self, formula: Formula, family: int) -> None:
        """Sort its tests by what they are about."""
        self._formula = formula
        found: dict[Field | str, list[tuple[int, Formula]]] = {}
        for place, atom in enumerate(dict.fromkeys(atoms(formula))):
            key = key_of(atom)
            if key is not None:
                found.setdefault(key, []).append((1 << place, atom))
        self._tests = {of: _Tests(_borders(of, tests), {}, tests) for of, tests in found.items()}
        self._nothing = Packet(family, {})
        self._known: dict[int, bool] = {}

    def holds(self, packet: Packet) -> bool:
        """Whether it holds for a packet."""
        answers = 0
        for of, value in packet.values.items():
            asked = self._tests.get(of)
            if asked is not None:
                borders, known, _ = asked
                place = bisect_right(borders, value) if borders else value
                told = known.get(place)
                answers |= self._told(asked, place, packet) if told is None else told
        for side, name in packet.interfaces.items():
            asked = self._tests.get(side)
            if asked is not None:
                told = asked.known.get(name)
                answers |= self._told(asked, name, packet) if told is None else told
        found = self._known.get(answers)
        if found is None:
            found = self._known[answers] = holds(self._formula, packet)
        return found

    def _told(self, asked: _Tests, place: int | str, packet: Packet) -> int:
        found = sum(bit for bit, test in asked.tests if holds(test, packet) != holds(test, self._nothing))
        asked.known[place] = found
        return found


def _borders(of: Field | str, tests: list[tuple[int, Formula]]) -> list[int]:
    """The numbers from which on some test has another answer."""
    if isinstance(of, str) or of.bits <= _NARROW:
        return []
    every = [spans_of(test, of.bits) for _, test in tests]
    known = [spans for spans in every if spans is not None]
    borders = {border for spans in known for first, last in spans for border in (first, last + 1)}
    return sorted(borders) if len(known) == len(every) else []
