"""What becomes of the packets of a course, in a form that two rulesets are compared in. Knows no statement.

    fate_of(counting, folded, course, start) -> Fate
    differing(space, first, second, among)           what differs, and for which packets

An untracked packet that is dropped in the raw table counts as not untracked, since nobody has asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import filterfalse, islice
from typing import Final

from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.counting import Counting, Place
from ruleset_lint.packets.course import Step
from ruleset_lint.packets.effect import Note, Translate
from ruleset_lint.packets.formula import Field
from ruleset_lint.packets.space import PacketSet, Space
from ruleset_lint.packets.walking import Folded, walked

VERDICT: Final = "verdict"
TRACKING: Final = "tracking"


@dataclass(frozen=True, eq=False, slots=True)
class Fate:
    """Packets by verdict, the bits of the fields that they leave with, what happened to them, who is untracked.

    All sets are of packets as they come. `asked`: the packets that come to each place where something counts.
    """

    verdicts: Mapping[str, PacketSet]
    header: Mapping[Field, tuple[PacketSet, ...]]
    events: Mapping[Note | Translate, PacketSet]
    untracked: PacketSet
    asked: Mapping[Place, PacketSet]

    def mapped(self, of: Callable[[PacketSet], PacketSet]) -> Fate:
        """The same with each set replaced."""
        return Fate(
            {verdict: of(packets) for verdict, packets in self.verdicts.items()},
            {field: tuple(map(of, bits)) for field, bits in self.header.items()},
            {event: of(packets) for event, packets in self.events.items()},
            of(self.untracked),
            {place: of(packets) for place, packets in self.asked.items()},
        )

    def passing(self, space: Space) -> PacketSet:
        """The packets that are neither dropped nor rejected."""
        return space.any_of([packets for verdict, packets in self.verdicts.items() if passes(verdict)])

    def refused(self, space: Space) -> PacketSet:
        """The packets that are dropped or rejected."""
        return space.any_of([packets for verdict, packets in self.verdicts.items() if not passes(verdict)])


def passes(verdict: str) -> bool:
    """Whether a packet with a verdict may go on; who gets it from a queue is not known."""
    return verdict != "DROP" and not verdict.startswith("REJECT")


def fate_of(counting: Counting, folded: Folded, course: Sequence[Step], start: PacketSet) -> Fate:
    """What becomes of the packets that start. Raises NotDecidedError."""
    space = folded.reading.space
    found = walked(folded, course, start)
    header = {
        of: tuple(found.store.bit(space, number) for number in space.variables(of, of.bits))
        for of in _header(space.family)
        if of in found.store.fields
    }
    asked: dict[Place, PacketSet] = {}
    events: dict[Note | Translate, PacketSet] = {}
    for event, packets in found.events.items():
        place = counting.asking.get(event) if isinstance(event, Note) else None
        if place:
            asked[place] = packets
        else:
            events[event] = packets
    return Fate(found.verdicts, header, events, found.untracked, asked)


def _header(family: int) -> tuple[Field, ...]:
    return (
        ask.SOURCE[family], ask.DESTINATION[family], ask.SOURCE_PORT, ask.DESTINATION_PORT, ask.TOS, ask.TTL, ask.MARK,
    )  # fmt: skip


def differing(
    space: Space, first: Fate, second: Fate, among: PacketSet, *, tracking: bool = False
) -> Iterator[tuple[str, PacketSet]]:
    """What differs between two fates of some packets, and for which; nothing if they are the same.

    `tracking`: whether it counts which of them are untracked.
    """
    none = space.none
    apart = [_apart(space, one, other, among) for one, other in _pairs(first.verdicts, second.verdicts, none)]
    yield from _some(space, VERDICT, apart)
    if tracking:
        yield from _some(space, TRACKING, [_apart(space, first.untracked, second.untracked, among)])
    through = space.both(among, space.both(first.passing(space), second.passing(space)))
    for of in dict.fromkeys((*first.header, *second.header)):
        same = tuple(map(space.literal, space.variables(of, of.bits)))
        bits = zip(first.header.get(of, same), second.header.get(of, same), strict=True)
        changed = (_apart(space, one, other, through) for one, other in bits)
        # one bit is enough; together they would be large, since what is compared lies far apart in the diagram
        yield from ((of.name, packets) for packets in islice(filterfalse(space.is_empty, changed), 1))
    for event in dict.fromkeys((*first.events, *second.events)):
        one, other = first.events.get(event, none), second.events.get(event, none)
        yield from _some(space, event.text, [_apart(space, one, other, among)])


def _pairs(
    first: Mapping[str, PacketSet], second: Mapping[str, PacketSet], none: PacketSet
) -> Iterator[tuple[PacketSet, PacketSet]]:
    return ((first.get(key, none), second.get(key, none)) for key in dict.fromkeys((*first, *second)))


def _apart(space: Space, first: PacketSet, second: PacketSet, among: PacketSet) -> PacketSet:
    """Those of some packets that are in one set only."""
    if first == second:
        return space.none
    return space.both(among, space.choose(first, space.contrary(second), second))


def _some(space: Space, what: str, apart: Iterable[PacketSet]) -> Iterator[tuple[str, PacketSet]]:
    found = [packets for packets in apart if not space.is_empty(packets)]
    if found:
        yield what, space.any_of(found)
