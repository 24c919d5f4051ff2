"""One packet of a set, such as a person would choose; and whether a packet is in a set. Knows no rule.

    witness(space, packets) -> Packet | None
    contains(space, packets, packet) -> bool

The same set gives the same packet. Addresses are those for documentation (RFC 5737, RFC 3849) where the set has them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence

from ruleset_lint.netfilter.values import ADDRESS_TYPES, STATES
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.formula import All, Between, Bits, Field, Formula, Interface, Not, Opaque, Packet, equal
from ruleset_lint.packets.space import SIDES, Afterwards, PacketSet, Space

_NAMES = ("eth0", "eth1", "lo")
_OUTSIDE = {
    4: ((0xCB007107, 32), (0xCB007100, 24), (0xC6336400, 24), (0x0A000000, 8), (0xC0A80000, 16)),
    6: ((0x20010DB8 << 96 | 7, 128), (0x20010DB8 << 96, 32), (0x2 << 124, 3), (0xFD << 120, 8)),
}
_INSIDE = {
    4: ((0xC000020A, 32), (0xC0000200, 24), (0x0A000000, 8), (0xC0A80000, 16)),
    6: ((0x20010DB8 << 96 | 0x2 << 64 | 10, 128), (0x20010DB8 << 96, 32), (0x2 << 124, 3), (0xFD << 120, 8)),
}
_FLAGS = (2, 16, 18, 24)  # SYN; ACK; SYN,ACK; PSH,ACK


def witness(space: Space, packets: PacketSet) -> Packet | None:
    """One packet of a set, None if it is empty. Raises NotDecidedError."""
    if space.is_empty(packets):
        return None
    packets = _with_answers(space, packets)
    packets = _with_names(space, packets)
    for wishes in _wishes(space.family, own=space.within(packets, space.of(Interface(ask.IN, "")))):
        packets = _granted(space, packets, map(space.of, wishes))
    return _packet(space, space.pick(packets))


def contains(space: Space, packets: PacketSet, packet: Packet) -> bool:
    """Whether a packet is in a set, if what nobody can tell of it later is what it was: answers, addresses, all."""
    return space.contains(packets, list(_bits(space, packet)))


def _granted(space: Space, packets: PacketSet, wishes: Iterable[PacketSet]) -> PacketSet:
    """Those packets that are as the first wish that some of them can grant."""
    for wish in wishes:
        kept = space.both(packets, wish)
        if not space.is_empty(kept):
            return kept
    return packets


def _with_answers(space: Space, packets: PacketSet) -> PacketSet:
    """As many opaque questions as can be answered with no, the first ones first."""
    asked = [key for key in space.known() if not isinstance(key, Field) and key not in SIDES]
    for key in asked:
        for variable in space.known()[key]:
            packets = _granted(space, packets, [space.contrary(space.literal(variable))])
    return packets


def _with_names(space: Space, packets: PacketSet) -> PacketSet:
    for side in SIDES:
        numbers = dict.fromkeys(map(space.names.number, _NAMES))
        packets = _granted(space, packets, (space.named(side, number) for number in numbers))
    return packets


def _wishes(family: int, *, own: bool) -> Iterator[Sequence[Formula]]:
    """What a packet should be like, field by field, the best first; `own`: it is sent from here."""
    source, destination = (_INSIDE[family], _OUTSIDE[family]) if own else (_OUTSIDE[family], _INSIDE[family])
    yield [ask.in_state(name) for name in ("NEW", "ESTABLISHED", "RELATED")]
    yield _values(ask.PROTOCOL, (6, 17, 58 if family == 6 else 1))
    yield _values(ask.FRAGMENT, (0,))
    yield from _address(ask.SOURCE[family], source)
    yield from _address(ask.DESTINATION[family], destination)
    yield [ask.of_type(ask.SOURCE_TYPE, name) for name in (("LOCAL", "UNICAST") if own else ("UNICAST",))]
    yield [ask.of_type(ask.DESTINATION_TYPE, name) for name in (("UNICAST",) if own else ("LOCAL", "UNICAST"))]
    yield [All((equal(ask.DESTINATION_PORT, 40000), Between(ask.SOURCE_PORT, 1, 1023)))] if own else []
    yield [*_values(ask.DESTINATION_PORT, (80, 443, 22, 53)), Between(ask.DESTINATION_PORT, 1, 65535)]
    yield [*_values(ask.SOURCE_PORT, (40000,)), *(Between(ask.SOURCE_PORT, low, 65535) for low in (32768, 1))]
    yield _values(ask.FLAGS, _FLAGS)
    yield [All((equal(ask.ICMP_TYPE, 128 if family == 6 else 8), equal(ask.ICMP_CODE, 0)))]
    yield _values(ask.TTL, (64,))
    yield _values(ask.LENGTH, (60,))
    yield _values(ask.MAC, () if own else (0x020000000001,))


def _values(of: Field, values: Iterable[int]) -> list[Formula]:
    return [equal(of, value) for value in values]


def _address(of: Field, networks: Sequence[tuple[int, int]]) -> Iterator[Sequence[Formula]]:
    """In one of the networks, and with a last byte that is no network's own."""
    whole = (1 << of.bits) - 1
    yield [Bits(of, whole >> (of.bits - bits) << (of.bits - bits), value) for value, bits in networks]
    yield [Bits(of, 255, last) for last in ((networks[0][0] & 255), 1)] + [Not(Bits(of, 255, 0))]


def _packet(space: Space, bits: Sequence[bool]) -> Packet:
    values: dict[Field, int] = {}
    interfaces: dict[str, str] = {}
    answers: dict[str, bool] = {}
    for key, variables in space.known().items():
        number = sum(bits[variable] << shift for shift, variable in enumerate(reversed(variables)))
        if key in SIDES:
            interfaces[str(key)] = space.names.name(number)
        elif isinstance(key, Field):
            values |= {key: min(number, _last(key))} if number else {}
        elif number and not isinstance(key, Afterwards) and (asked := _question(key)):
            answers[asked] = True
    return Packet(space.family, values, interfaces, answers)


def _last(of: Field) -> int:
    """The highest number that means something in a field."""
    if of == ask.STATE:
        return len(STATES) - 1
    return len(ADDRESS_TYPES) - 1 if of in (ask.SOURCE_TYPE, ask.DESTINATION_TYPE) else (1 << of.bits) - 1


def _question(key: Hashable) -> str | None:
    """The text of an opaque question, wherever it is asked."""
    while isinstance(key, tuple):
        key = key[0]
    return key.text if isinstance(key, Opaque) else None


def _bits(space: Space, packet: Packet) -> Iterator[tuple[int, bool]]:
    """The bits that are set in it."""
    for key, variables in space.known().items():
        of = key.of if isinstance(key, Afterwards) else key
        if isinstance(of, Field):
            yield from _set_bits(variables, packet.value(of))
        elif of in SIDES:
            yield from _set_bits(variables, space.names.number(packet.interfaces.get(str(of), "")))
        elif packet.answers.get(_question(of) or ""):
            yield variables.start, True


def _set_bits(variables: range, number: int) -> Iterator[tuple[int, bool]]:
    return ((variable, True) for shift, variable in enumerate(reversed(variables)) if number >> shift & 1)
