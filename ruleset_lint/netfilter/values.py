"""How option values read: text to typed value, as iptables 1.8.9 reads it. Knows no option.

A reader takes the text and the address family (4 or 6) and raises ValueError saying what was expected.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable
from typing import NamedTuple

from ruleset_lint.netfilter.services import port_of

Reader = Callable[[str, int], object]
Ports = tuple[tuple[int, int], ...]

PROTOCOLS = {
    "ip": 0, "icmp": 1, "igmp": 2, "ipencap": 4, "tcp": 6, "egp": 8, "udp": 17, "dccp": 33, "ipv6": 41, "rsvp": 46, "gre": 47,
    "esp": 50, "ah": 51, "icmpv6": 58, "ipv6-icmp": 58, "icmp6": 58, "ospf": 89, "pim": 103, "vrrp": 112, "l2tp": 115,
    "sctp": 132, "mh": 135, "mobility-header": 135, "ipv6-mh": 135, "udplite": 136, "all": 0,
}  # fmt: skip
STATES = ("INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED")
TCP_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG")
ADDRESS_TYPES = frozenset(
    "UNSPEC UNICAST LOCAL BROADCAST ANYCAST MULTICAST BLACKHOLE UNREACHABLE PROHIBIT THROW NAT XRESOLVE".split()
)


class Flags(NamedTuple):
    """TCP flags looked at, and those of them that are set."""

    mask: frozenset[str]
    set: frozenset[str]


class Network(NamedTuple):
    """Addresses that agree with `address` in the bits of `mask`, or a host name that is resolved when loaded."""

    address: int
    mask: int
    name: str = ""


class Masked(NamedTuple):
    """`value/mask` of mark, connmark and their like."""

    value: int
    mask: int


def text(value: str, family: int) -> str:
    """Any text."""
    return value


def integer(least: int, most: int) -> Callable[[str, int], int]:
    """A reader of numbers between two bounds, decimal, 0x hexadecimal or 0 octal as strtoul reads them."""

    def read(value: str, family: int) -> int:
        number = _number(value)
        if number is None or not least <= number <= most:
            raise ValueError(f"number from {least} to {most} expected")
        return number

    return read


def one_of(*choices: str) -> Callable[[str, int], str]:
    """A reader of one of several words."""

    def read(value: str, family: int) -> str:
        if value not in choices:
            raise ValueError("one of " + ", ".join(choices) + " expected")
        return value

    return read


def pair(read: Callable[[str, int], object], separator: str) -> Reader:
    """A reader of `a` or `a<separator>b`: a tuple of one or two."""

    def read_pair(value: str, family: int) -> object:
        return tuple(read(part, family) for part in value.split(separator, 1))

    return read_pair


def protocol(value: str, family: int) -> int:
    """Number of a protocol, 0 for all (libxtables `xtables_parse_protocol`)."""
    number = PROTOCOLS.get(value.lower(), _number(value))
    if number is None or number > 255:
        raise ValueError("protocol expected: a name or a number up to 255")
    return number


def port(value: str, family: int) -> int:
    """A port by number or by name of the service."""
    number = _number(value)
    if number is None:
        number = port_of(value)
    if number is None or number > 65535:
        raise ValueError("port expected: a number up to 65535 or the name of a service")
    return number


def port_range(value: str, family: int) -> Ports:
    """`22`, `ssh`, `80:90`, `:1023`, `1024:`"""
    low, colon, high = value.partition(":")
    first = port(low, family) if low or not colon else 0
    last = (port(high, family) if high else 65535) if colon else first
    if first > last:
        raise ValueError("range whose first port is the lower one expected")
    return ((first, last),)


def port_list(value: str, family: int) -> Ports:
    """`22,80:90,443` of multiport: up to 15 ports, of which a range counts as two."""
    parts = value.split(",")
    if sum(2 if ":" in part else 1 for part in parts) > 15:
        raise ValueError("at most 15 ports expected, a range counting as two")
    return tuple((port(low, family), port(high, family)) for low, high in map(_range, parts))


def _range(part: str) -> tuple[str, str]:
    low, colon, high = part.partition(":")
    return low, (high if colon else low)


def networks(value: str, family: int) -> tuple[Network, ...]:
    """`10.0.0.0/8,192.0.2.1`: each address with a prefix length or a mask."""
    return tuple(_network(part, family) for part in value.split(","))


def addresses(value: str, family: int) -> tuple[int, int]:
    """`10.0.0.1-10.0.0.9`: first and last address of iprange."""
    low, _, high = value.partition("-")
    return _address(low, family), _address(high or low, family)


def states(value: str, family: int) -> frozenset[str]:
    """Connection states, upper or lower case."""
    return _names(value, STATES, "connection state")


def conntrack_states(value: str, family: int) -> frozenset[str]:
    """Connection states with SNAT and DNAT."""
    return _names(value, (*STATES, "SNAT", "DNAT"), "connection state")


def flag_list(value: str, family: int) -> frozenset[str]:
    """`SYN,ACK`, `ALL` or `NONE`."""
    if value.upper() in ("ALL", "NONE"):
        return frozenset(TCP_FLAGS if value.upper() == "ALL" else ())
    return _names(value, TCP_FLAGS, "TCP flag")


def address_types(value: str, family: int) -> frozenset[str]:
    """Address types of addrtype."""
    return _names(value, tuple(ADDRESS_TYPES), "address type")


def interface(value: str, family: int) -> str:
    """Name of an interface, at most 15 bytes; a `+` at its end stands for any ending."""
    if not value or len(value.encode("utf-8", "surrogateescape")) > 15:
        raise ValueError("interface name of 1 to 15 bytes expected")
    return value


def masked(value: str, family: int) -> Masked:
    """`0x1/0xff`; without a mask, all 32 bits count."""
    low, slash, high = value.partition("/")
    number, mask = _number(low), _number(high) if slash else 0xFFFFFFFF
    if number is None or mask is None or max(number, mask) > 0xFFFFFFFF:
        raise ValueError("32-bit number expected, with a mask or without")
    return Masked(number, mask)


def _names(value: str, known: tuple[str, ...], what: str) -> frozenset[str]:
    found = value.upper().split(",")
    for name in found:
        if name not in known:
            raise ValueError(f"{what} expected, one of {', '.join(sorted(known))}")
    return frozenset(found)


def _number(value: str) -> int | None:
    if len(value) <= 24 and re.fullmatch("0[xX][0-9a-fA-F]+", value):
        return int(value, 16)
    if len(value) <= 24 and re.fullmatch("[0-9]+", value):
        return int(value, 8) if re.fullmatch("0[0-7]+", value) else int(value)
    return None


def _network(value: str, family: int) -> Network:
    host, slash, mask = value.partition("/")
    bits = 32 if family == 4 else 128
    mask_bits = _mask(mask, family, bits) if slash else (1 << bits) - 1
    try:
        return Network(_address(host, family) & mask_bits, mask_bits)
    except ValueError:
        if re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?", host) and not re.fullmatch(r"[0-9.]*", host):
            return Network(0, mask_bits, host)
        raise


def _mask(mask: str, family: int, bits: int) -> int:
    length = int(mask) if re.fullmatch("[0-9]{1,3}", mask) else None
    if length is not None and length <= bits:
        return (1 << bits) - (1 << (bits - length))
    try:
        return _address(mask, family) if length is None and mask else _no_mask(bits)
    except ValueError:
        return _no_mask(bits)


def _no_mask(bits: int) -> int:
    raise ValueError(f"prefix length up to {bits} or a mask expected")


def _address(value: str, family: int) -> int:
    """An address as inet_aton (four parts, some left out, octal or hexadecimal) or inet_pton reads it."""
    try:
        if family == 6:
            return int.from_bytes(socket.inet_pton(socket.AF_INET6, value))
        return int(ipaddress.IPv4Address(socket.inet_aton(_without_blanks(value))))
    except (OSError, UnicodeEncodeError, ValueError):
        raise ValueError(f"IPv{family} address expected") from None


def _without_blanks(value: str) -> str:
    # inet_aton passes over what follows a blank
    if not re.fullmatch(r"[0-9a-fA-FxX.]+", value):
        raise ValueError
    return value
