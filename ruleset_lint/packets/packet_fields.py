"""Fields of a packet as words: `flags=SYN`, `mark=0x1`, `fragment`. Knows no packet as a whole.

Numbers are decimal, hexadecimal with 0x or octal with 0; names are those of iptables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache

from ruleset_lint.netfilter.normal_name_values import dscp_class, icmp_type
from ruleset_lint.netfilter.option_names import ICMP, ICMP6
from ruleset_lint.netfilter.option_values import icmp_type as known_icmp_type
from ruleset_lint.netfilter.option_values import mac_address
from ruleset_lint.netfilter.protocol_names import PROTOCOL_NAMES
from ruleset_lint.netfilter.values import (
    ADDRESS_TYPES,
    STATES,
    TCP_FLAGS,
    flag_list,
    integer,
    is_byte,
    number_up_to,
    protocol,
)
from ruleset_lint.packets.formula import (
    DESTINATION_TYPE,
    DNAT,
    FLAGS,
    FRAGMENT,
    ICMP_CODE,
    ICMP_TYPE,
    LENGTH,
    MAC,
    MARK,
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
)

TCP = 6
WITH_PORTS = frozenset({TCP, 17, 33, 132, 136})  # tcp, udp, dccp, sctp, udplite
ICMP_OF = {4: 1, 6: 58}

Values = Mapping[Field, int]
Reader = Callable[[str, int], Values]


def read_field(key: str, value: str, family: int) -> Values | None:
    """The fields that `key=value` says, None if the key is not known. Raises ValueError for the value."""
    return KEYS[key](value, family) if key in KEYS else None


def value_text(of: Field, value: int) -> str:
    """The value of a field as `key=value` has it; addresses and ports are not for here."""
    if of == FLAGS:
        return ",".join(name for bit, name in enumerate(TCP_FLAGS) if value >> bit & 1) or "NONE"
    if of in (PROTOCOL, QUOTED_PROTOCOL):
        return PROTOCOL_NAMES.get(value, str(value))
    if of == MAC:
        return ":".join(f"{value >> shift & 255:02x}" for shift in range(40, -8, -8))
    if of in (MARK, TOS):
        return f"{value:#x}"
    names = {STATE: STATES, PACKET_TYPE: PACKET_TYPES, SOURCE_TYPE: ADDRESS_TYPES, DESTINATION_TYPE: ADDRESS_TYPES}
    known = names.get(of, ())
    return known[value] if value < len(known) else str(value)


def field_words(values: Values, family: int) -> Iterator[str]:
    """The fields as words, zeros left out where a packet has them for want of anything else."""
    kind = values.get(PROTOCOL, 0)
    if kind == TCP and not values.get(FRAGMENT):
        yield f"flags={value_text(FLAGS, values.get(FLAGS, 0))}"
    if kind == ICMP_OF[family] and not values.get(FRAGMENT):
        yield from _type_words(values.get(ICMP_TYPE, 0), values.get(ICMP_CODE, 0), family)
    if STATE in values:
        yield f"state={value_text(STATE, values[STATE])}"
    yield from (word for word, (of, value) in _MARKS.items() if value and values.get(of))
    yield from (f"{key}={value_text(of, values[of])}" for key, of in _PLAIN.items() if values.get(of))


def _type_words(kind: int, code: int, family: int) -> Iterator[str]:
    names = _type_names(family)
    if f"{kind}/{code}" in names:
        yield f"type={names[f'{kind}/{code}']}"
        return
    yield f"type={names.get(str(kind), kind)}"
    if code:
        yield f"code={code}"


@cache
def _type_names(family: int) -> Mapping[str, str]:
    """The first name of each type, and of each type with a code."""
    found: dict[str, str] = {}
    for name in ICMP if family == 4 else ICMP6:
        found.setdefault(icmp_type(name, family), name)
    return found


def _number(of: Field) -> Reader:
    read = integer(0, (1 << of.bits) - 1)
    return lambda value, family: {of: read(value, family)}


def _name(of: Field, names: tuple[str, ...]) -> Reader:
    def read(value: str, _family: int) -> Values:
        known = [name.lower() for name in names]
        if value.lower() not in known:
            raise ValueError(f"one of {', '.join(names)} expected")
        return {of: known.index(value.lower())}

    return read


def _flags(value: str, family: int) -> Values:
    return {FLAGS: sum(1 << TCP_FLAGS.index(name) for name in flag_list(value, family))}


def _type(value: str, family: int) -> Values:
    kind, slash, code = icmp_type(known_icmp_type(value, family), family).partition("/")
    if not is_byte(kind):
        raise ValueError("one ICMP type expected")
    return {ICMP_TYPE: int(kind), ICMP_CODE: int(code)} if slash else {ICMP_TYPE: int(kind)}


def _dscp(value: str, family: int) -> Values:
    found = number_up_to(value, 63)
    return {TOS: (int(dscp_class(value, family), 16) if found < 0 else found) << 2}


def _mac(value: str, family: int) -> Values:
    parts = mac_address(value, family).split(":")
    return {MAC: int("".join(part.rjust(2, "0") for part in parts), 16)}


_MARKS = {"fragment": (FRAGMENT, 1), "snat": (SNAT, 1), "dnat": (DNAT, 1), "reply": (REPLY, 1), "original": (REPLY, 0)}
WORDS: dict[str, Values] = {word: {of: value} for word, (of, value) in _MARKS.items()}
_PLAIN = {
    "mark": MARK,
    "tos": TOS,
    "ttl": TTL,
    "length": LENGTH,
    "mac": MAC,
    "pkttype": PACKET_TYPE,
    "src-type": SOURCE_TYPE,
    "dst-type": DESTINATION_TYPE,
    "quoted": QUOTED_PROTOCOL,
    "quoted-sport": QUOTED_SOURCE_PORT,
    "quoted-dport": QUOTED_DESTINATION_PORT,
}
KEYS: dict[str, Reader] = {
    "flags": _flags,
    "type": _type,
    "code": _number(ICMP_CODE),
    "state": _name(STATE, STATES),
    "mark": _number(MARK),
    "tos": _number(TOS),
    "dscp": _dscp,
    "ttl": _number(TTL),
    "length": _number(LENGTH),
    "mac": _mac,
    "pkttype": _name(PACKET_TYPE, PACKET_TYPES),
    "src-type": _name(SOURCE_TYPE, ADDRESS_TYPES),
    "dst-type": _name(DESTINATION_TYPE, ADDRESS_TYPES),
    "quoted": lambda value, family: {QUOTED_PROTOCOL: protocol(value, family) & 255},
    "quoted-sport": _number(QUOTED_SOURCE_PORT),
    "quoted-dport": _number(QUOTED_DESTINATION_PORT),
}
