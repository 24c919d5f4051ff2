"""What is taken for granted of a packet whose text does not say it. Knows no rule.

What can be guessed well is guessed, with a text that says so; what cannot (its length, who sent it) stays unknown.
Sources: tcp_valid_flags and tcp_new of nf_conntrack_proto_tcp.c, valid_new of nf_conntrack_proto_icmp.c,
noct_valid_new of nf_conntrack_proto_icmpv6.c, kernel 6.18.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from ruleset_lint.netfilter.values import ADDRESS_TYPES, STATES, TCP_FLAGS
from ruleset_lint.packets.formula import (
    DESTINATION,
    DESTINATION_TYPE,
    DNAT,
    FLAGS,
    FRAGMENT,
    ICMP_CODE,
    ICMP_TYPE,
    IN,
    LENGTH,
    MAC,
    MARK,
    OUT,
    PACKET_TYPE,
    PACKET_TYPES,
    PROTOCOL,
    QUOTED_DESTINATION_PORT,
    QUOTED_PROTOCOL,
    QUOTED_SOURCE_PORT,
    REPLY,
    SNAT,
    SOURCE_TYPE,
    STATE,
    TOS,
    TTL,
    Field,
    Packet,
)
from ruleset_lint.packets.packet_fields import ICMP_OF, TCP, value_text

Known = Field | str  # a field, or IN or OUT

SYN, ACK = (1 << TCP_FLAGS.index(name) for name in ("SYN", "ACK"))
FIN, RST, PSH, URG = (1 << TCP_FLAGS.index(name) for name in ("FIN", "RST", "PSH", "URG"))
_POSSIBLE = frozenset(
    {SYN, SYN | URG, SYN | ACK, RST, RST | ACK, FIN | ACK, FIN | ACK | URG, ACK, ACK | URG}
)  # PSH aside
_REQUESTS = {4: frozenset({8, 13, 15, 17}), 6: frozenset({128, 139})}
_REPLIES = {4: frozenset({0, 14, 16, 18}), 6: frozenset({129, 140})}
_ERRORS = {4: frozenset({3, 4, 5, 11, 12}), 6: frozenset({1, 2, 3, 4})}
_DISCOVERY = frozenset({130, 131, 132, 133, 134, 135, 136, 143})  # never tracked
_UNKNOWN = (TTL, LENGTH, MAC, QUOTED_PROTOCOL, QUOTED_SOURCE_PORT, QUOTED_DESTINATION_PORT)


@dataclass(frozen=True, slots=True)
class Supposed:
    """A packet with all its fields: those that were guessed, each with what to say of it, and those nobody knows."""

    packet: Packet
    course: str
    guessed: Mapping[Known, str]
    unknown: frozenset[Known]


def course_of(packet: Packet) -> str | None:
    """The course that a packet takes, by its interfaces; None if it has none."""
    arrives, leaves = (side in packet.interfaces for side in (IN, OUT))
    if arrives and not leaves:
        elsewhere = packet.values.get(DESTINATION_TYPE) == ADDRESS_TYPES.index("UNICAST")
        return "forwarded" if elsewhere else "incoming"
    return "forwarded" if arrives else "outgoing" if leaves else None


def suppose(packet: Packet, course: str) -> Supposed:
    """The packet with what its text leaves out."""
    values = dict(packet.values)
    guessed: dict[Known, str] = {}
    for of, value in _facts(packet, course):
        values.setdefault(of, value)
    for of, value in _guesses(packet, course):
        if of not in values:
            values[of] = value
            guessed[of] = f"{of.name} {value_text(of, value)}"
    if packet.value(PROTOCOL) == TCP and FLAGS not in values:
        opening = values.get(STATE, STATES.index("NEW")) == STATES.index("NEW")
        values[FLAGS] = SYN if opening else ACK
        guessed[FLAGS] = f"flags {value_text(FLAGS, values[FLAGS])}"
    if STATE not in values:
        values[STATE] = STATES.index(likely_state(packet._replace(values=values)))
        guessed[STATE] = f"state {value_text(STATE, values[STATE])}"
    sides = {"incoming": (IN,), "outgoing": (OUT,)}.get(course, (IN, OUT))
    unknown: set[Known] = {
        *(of for of in _UNKNOWN if of not in values),
        *(side for side in sides if side not in packet.interfaces),
    }
    return Supposed(packet._replace(values=values), course, guessed, frozenset(unknown))


def _facts(packet: Packet, course: str) -> list[tuple[Field, int]]:
    """What follows from what is said: a packet from the wire has no mark, one that is not has no MAC address."""
    found = [(FRAGMENT, 0)]
    if course != "outgoing":
        found.append((MARK, 0))
    if course == "outgoing" or packet.interfaces.get(IN) == "lo":
        found.append((MAC, 0))
    kind = address_type(packet.value(DESTINATION[packet.family]), packet.family)
    if kind is not None:
        found.append((DESTINATION_TYPE, ADDRESS_TYPES.index(kind)))
    if kind in ("MULTICAST", "BROADCAST"):
        found.append((PACKET_TYPE, PACKET_TYPES.index(kind.lower())))
    return found


def address_type(address: int, family: int) -> str | None:
    """The type of an address if it has it on every machine (`fib_trie.c`, `addrconf_core.c`)."""
    found = IPv4Address(address) if family == 4 else IPv6Address(address)
    if found.is_multicast:
        return "MULTICAST"
    return "BROADCAST" if family == 4 and address == 0xFFFFFFFF else "LOCAL" if found.is_loopback else None


def _guesses(packet: Packet, course: str) -> list[tuple[Field, int]]:
    local, unicast = (ADDRESS_TYPES.index(name) for name in ("LOCAL", "UNICAST"))
    looped = "lo" in packet.interfaces.values()
    found = [
        (SOURCE_TYPE, local if course == "outgoing" or looped else unicast),
        (DESTINATION_TYPE, local if course == "incoming" or looped else unicast),
        *((of, 0) for of in (MARK, TOS, PACKET_TYPE, SNAT, DNAT)),
        (REPLY, int(packet.value(FLAGS) & (SYN | ACK) == SYN | ACK)),
    ]
    if packet.value(PROTOCOL) == ICMP_OF[packet.family]:
        request = {4: 8, 6: 128}[packet.family]
        found += [(ICMP_TYPE, request), (ICMP_CODE, 0)]
    return found


def likely_state(packet: Packet) -> str:
    """The state of a packet by its looks: NEW if it can open a connection, else as part of one."""
    if packet.value(FRAGMENT):
        return "INVALID"
    if packet.value(PROTOCOL) == ICMP_OF[packet.family]:
        return _icmp_state(packet.value(ICMP_TYPE), packet.family)
    if packet.value(REPLY):
        return "ESTABLISHED"
    if packet.value(PROTOCOL) != TCP:
        return "NEW"
    flags = packet.value(FLAGS) & ~PSH
    if flags not in _POSSIBLE:
        return "INVALID"
    return "NEW" if flags & (SYN | ACK) == SYN else "ESTABLISHED"


def _icmp_state(kind: int, family: int) -> str:
    if family == 6 and kind in _DISCOVERY:
        return "UNTRACKED"
    by_state = {"NEW": _REQUESTS, "ESTABLISHED": _REPLIES, "RELATED": _ERRORS}
    return next((state for state, kinds in by_state.items() if kind in kinds[family]), "INVALID")
