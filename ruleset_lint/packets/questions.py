"""Formulas with three answers: yes, no, or open as long as some of their tests are. Knows no packet and no rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ruleset_lint.netfilter.normal_values import address_text, network_text
from ruleset_lint.netfilter.values import Network
from ruleset_lint.packets.formula import (
    DESTINATION,
    SOURCE,
    All,
    Between,
    Bits,
    Field,
    Formula,
    Interface,
    Not,
    Opaque,
    Some,
)
from ruleset_lint.packets.packet_fields import value_text

_FAMILIES = {side[family]: family for side in (SOURCE, DESTINATION) for family in (4, 6)}

Atom = Bits | Between | Interface | Opaque


def hold(formula: Formula, answer: Callable[[Atom], bool | None]) -> bool | None:
    """Whether a formula holds, None if that depends on tests that `answer` leaves open."""
    match formula:
        case Not(of):
            found = hold(of, answer)
            return None if found is None else not found
        case All(of):
            return _first(of, answer, False)
        case Some(of):
            return _first(of, answer, True)
        case _:
            return answer(formula)


def _first(of: Iterable[Formula], answer: Callable[[Atom], bool | None], wanted: bool) -> bool | None:
    """`wanted` if one of them is that, the contrary if none can be."""
    result: bool | None = not wanted
    for one in of:
        found = hold(one, answer)
        if found is wanted:
            return wanted
        if found is None:
            result = None
    return result


def subject(atom: Bits | Between | Interface) -> Field | str:
    """The field, or the side of the interface, that a test asks."""
    return atom.side if isinstance(atom, Interface) else atom.field


def question(atom: Atom) -> str:
    """A test in words: `-m set --match-set a src`, `ttl 0 to 4`, `in eth0`."""
    match atom:
        case Opaque(text):
            return text
        case Interface(side, pattern):
            return f"{side} {pattern}"
        case Between(of, low, high):
            return f"{of.name} {_text(of, low)}" + (f" to {_text(of, high)}" if low != high else "")
        case Bits(of, mask, value) if of in _FAMILIES:
            return f"{of.name} {network_text(Network(value, mask), _FAMILIES[of])}"
        case Bits(of, mask, value):
            full = mask == (1 << of.bits) - 1
            return f"{of.name} {_text(of, value)}" + ("" if full else f" in {_text(of, mask)}")


def _text(of: Field, value: int) -> str:
    return address_text(value, _FAMILIES[of]) if of in _FAMILIES else value_text(of, value)
