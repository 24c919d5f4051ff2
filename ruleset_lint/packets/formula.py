"""Formulas: what is asked of a packet, as tests of its fields joined by and, or, not. Knows no rule and no sets.

A rule is turned into a formula once; a concrete packet answers it (`holds`), and so does a set of packets. Formulas are
made and looked up by the thousand, so they are tuples; these are equal whatever their class, so each says its kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from ruleset_lint.netfilter.values import ADDRESS_TYPES, STATES, TCP_FLAGS


class Field(NamedTuple):
    """A number that a packet carries, or that the kernel knows of it."""

    name: str
    bits: int


PROTOCOL = Field("protocol", 8)
SOURCE = {4: Field("source", 32), 6: Field("source", 128)}
DESTINATION = {4: Field("destination", 32), 6: Field("destination", 128)}
SOURCE_PORT = Field("source port", 16)
DESTINATION_PORT = Field("destination port", 16)
FLAGS = Field("tcp flags", len(TCP_FLAGS))  # bit n is TCP_FLAGS[n]: FIN is 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32
ICMP_TYPE = Field("icmp type", 8)
ICMP_CODE = Field("icmp code", 8)
FRAGMENT = Field("fragment", 1)  # 1: a second or further fragment, which has no transport header
TOS = Field("tos", 8)  # all eight bits: DSCP above, ECN below; traffic class in IPv6
TTL = Field("ttl", 8)  # hop limit in IPv6
LENGTH = Field("length", 16)  # as the length match counts: bytes of the IP packet
MARK = Field("mark", 32)
MAC = Field("mac", 48)  # of the sender
PACKET_TYPE = Field("packet type", 2)  # PACKET_TYPES by number
SOURCE_TYPE = Field("source type", 4)  # ADDRESS_TYPES by number
DESTINATION_TYPE = Field("destination type", 4)
STATE = Field("state", 3)  # STATES by number: what a state test sees at the place where it stands
SNAT = Field("snat", 1)  # 1: its connection has its source translated (`--ctstate SNAT`)
DNAT = Field("dnat", 1)
REPLY = Field("reply", 1)  # 1: it goes in the reply direction of its connection (`--ctdir`)
# of the packet that an ICMP error quotes
QUOTED_PROTOCOL = Field("quoted protocol", 8)
QUOTED_SOURCE_PORT = Field("quoted source port", 16)
QUOTED_DESTINATION_PORT = Field("quoted destination port", 16)

PACKET_TYPES = ("unicast", "broadcast", "multicast", "other")
IN = "in"
OUT = "out"


class Bits(NamedTuple):
    """Those bits of a field that the mask has are as in `value`."""

    field: Field
    mask: int
    value: int
    kind: Literal["bits"] = "bits"


class Between(NamedTuple):
    """The field is a number from `low` to `high`, both included; `low` above `high` holds for no packet."""

    field: Field
    low: int
    high: int
    kind: Literal["between"] = "between"


class Interface(NamedTuple):
    """The interface it came by (IN) or leaves by (OUT) is one that a pattern means: `eth0`, or `eth+` for a beginning.

    Where there is none (OUT in INPUT, IN in OUTPUT) its name is empty.
    """

    side: str
    pattern: str
    kind: Literal["interface"] = "interface"


@dataclass(frozen=True, slots=True)
class Opaque:
    """What cannot be told from the fields. The same text is the same question wherever it stands.

    `counts`: the answer depends on other packets too (limit, recent, quota, statistic), so that each place where it
    stands is a question of its own.
    """

    text: str
    counts: bool = False


class Not(NamedTuple):
    """The contrary."""

    of: Formula
    kind: Literal["not"] = "not"


class All(NamedTuple):
    """All of them hold; of none: always."""

    of: tuple[Formula, ...] = ()
    kind: Literal["all"] = "all"


class Some(NamedTuple):
    """At least one of them holds; of none: never."""

    of: tuple[Formula, ...] = ()
    kind: Literal["some"] = "some"


Formula = Bits | Between | Interface | Opaque | Not | All | Some
ALWAYS = All()
NEVER = Some()
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Packet(NamedTuple):
    """One packet: its fields (0 where nothing is said), interfaces by IN and OUT, and answers to opaque questions."""

    family: int
    values: Mapping[Field, int]
    interfaces: Mapping[str, str] = _NOTHING
    answers: Mapping[str, bool] = _NOTHING  # by the text of the question; else no

    def value(self, of: Field) -> int:
        """The number in a field."""
        return self.values.get(of, 0)

    @property
    def state(self) -> str:
        """Its state by name."""
        return STATES[self.value(STATE)]


def equal(of: Field, value: int) -> Bits:
    """The field is that number."""
    return Bits(of, (1 << of.bits) - 1, value)


def in_state(*names: str) -> Formula:
    """The state is one of these."""
    return Some(tuple(equal(STATE, STATES.index(name)) for name in names))


def of_type(side: Field, name: str) -> Formula:
    """The source or destination is an address of a type: LOCAL, MULTICAST and so on."""
    return equal(side, ADDRESS_TYPES.index(name))


def holds(formula: Formula, packet: Packet, *, answer: Callable[[Opaque], bool] | None = None) -> bool:
    """Whether a formula holds for a packet; `answer` answers what is opaque, else the packet's own answers count."""
    match formula:
        case Bits(of, mask, value):
            return packet.value(of) & mask == value
        case Between(of, low, high):
            return low <= packet.value(of) <= high
        case Interface(side, pattern):
            return interface_matches(pattern, packet.interfaces.get(side, ""))
        case Opaque():
            return answer(formula) if answer else packet.answers.get(formula.text, False)
        case Not(of):
            return not holds(of, packet, answer=answer)
        case All(of):
            return all(holds(one, packet, answer=answer) for one in of)
        case Some(of):
            return any(holds(one, packet, answer=answer) for one in of)


def atoms(formula: Formula) -> Iterator[Bits | Between | Interface | Opaque]:
    """All tests that a formula is made of."""
    waiting = [formula]
    while waiting:
        match waiting.pop():
            case All(of) | Some(of):
                waiting += of
            case Not(of):
                waiting.append(of)
            case Bits() | Between() | Interface() | Opaque() as atom:
                yield atom


def interface_matches(pattern: str, name: str) -> bool:
    """Whether the interface is one that a pattern of `-i` or `-o` means; a `+` at its end stands for any ending."""
    return name.startswith(pattern[:-1]) if pattern.endswith("+") else name == pattern
