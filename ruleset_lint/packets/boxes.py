"""Boxes: packets told by what each of their fields may be, field by field. Knows how they are said, not how found.

Condition(key, among, but)         what one field may be
Box(conditions)                    packets that meet all of them
box_formula(box) -> Formula        as a rule would ask it
packets_of(space, box)             as a set
condition_of(space, key, sought)   a short condition that says which values there are
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass

from ruleset_lint.netfilter.values import ADDRESS_TYPES, STATES
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.formula import All, Between, Bits, Field, Formula, Interface, Not, Opaque, Some, equal
from ruleset_lint.packets.numbers import LONGEST, Cube, Piece, Sought, cubes, numbers, prefixes, some_pieces, spans
from ruleset_lint.packets.space import Afterwards, PacketSet, Space

Part = Bits | Between | Interface | Opaque

_ADDRESSES = (*ask.SOURCE.values(), *ask.DESTINATION.values())
_NAMED = (
    ask.PROTOCOL, ask.QUOTED_PROTOCOL, ask.ICMP_TYPE, ask.STATE, ask.PACKET_TYPE, ask.SOURCE_TYPE, ask.DESTINATION_TYPE,
)  # fmt: skip
_MASKED = (ask.FLAGS, ask.MARK, ask.TOS)
_LAST = {ask.STATE: len(STATES), ask.SOURCE_TYPE: len(ADDRESS_TYPES), ask.DESTINATION_TYPE: len(ADDRESS_TYPES)}


@dataclass(frozen=True, slots=True)
class Condition:
    """What one field, side or question may be: one of `among` (anything, if there are none), and none of `but`.

    The key is a Field, IN, OUT or what else has a key in a space: an Opaque, with the place where it is asked if it
    counts, and whatever is to be once something has happened (`Afterwards`).
    """

    key: Hashable
    among: tuple[Part, ...] = ()
    but: tuple[Part, ...] = ()

    @property
    def formula(self) -> Formula:
        """Its parts as a formula, whatever they are asked of."""
        among = self.among[0] if len(self.among) == 1 else Some(self.among)
        but = Not(self.but[0] if len(self.but) == 1 else Some(self.but))
        if not self.but:
            return among
        return All((among, but)) if self.among else but


@dataclass(frozen=True, slots=True)
class Box:
    """Packets that meet conditions, each about another key; without any, all packets."""

    conditions: tuple[Condition, ...] = ()

    def condition(self, key: Hashable) -> Condition | None:
        """What it says of a key, None if nothing."""
        return next((one for one in self.conditions if one.key == key), None)


def subject(key: object) -> Field | str | Opaque:
    """What the parts of a condition are about: a field, a side, or a question."""
    match key:
        case Field() as field:
            return field
        case str() as side:
            return side
        case Opaque() as opaque:
            return opaque
        case Afterwards() as later:
            return subject(later.of)
        case (inner, _):
            return subject(inner)
    raise TypeError(f"{key!r} is no key of a space")


def box_formula(box: Box) -> Formula:
    """What a box asks of a packet. Raises ValueError if it asks what the packet is to be only later on its way.

    A question that counts is asked wherever the formula stands, not where it was.
    """
    if any(subject(one.key) != one.key and not _counts(one.key) for one in box.conditions):
        raise ValueError("the box is about what becomes of packets")
    return All(tuple(one.formula for one in box.conditions))


def _counts(key: Hashable) -> bool:
    of = subject(key)
    return isinstance(of, Opaque) and of.counts and not isinstance(key, Afterwards)


def packets_of(space: Space, box: Box) -> PacketSet:
    """The packets of a box of that space. Raises NotDecidedError."""
    return product(space, (values_of(space, one) for one in box.conditions))


def product(space: Space, sets: Iterable[PacketSet]) -> PacketSet:
    """The packets that are in all sets."""
    result = space.all
    for one in sets:
        result = space.both(result, one)
    return result


def values_of(space: Space, condition: Condition) -> PacketSet:
    """The packets that meet a condition."""
    of, variables = subject(condition.key), space.known()[condition.key]
    if isinstance(of, Opaque):
        asked = space.literal(variables.start)
        return asked if condition.among else space.contrary(asked)
    drawn = space.of(condition.formula)
    if of == condition.key:
        return drawn
    own = space.variables(of, len(variables))
    later = {before: space.literal(after) for before, after in zip(own, variables, strict=True)}
    return space.substituted(drawn, space.replacing(later))


def condition_of(space: Space, key: Hashable, sought: Sought) -> Condition:
    """A short condition that holds for values which must be there and for none that must not.

    Where none is short it holds for some of them only.
    """
    of, variables = subject(key), space.known()[key]
    if isinstance(of, Opaque):
        yes = sought.must == space.literal(variables.start)
        return Condition(key, (of,), ()) if yes else Condition(key, (), (of,))
    if isinstance(of, str):
        return Condition(key, *_names(space, of, sought, variables))
    if of in _NAMED or of.bits == 1:
        return Condition(key, *_listed(of, sought, variables))
    found = min(_ways(space, of, sought, variables), key=_length, default=None)
    if found is None:
        found = tuple(_range(of, one) for one in some_pieces(sought, variables)), ()
    return Condition(key, *found)


_Parts = tuple[tuple[Part, ...], tuple[Part, ...]]


def _length(parts: _Parts) -> int:
    return len(parts[0]) + len(parts[1])


def _listed(of: Field, sought: Sought, variables: range) -> _Parts:
    """One by one, or all but a few."""
    must, but = (_codes(of, one, variables) for one in (sought.must, sought.not_))
    if len(must) <= len(but) or not but:
        return tuple(equal(of, number) for number in must), ()
    return (), tuple(equal(of, number) for number in but)


def _codes(of: Field, values: PacketSet, variables: range) -> list[int]:
    """The numbers that mean something: all others stand for the last."""
    last = _LAST.get(of, 1 << of.bits) - 1
    return sorted({min(number, last) for number in numbers(values, variables)})


def _ways(space: Space, of: Field, sought: Sought, variables: range) -> Iterator[_Parts]:
    """What can be said of a number, what is read best first."""
    if of in _MASKED:
        yield from _by_cubes(space, of, sought, variables)
        return
    most = LONGEST
    if of in _ADDRESSES and (found := prefixes(sought, variables)) is not None:
        most = found.size
        yield tuple(_range(of, one) for one in found.among), tuple(_range(of, one) for one in found.but)
    ranges, others = (spans(one, variables, most - 1) if most > 1 else None for one in (sought, sought.turned()))
    if ranges is not None:
        yield tuple(_range(of, one) for one in ranges), ()
    if others is not None:
        yield (), tuple(_range(of, one) for one in others)
    if most == LONGEST and ranges is None and others is None:
        yield from _by_cubes(space, of, sought, variables)


def _by_cubes(space: Space, of: Field, sought: Sought, variables: range) -> Iterator[_Parts]:
    if (found := cubes(space, sought, variables)) is not None:
        yield tuple(_bits(of, one) for one in found), ()
    if (found := cubes(space, sought.turned(), variables)) is not None:
        yield (), tuple(_bits(of, one) for one in found)


def _bits(of: Field, cube: Cube) -> Part:
    return Bits(of, cube.mask, cube.value)


def _range(of: Field, piece: Piece) -> Part:
    """One number, a prefix of an address, or a range."""
    size, most = piece.high - piece.low + 1, (1 << of.bits) - 1
    if size == 1 or (of in _ADDRESSES and size & (size - 1) == 0 and piece.low % size == 0):
        return Bits(of, most ^ (size - 1), piece.low)
    return Between(of, piece.low, piece.high)


def _names(space: Space, side: str, sought: Sought, variables: range) -> _Parts:
    """Interfaces by patterns: those that are meant, or all but some; else one class of names alone."""
    must, not_ = ({*numbers(one, variables)} & {*range(len(space.names.names))} for one in (sought.must, sought.not_))
    found = _patterns(space, side, must, not_)
    if found is None:
        first = {min(must)}
        found = _patterns(space, side, first, {*range(len(space.names.names))} - first)
    return found if found is not None else ((Interface(side, space.names.name(min(must))),), ())


def _patterns(space: Space, side: str, must: set[int], not_: set[int]) -> _Parts | None:
    """Patterns for all classes that must be there and none that must not, some perhaps taken out again."""
    classes = [*range(len(space.names.names))]
    meant = {
        pattern: {number for number in classes if space.names.codes(pattern)[number]}
        for pattern in sorted((*space.names.patterns, ""), key=lambda one: (len(one), one))
    }
    plain = _cover(must, [pattern for pattern, of in meant.items() if not of & not_], meant)
    but = _cover(not_, [pattern for pattern, of in meant.items() if not of & must], meant)
    wide = _cover(must, list(meant), meant)
    within = None if wide is None else not_ & set().union(*(meant[pattern] for pattern in wide))
    taken = None if within is None else _cover(within, [one for one, of in meant.items() if not of & must], meant)
    found = [(plain, []), ([], but), (wide, taken)]
    ways = [
        (tuple(Interface(side, one) for one in among), tuple(Interface(side, one) for one in left))
        for among, left in found
        if among is not None and left is not None and (among or left)
    ]
    return min(ways, key=_length, default=None)


def _cover(wanted: set[int], patterns: list[str], meant: dict[str, set[int]]) -> list[str] | None:
    """Few patterns that mean all that is wanted, None if they do not."""
    chosen: list[str] = []
    left = set(wanted)
    while left:
        best = max(patterns, key=lambda one: len(meant[one] & left), default=None)
        if best is None or not meant[best] & left:
            return None
        chosen.append(best)
        left -= meant[best]
    return sorted(chosen)
