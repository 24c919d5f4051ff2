"""Sets of numbers as decision diagrams, put into few words: ranges, prefixes, masks. Knows no field and no packet.

A set is asked for by three others, each a diagram of the same variables: numbers that must be in it, numbers that
must not, and those that anybody cares about (`care`); the rest may be in it or not, whichever is shorter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from ruleset_lint.packets.space import PacketSet, Space

LONGEST = 8192
"""Parts of one description; what would take more is given in pieces."""
_STEPS = 1 << 18  # nodes or pieces that are looked at
_CUBES = 64


class Sought(NamedTuple):
    """Numbers that must be there, that must not, and that are asked for at all; the first two are among these."""

    must: PacketSet
    not_: PacketSet
    care: PacketSet

    def turned(self) -> Sought:
        """What must be left out, to say the same."""
        return Sought(self.not_, self.must, self.care)

    def split(self, variable: int) -> tuple[Sought, Sought]:
        """Those whose bit is 0, and 1."""
        must, not_, care = _split(self.must, variable), _split(self.not_, variable), _split(self.care, variable)
        return Sought(must[0], not_[0], care[0]), Sought(must[1], not_[1], care[1])

    @property
    def steps(self) -> int:
        """Pieces after which a description is given up: a mask with holes makes few nodes and no end of ranges."""
        return min(64 + 4 * sum(of.node_count() for of in self), _STEPS)

    @property
    def is_allowed(self) -> bool:
        """Whether all numbers may be in the set, and are asked for."""
        return not self.not_.satisfiable() and self.care.valid()


class Piece(NamedTuple):
    """Numbers from `low` to `high`, all there is below one node."""

    low: int
    high: int


class Cube(NamedTuple):
    """Numbers whose bits are as in `value` where the mask has a bit."""

    mask: int
    value: int


class Prefixes(NamedTuple):
    """Blocks whose size is a power of two; everything if there are none; and the blocks in them that are not meant."""

    among: tuple[Piece, ...]
    but: tuple[Piece, ...] = ()

    @property
    def size(self) -> int:
        """How many blocks."""
        return len(self.among) + len(self.but)


def _split(of: PacketSet, variable: int) -> tuple[PacketSet, PacketSet]:
    if of.node_var() != variable:
        return of, of
    one, zero = of.cofactors() or (of, of)
    return zero, one


def pieces(of: PacketSet, variables: range) -> Iterator[Piece]:
    """The blocks that a set is made of, rising; their sizes are powers of two."""
    waiting = [(of, variables, 0)]
    while waiting:
        here, rest, low = waiting.pop()
        if here.valid():
            yield Piece(low, low + (1 << len(rest)) - 1)
        elif here.satisfiable():
            zero, one = _split(here, rest.start)
            waiting += [(one, rest[1:], low + (1 << (len(rest) - 1))), (zero, rest[1:], low)]


def numbers(of: PacketSet, variables: range) -> Iterator[int]:
    """All numbers of a set, rising."""
    return (number for low, high in pieces(of, variables) for number in range(low, high + 1))


def spans(sought: Sought, variables: range, most: int = LONGEST) -> tuple[Piece, ...] | None:
    """Ranges of numbers that may be there, each as long as it can be and with one that must; None if over `most`.

    A single number that must be there is said as that.
    """
    first = tuple(islice(pieces(sought.must, variables), 2))
    if len(first) == 1 and first[0].low == first[0].high:
        return first
    found: list[Piece] = []
    last, wanted = Piece(0, -1), False
    steps = sought.steps
    for count, (piece, allowed, needed) in enumerate(_labelled(sought, variables)):
        if count > steps or len(found) > most:
            return None
        if allowed and last.high + 1 == piece.low:
            last, wanted = Piece(last.low, piece.high), wanted or needed
            continue
        found += [last] if wanted else []
        last, wanted = (piece, needed) if allowed else (Piece(piece.low, piece.low - 2), False)
    return (*found, last) if wanted else tuple(found)


def _labelled(sought: Sought, variables: range) -> Iterator[tuple[Piece, bool, bool]]:
    """Blocks in order: whether all of one may be there, and whether some must."""
    waiting = [(sought, variables, 0)]
    while waiting:
        here, rest, low = waiting.pop()
        size = 1 << len(rest)
        allowed = here.is_allowed
        if allowed or here.not_.valid() or not here.care.satisfiable():
            yield Piece(low, low + size - 1), allowed, here.must.satisfiable()
        else:
            zero, one = here.split(rest.start)
            waiting += [(one, rest[1:], low + size // 2), (zero, rest[1:], low)]


# a node, the numbers before it, its level (a node that skips one stands for two), and whether it is in a block
_Place = tuple[Sought, int, int, bool]


@dataclass(eq=False, slots=True)
class _Known:
    """What was said before of a node at a place, outside of a block or in one, and how much more may be."""

    left: int
    found: dict[_Place, Prefixes] = field(default_factory=dict)

    def put(self, key: _Place, found: Prefixes) -> None:
        """Remember; raises OverflowError if it is too much."""
        self.left -= 1
        if self.left < 0 or found.size > LONGEST:
            raise OverflowError
        self.found[key] = found


def prefixes(sought: Sought, variables: range) -> Prefixes | None:
    """Blocks, with blocks left out of them if that is shorter; None if too many."""
    known = _Known(sought.steps)
    try:
        inside = _outside_in(sought, variables, 0, known)
        but = _left_out(sought, variables, 0, known)
    except OverflowError:
        return None
    found = min((inside, Prefixes((), but.among)), key=_size) if but.among else inside
    return found if found.size <= LONGEST else None


def _size(of: Prefixes) -> int:
    return of.size


def _outside_in(sought: Sought, rest: range, low: int, known: _Known) -> Prefixes:
    """What says the numbers below a node where nothing above it says anything."""
    if not sought.must.satisfiable():
        return Prefixes(())
    whole = Piece(low, low + (1 << len(rest)) - 1)
    if sought.is_allowed:
        return Prefixes((whole,))
    key = (sought, low, rest.start, False)
    if key not in known.found:
        zero, one = sought.split(rest.start)
        first = _outside_in(zero, rest[1:], low, known)
        second = _outside_in(one, rest[1:], low + (1 << (len(rest) - 1)), known)
        found = Prefixes(first.among + second.among, first.but + second.but)
        if sought.care.valid() and found.size > 1:
            but = _left_out(sought, rest, low, known)
            found = min(found, Prefixes((whole,), but.among), key=_size)
        known.put(key, found)
    return known.found[key]


def _left_out(sought: Sought, rest: range, low: int, known: _Known) -> Prefixes:
    """What says the numbers below a node that must not be there, in a block that is."""
    if not sought.not_.satisfiable():
        return Prefixes(())
    if sought.not_.valid():
        return Prefixes((Piece(low, low + (1 << len(rest)) - 1),))
    key = (sought, low, rest.start, True)
    if key not in known.found:
        zero, one = sought.split(rest.start)
        first = _left_out(zero, rest[1:], low, known)
        second = _left_out(one, rest[1:], low + (1 << (len(rest) - 1)), known)
        found = Prefixes(first.among + second.among)
        if found.size > 1 and not sought.must.satisfiable():
            found = Prefixes((Piece(low, low + (1 << len(rest)) - 1),))
        known.put(key, found)
    return known.found[key]


def cubes(space: Space, sought: Sought, variables: range, most: int = _CUBES) -> tuple[Cube, ...] | None:
    """Masks with values, none of which can be left out or wider; None if more than `most`.

    Source: Minato, "Fast generation of irredundant sum-of-products forms from binary decision diagrams" (1992).
    """
    steps = iter(range(8 * most))
    found = _cubes(space, sought.must, space.contrary(sought.not_), variables, steps)
    return found if found is not None and len(found) <= most else None


def _cubes(
    space: Space, least: PacketSet, largest: PacketSet, rest: range, steps: Iterator[int]
) -> tuple[Cube, ...] | None:
    if not least.satisfiable():
        return ()
    if largest.valid():
        return (Cube(0, 0),)
    if next(steps, None) is None:
        return None
    (low0, low1), (high0, high1) = _split(least, rest.start), _split(largest, rest.start)
    bit = 1 << (len(rest) - 1)
    zeros = _cubes(space, space.without(low0, high1), high0, rest[1:], steps)
    ones = _cubes(space, space.without(low1, high0), high1, rest[1:], steps)
    if zeros is None or ones is None:
        return None
    left0 = space.without(low0, drawn(space, zeros, rest[1:]))
    left1 = space.without(low1, drawn(space, ones, rest[1:]))
    both = _cubes(space, space.either(left0, left1), space.both(high0, high1), rest[1:], steps)
    if both is None:
        return None
    return (*both, *(Cube(mask | bit, value) for mask, value in zeros),
            *(Cube(mask | bit, value | bit) for mask, value in ones))  # fmt: skip


def drawn(space: Space, of: Iterable[Cube], variables: range) -> PacketSet:
    """The numbers of some cubes as a diagram."""
    return space.any_of([_cube(space, cube, variables) for cube in of])


def _cube(space: Space, cube: Cube, variables: range) -> PacketSet:
    result = space.all
    for shift, variable in enumerate(reversed(variables)):
        if cube.mask >> shift & 1:
            bit = space.literal(variable)
            result = space.both(bit if cube.value >> shift & 1 else space.contrary(bit), result)
    return result


def some_pieces(sought: Sought, variables: range) -> tuple[Piece, ...]:
    """A few of the blocks that must be there."""
    return tuple(islice(pieces(sought.must, variables), 64))
