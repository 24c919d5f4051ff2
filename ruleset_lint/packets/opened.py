"""Connections that a ruleset lets begin, as conditions on their later packets, replies and errors. Knows no ruleset.

A later packet tells of the first one what all packets of a connection have in common: addresses, ports, interfaces, and
what is asked of these alone (sets, the sender's MAC address). All else may have been anything.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping

from ruleset_lint.netfilter.extension import Memory
from ruleset_lint.netfilter.matches import MATCHES
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.formula import Field, Opaque
from ruleset_lint.packets.meaning_words import LOADED_BY_NFT
from ruleset_lint.packets.space import PacketSet, Space

_SWAPPED = {"src": "dst", "dst": "src"}


def lasting(space: Space, openings: PacketSet) -> PacketSet:
    """All packets that have in common with one of these what packets of one connection and direction do."""
    kept = {*_tuple(space.family), ask.IN, ask.OUT, ask.MAC, ask.PACKET_TYPE}
    return _freed(space, openings, lambda key: key in kept or _lasts(key))


def mirrored(space: Space, openings: PacketSet, *, forwarded: bool) -> PacketSet:
    """All packets that go the other way in the connection of one of these.

    What is forwarded comes by the interface by which the other direction leaves; own replies leave by any.
    """
    ends = {*_tuple(space.family), *((ask.IN, ask.OUT) if forwarded else ())}
    told = _freed(space, openings, lambda key: key in ends or _mirror(key) is not None)
    return _moved(space, told, dict(_swaps(space, forwarded=forwarded)))


def quoted_by_errors(space: Space, openings: PacketSet, *, inward: bool) -> PacketSet:
    """All ICMP errors that quote a packet of the connection of one of these.

    `inward`: they go to the side that was asked, and quote what it sent; else to the one that asked.
    """
    family = space.family
    if inward:
        told = {ask.DESTINATION[family], ask.DESTINATION_TYPE, ask.SOURCE_PORT}
        moved: dict[Hashable, Field] = {ask.SOURCE_PORT: ask.QUOTED_DESTINATION_PORT}
    else:
        told = {ask.SOURCE[family], ask.SOURCE_TYPE, ask.SOURCE_PORT}
        moved = {
            ask.SOURCE[family]: ask.DESTINATION[family],
            ask.SOURCE_TYPE: ask.DESTINATION_TYPE,
            ask.SOURCE_PORT: ask.QUOTED_SOURCE_PORT,
        }
    return _moved(space, _freed(space, openings, lambda key: key in told), moved)


def _tuple(family: int) -> tuple[Field, ...]:
    return (
        ask.PROTOCOL, ask.SOURCE[family], ask.DESTINATION[family], ask.SOURCE_TYPE, ask.DESTINATION_TYPE,
        ask.SOURCE_PORT, ask.DESTINATION_PORT,
    )  # fmt: skip


def _freed(space: Space, packets: PacketSet, kept: Callable[[Hashable], bool]) -> PacketSet:
    return space.freed(packets, [
        number for key, numbers in space.known().items() if not kept(key) for number in numbers
    ])  # fmt: skip


def _moved(space: Space, packets: PacketSet, moved: Mapping[Hashable, Hashable]) -> PacketSet:
    """The packets whose fields are as other fields were in one of these."""
    bits: dict[int, PacketSet] = {}
    for old, new in moved.items():
        before = space.known()[old]
        bits |= {
            one: space.literal(other)
            for one, other in zip(before, space.variables(new, len(before)), strict=True)
            if one != other
        }
    return space.substituted(packets, space.replacing(bits)) if bits else packets


def _swaps(space: Space, *, forwarded: bool) -> Iterator[tuple[Hashable, Hashable]]:
    family = space.family
    pairs: list[tuple[Hashable, Hashable]] = [
        (ask.SOURCE[family], ask.DESTINATION[family]),
        (ask.SOURCE_TYPE, ask.DESTINATION_TYPE),
        (ask.SOURCE_PORT, ask.DESTINATION_PORT),
        *(((ask.IN, ask.OUT),) if forwarded else ()),
    ]
    yield from pairs
    yield from ((other, one) for one, other in pairs)
    yield from [(key, mirror) for key in space.known() if (mirror := _mirror(key)) is not None]


def _lasts(key: Hashable) -> bool:
    """Whether the answer to a question is the same for all packets of a connection that go one way."""
    if not isinstance(key, Opaque) or key.counts:
        return False
    words = key.text.split()
    if words[0] != "-m":
        return key == LOADED_BY_NFT or words[0] in ("-s", "-d")
    if "--tcp-option" in words:  # every packet has its own
        return False
    entry = MATCHES.get(words[1])
    return entry is not None and entry.memory is Memory.NONE and not entry.first_packet


def _mirror(key: Hashable) -> Opaque | None:
    """The question that has the same answer about packets that go the other way."""
    if key == LOADED_BY_NFT:
        return LOADED_BY_NFT
    if not isinstance(key, Opaque) or key.counts:
        return None
    words = key.text.split()
    if words[0] in ("-s", "-d"):
        return Opaque(" ".join(("-d" if words[0] == "-s" else "-s", *words[1:])))
    if words[:2] != ["-m", "set"] or "--match-set" not in words:
        return None
    place = words.index("--match-set") + 2
    sides = [_SWAPPED.get(side) for side in words[place].split(",")]
    if None in sides:
        return None
    return Opaque(" ".join((*words[:place], ",".join(map(str, sides)), *words[place + 1 :])))
