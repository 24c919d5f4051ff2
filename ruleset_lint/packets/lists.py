"""Sets of packets as lists of boxes that people can read, the largest first. Knows no rule and no text.

    boxes(space, wanted, *, care=None, most=…) -> tuple[Box, ...]
    listed(space, wanted, *, care=None, most=…, until=None) -> Listed   and what no box says

A box is grown from one packet, field by field, as far as it stays in the set; what it holds is taken away, and the
next one is grown from what is left. Packets that nobody cares about may be in a box or not, whichever makes it simpler.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.boxes import Box, Condition, condition_of, packets_of, product, values_of
from ruleset_lint.packets.formula import Between, Bits, Some, equal
from ruleset_lint.packets.numbers import Sought
from ruleset_lint.packets.space import SIDES, PacketSet, Space

MOST = 100
"""Boxes of one list."""

_LARGE = 5_000  # nodes
_WIDE = (*ask.SOURCE.values(), *ask.DESTINATION.values(), ask.PROTOCOL)
_PORTS = (6, 17, 33, 132, 136)  # tcp, udp, dccp, sctp, udplite
_ICMP = {4: 1, 6: 58}
_OF_ICMP = (
    ask.ICMP_CODE, ask.ICMP_TYPE, ask.QUOTED_PROTOCOL, ask.QUOTED_SOURCE_PORT, ask.QUOTED_DESTINATION_PORT,
)  # fmt: skip
_OWNED = (ask.FLAGS, *_OF_ICMP, ask.SOURCE_PORT, ask.DESTINATION_PORT)
"""Fields that packets of some protocols have: of others they are 0, which says nothing."""

# what is grown last is as wide as it can be only for what was grown before: so what depends on something comes before
# it, and the protocol at the end
_LATE: tuple[Hashable, ...] = (
    *_OWNED, ask.FRAGMENT, ask.REPLY, ask.SNAT, ask.DNAT, ask.SOURCE_TYPE, ask.DESTINATION_TYPE, ask.STATE, *SIDES,
    *ask.SOURCE.values(), *ask.DESTINATION.values(), ask.PROTOCOL,
)  # fmt: skip


class Listed(NamedTuple):
    """Boxes, the largest first, and the packets that are in none of them: there are some if the list was cut."""

    boxes: tuple[Box, ...]
    rest: PacketSet


def boxes(space: Space, wanted: PacketSet, *, care: PacketSet | None = None, most: int = MOST) -> tuple[Box, ...]:
    """The packets of a set as boxes, `most` at most. Raises NotDecidedError.

    `care` are the packets that matter, by default all: boxes hold of these just those of the set, and of others any.
    """
    return listed(space, wanted, care=care, most=most).boxes


def listed(
    space: Space, wanted: PacketSet, *, care: PacketSet | None = None, most: int = MOST, until: float | None = None
) -> Listed:
    """The same, with what is left when the list is cut. Raises NotDecidedError.

    `until` is a time of `time.monotonic` after which no further box is looked for.
    """
    asked = space.all if care is None else care
    inside = space.both(wanted, asked)
    found: list[Box] = []
    rest = inside
    peeling = _peeling(space, inside, space.without(asked, wanted))
    while not space.is_empty(rest) and len(found) < most:
        if found and until is not None and time.monotonic() > until:
            break
        box = _largest(peeling, peeling.reduced(rest))
        found.append(box)
        rest = space.without(rest, packets_of(space, box))
    return Listed(tuple(_tidied(peeling, inside, found) if space.is_empty(rest) else found), rest)


@dataclass(frozen=True, eq=False, slots=True)
class _Peeling:
    """What all boxes of a list have in common: packets that may not be in one, and the keys that tell them from others.

    `others` are the variables of all other keys, `values` the values of each key that packets have which matter,
    `owners` the protocols that alone have a field.
    """

    space: Space
    outside: PacketSet
    keys: tuple[Hashable, ...]
    others: tuple[int, ...]
    values: Mapping[Hashable, PacketSet]
    owners: Mapping[Hashable, PacketSet]

    def reduced(self, packets: PacketSet) -> PacketSet:
        """Packets without what does not matter of them."""
        return self.space.freed(packets, self.others)

    def projected(self, packets: PacketSet, key: Hashable) -> PacketSet:
        """The values of a key that packets have."""
        return _projected(self.space, packets, key, self.keys)

    def around(self, parts: Mapping[Hashable, PacketSet], key: Hashable) -> PacketSet:
        """The packets of a box, whatever one key of theirs is."""
        return product(self.space, (part for other, part in parts.items() if other != key))

    def allowed(self, around: PacketSet, key: Hashable) -> PacketSet:
        """The values of a key with which no packet of a box is outside."""
        outside = self.space.both(around, self.outside)
        return self.space.contrary(self.projected(outside, key))


def _projected(space: Space, packets: PacketSet, key: Hashable, keys: Iterable[Hashable]) -> PacketSet:
    return space.freed(packets, [number for other in keys if other != key for number in space.known()[other]])


def _peeling(space: Space, inside: PacketSet, outside: PacketSet) -> _Peeling:
    order = sorted(space.known(), key=lambda key: _LATE.index(key) if key in _LATE else -1)
    keys = _telling(space, inside, outside, order)
    owners = _owners(space, space.either(inside, outside), keys)
    if owners and ask.PROTOCOL not in keys:
        keys.append(ask.PROTOCOL)
    others = tuple(number for key in order if key not in keys for number in space.known()[key])
    outside, asked = (space.freed(one, others) for one in (outside, space.either(inside, outside)))
    values = {key: _projected(space, asked, key, keys) for key in keys}
    return _Peeling(space, outside, tuple(keys), others, values, owners)


def _owners(space: Space, asked: PacketSet, keys: Iterable[Hashable]) -> dict[Hashable, PacketSet]:
    """The fields that are 0 in all packets but those of some protocols."""
    found: dict[Hashable, PacketSet] = {}
    for field in _OWNED:
        if field in keys:
            numbers = (6,) if field == ask.FLAGS else (_ICMP[space.family],) if field in _OF_ICMP else _PORTS
            owners = space.of(Some(tuple(equal(ask.PROTOCOL, number) for number in numbers)))
            if space.within(space.without(asked, owners), space.of(equal(field, 0))):
                found[field] = owners
    return found


def _telling(space: Space, inside: PacketSet, outside: PacketSet, keys: Sequence[Hashable]) -> list[Hashable]:
    """The keys without which packets inside could not be told from those outside; halves are tried first.

    In large sets addresses and protocols are taken to be needed: to find that out would take longer.
    """
    known = _WIDE if inside.node_count() > _LARGE else ()
    needed: list[Hashable] = [key for key in keys if key in known]
    waiting = [[key for key in keys if (key in _LATE) == late and key not in known] for late in (True, False)]
    while waiting:
        group = waiting.pop()
        numbers = [number for key in group for number in space.known()[key]]
        freed = space.freed(inside, numbers)
        if space.is_empty(space.both(freed, outside)):
            inside = freed
        elif len(group) == 1:
            needed += group
        else:
            half = len(group) // 2
            waiting += [group[half:], group[:half]]
    return [key for key in keys if key in needed]


def _largest(peeling: _Peeling, rest: PacketSet) -> Box:
    """The box that holds most of what is left, of those grown from one packet."""
    seed = _seed(peeling, rest)
    grown = [_grown(peeling, seed, order) for order in _orders(peeling.keys)]
    held = [_size(peeling.space, product(peeling.space, (rest, *parts.values()))) for parts in grown]
    return _said(peeling, grown[held.index(max(held))], rest)


def _orders(keys: tuple[Hashable, ...]) -> Iterator[Sequence[Hashable]]:
    """Orders in which a box may grow: as they are, and with those turned round that depend on nothing."""
    yield keys
    free = [key for key in keys if key in _LATE[_LATE.index(ask.STATE) : -1]]
    if len(free) > 1:
        turned = iter(reversed(free))
        yield [next(turned) if key in free else key for key in keys]


def _seed(peeling: _Peeling, rest: PacketSet) -> dict[Hashable, PacketSet]:
    """One packet, from where packets are densest: each bit is as most of them have it."""
    space = peeling.space
    seed: dict[Hashable, PacketSet] = {}
    for key in sorted(peeling.keys, key=lambda key: space.known()[key].start):
        part = space.all
        for variable in space.known()[key]:
            bit = space.literal(variable)
            if rest.node_var() == variable:
                one, zero = rest.cofactors() or (rest, rest)
                more = _size(space, one) > _size(space, zero)
                rest = one if more else zero
            else:
                more = False
            part = space.both(part, bit if more else space.contrary(bit))
        seed[key] = part
    return seed


def _grown(
    peeling: _Peeling, seed: Mapping[Hashable, PacketSet], order: Sequence[Hashable]
) -> dict[Hashable, PacketSet]:
    """The widest box around a packet that has nothing outside, if keys are widened in an order."""
    parts = dict(seed)
    for key in order:
        allowed = peeling.allowed(peeling.around(parts, key), key)
        parts[key] = peeling.space.both(allowed, _owning(peeling, parts)) if key == ask.PROTOCOL else allowed
    return parts


def _owning(peeling: _Peeling, parts: Mapping[Hashable, PacketSet]) -> PacketSet:
    """The protocols whose packets have all that a box asks for, and those that it has already."""
    space, found = peeling.space, peeling.space.all
    for field, owners in peeling.owners.items():
        if not space.within(peeling.values[field], parts[field]):
            found = space.both(found, owners)
    return space.either(found, parts[ask.PROTOCOL])


def _said(peeling: _Peeling, grown: Mapping[Hashable, PacketSet], rest: PacketSet) -> Box:
    """A box in words: as wide as grown where that is simplest, else only as wide as what is left asks for."""
    space, parts = peeling.space, dict(grown)
    conditions: list[Condition] = []
    for key in peeling.keys:
        around, values = peeling.around(parts, key), peeling.values[key]
        allowed = peeling.allowed(around, key)
        if key == ask.PROTOCOL:
            allowed = space.both(allowed, _owning(peeling, parts))
        if space.within(values, allowed):
            parts[key] = space.all
            continue
        must = peeling.projected(product(space, (around, parts[key], rest)), key)
        condition = condition_of(space, key, Sought(must, space.without(values, allowed), values))
        conditions.append(condition)
        parts[key] = values_of(space, condition)
    return Box(tuple(conditions))


def _tidied(peeling: _Peeling, inside: PacketSet, found: Sequence[Box]) -> list[Box]:
    """The boxes, each for what no other holds: none for nothing, and the others in fewer words."""
    space = peeling.space
    sets = [space.both(packets_of(space, box), inside) for box in found]
    before = [space.none]
    for one in sets:
        before.append(space.either(before[-1], one))
    kept: list[Box] = []
    after = space.none
    for box, one, earlier in zip(reversed(found), reversed(sets), reversed(before[:-1]), strict=True):
        alone = space.without(one, space.either(earlier, after))
        if space.is_empty(alone):
            continue
        kept.append(_shortened(peeling, box, alone))
        after = space.either(after, packets_of(space, kept[-1]))
    return sorted(kept, key=lambda box: (-_size(space, space.both(packets_of(space, box), inside)), _lowest(box)))


def _lowest(box: Box) -> tuple[str, ...]:
    """The lowest values of a box, in an order of their own: boxes of one size are told in it."""
    parts = [next(iter((*one.among, *one.but))) for one in box.conditions]
    return tuple(f"{_low(one):040x}" if isinstance(one, Bits | Between) else str(one) for one in parts)


def _low(part: Bits | Between) -> int:
    return part.value if isinstance(part, Bits) else part.low


def _size(space: Space, packets: PacketSet) -> int:
    """How many packets, one by one."""
    return packets.sat_count(sum(len(numbers) for numbers in space.known().values()))


def _shortened(peeling: _Peeling, box: Box, alone: PacketSet) -> Box:
    """A box that holds some packets of another one, if that takes fewer words."""
    space, parts = peeling.space, dict.fromkeys(peeling.keys, peeling.space.all)
    parts |= {one.key: values_of(space, one) for one in box.conditions}
    shorter = _said(peeling, parts, peeling.reduced(alone))
    return shorter if space.within(alone, packets_of(space, shorter)) else box
