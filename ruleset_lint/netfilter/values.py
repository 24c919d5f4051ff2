"""How option values read: text to typed value, as iptables 1.8.9 reads it. Knows no option.

A reader takes the text and the address family (4 or 6) and raises ValueError saying what was expected.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from ruleset_lint.netfilter.network_values import Network, addresses, host_network, network, networks
from ruleset_lint.netfilter.number_values import is_byte, number, number_up_to
from ruleset_lint.netfilter.services import port_of

__all__ = [
    "ADDRESS_TYPES",
    "PROTOCOLS",
    "STATES",
    "TCP_FLAGS",
    "Flags",
    "Masked",
    "Network",
    "OutOfRangeError",
    "Ports",
    "Reader",
    "address_types",
    "addresses",
    "bridge_port",
    "conntrack_states",
    "flag_list",
    "host_network",
    "integer",
    "interface",
    "is_byte",
    "masked",
    "network",
    "networks",
    "number",
    "number_range",
    "number_up_to",
    "one_of",
    "port",
    "port_list",
    "port_range",
    "port_span",
    "protocol",
    "resolved_port",
    "states",
    "text",
]  # fmt: skip

Reader = Callable[[str, int], object]
Ports = tuple[tuple[int, int], ...]

# names of protocols(5) as most systems have them, and those that iptables knows by itself
PROTOCOLS = {
    "ip": 0, "hopopt": 0, "all": 0, "icmp": 1, "igmp": 2, "ggp": 3, "ipencap": 4, "st": 5, "tcp": 6, "egp": 8,
    "igp": 9, "pup": 12, "udp": 17, "hmp": 20, "xns-idp": 22, "rdp": 27, "iso-tp4": 29, "dccp": 33, "xtp": 36,
    "ddp": 37, "idpr-cmtp": 38, "ipv6": 41, "ipv6-route": 43, "ipv6-frag": 44, "idrp": 45, "rsvp": 46, "gre": 47,
    "esp": 50, "ipsec-esp": 50, "ah": 51, "ipsec-ah": 51, "skip": 57, "icmpv6": 58, "ipv6-icmp": 58, "icmp6": 58,
    "ipv6-nonxt": 59, "ipv6-opts": 60, "rspf": 73, "vmtp": 81, "eigrp": 88, "ospf": 89, "ospfigp": 89, "ax.25": 93,
    "ipip": 94, "etherip": 97, "encap": 98, "pim": 103, "ipcomp": 108, "vrrp": 112, "l2tp": 115, "isis": 124,
    "sctp": 132, "fc": 133, "mobility-header": 135, "mh": 135, "ipv6-mh": 135, "udplite": 136, "mpls-in-ip": 137,
    "manet": 138, "hip": 139, "shim6": 140, "wesp": 141, "rohc": 142, "ethernet": 143, "mptcp": 262,
}  # fmt: skip
STATES = ("INVALID", "NEW", "ESTABLISHED", "RELATED", "UNTRACKED")
TCP_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG")
ADDRESS_TYPES = (
    "UNSPEC", "UNICAST", "LOCAL", "BROADCAST", "ANYCAST", "MULTICAST", "BLACKHOLE", "UNREACHABLE", "PROHIBIT", "THROW",
    "NAT", "XRESOLVE",
)  # fmt: skip

# refused for IPv6 by xt_addrtype.c
_ADDRESS_TYPES_4 = frozenset({"BROADCAST", "BLACKHOLE", "PROHIBIT", "THROW", "NAT", "XRESOLVE"})


class Flags(NamedTuple):
    """TCP flags looked at, and those of them that are set."""

    mask: frozenset[str]
    set: frozenset[str]


class Masked(NamedTuple):
    """`value/mask` of mark, connmark and their like."""

    value: int
    mask: int


class OutOfRangeError(ValueError):
    """A value that has the right form, and is too long, too large or too small."""


def text(value: str, family: int) -> str:
    """Any text."""
    return value


def integer(least: int, most: int) -> Callable[[str, int], int]:
    """A reader of numbers between two bounds, decimal, 0x hexadecimal or 0 octal as strtoul reads them."""

    def read(value: str, family: int) -> int:
        found = number(value)
        if found is None or not least <= found <= most:
            error = ValueError if found is None else OutOfRangeError
            raise error(f"number from {least} to {most} expected")
        return found

    return read


def one_of(*choices: str, any_case: bool = False) -> Callable[[str, int], str]:
    """A reader of one of several words."""

    def read(value: str, family: int) -> str:
        if (value.lower() if any_case else value) not in choices:
            raise ValueError("one of " + ", ".join(choices) + " expected")
        return value

    return read


def protocol(value: str, family: int) -> int:
    """Number of a protocol, 0 for all (libxtables `xtables_parse_protocol`)."""
    known = PROTOCOLS.get(value.lower()) if value != "icmp6" else None
    found = number(value) if known is None else known
    if found is None or (known is None and found > 255):
        raise ValueError("protocol expected: a name or a number up to 255")
    return found


def port(value: str, family: int) -> int:
    """A port by number or by name of the service."""
    found = number(value)
    if found is None and not value.isdigit():
        found = port_of(value)
    if found is None or found > 65535:
        error = ValueError if found is None else OutOfRangeError
        raise error("port expected: a number up to 65535 or the name of a service")
    return found


def port_range(value: str, family: int) -> Ports:
    """A port or a range: `22`, `ssh`, `80:90`, `:1023`, `1024:`."""
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
        raise OutOfRangeError("at most 15 ports expected, a range counting as two")
    found = tuple((port(low, family), port(high, family)) for low, high in map(_range, parts))
    if any(first > last or (first == last and ":" in part) for part, (first, last) in zip(parts, found, strict=True)):
        raise ValueError("ranges whose first port is the lower one expected")
    return found


def _range(part: str) -> tuple[str, str]:
    low, colon, high = part.partition(":")
    return low, (high if colon else low)


def number_range(most: int, *, ordered: bool = False) -> Callable[[str, int], tuple[int, int]]:
    """A reader of `5`, `5:9`, `:9`, `5:`, `:`, or nothing, which is 0.

    `ordered` if the first number may not be the larger one.
    """

    def read(value: str, family: int) -> tuple[int, int]:
        low, colon, high = value.partition(":")
        first = number(low) if low else 0
        last = (number(high) if high else most) if colon else first
        if first is None or last is None or max(first, last) > most:
            raise ValueError(f"number up to {most} or a range first:last expected")
        if ordered and first > last:
            raise ValueError("range whose first number is the lower one expected")
        return first, last

    return read


def port_span(value: str, family: int) -> Ports:
    """Like port_range, of resolved_port; a range may stand the wrong way round: it loads, and matches nothing."""
    low, colon, high = value.partition(":")
    first = resolved_port(low, family)
    return ((first, (resolved_port(high, family) if high else 65535) if colon else first),)


def resolved_port(value: str, family: int) -> int:
    """A port as getaddrinfo reads it (XTTYPE_PORTRC): decimal even behind a 0, the lower 16 bits of 31, 0 for none."""
    match = re.fullmatch(r"[ \t\n\v\f\r]*\+?([0-9]{1,19})", value) if value else None
    if match:
        number_read = int(match[1]) & 0xFFFFFFFF
        if int(match[1]) >= 1 << 64 or number_read >= 1 << 31:
            raise OutOfRangeError("port expected: a number up to 65535 or the name of a service")
        return number_read & 0xFFFF
    found = port_of(value) if value and number(value) is None else None
    if found is None and value:
        raise ValueError("port expected: a decimal number up to 65535 or the name of a service")
    return found or 0


def states(value: str, family: int) -> frozenset[str]:
    """Connection states, upper or lower case, each by its name or the beginning of it."""
    return _begun(value, STATES, "connection state")


def conntrack_states(value: str, family: int) -> frozenset[str]:
    """Connection states with SNAT and DNAT."""
    return _begun(value, (*STATES, "SNAT", "DNAT"), "connection state")


def flag_list(value: str, family: int) -> frozenset[str]:
    """`SYN,ACK`, `ALL` or `NONE`."""
    found = frozenset(value.upper().split(",")) - {"", "NONE"}
    if unknown := found - {*TCP_FLAGS, "ALL"}:
        raise ValueError(f"TCP flag expected, one of {', '.join(sorted(TCP_FLAGS))}, not {min(unknown)}")
    return frozenset(TCP_FLAGS) if "ALL" in found else found


def address_types(value: str, family: int) -> frozenset[str]:
    """Address types of addrtype."""
    found = _begun(value, ADDRESS_TYPES, "address type")
    if family == 6 and found & _ADDRESS_TYPES_4:
        raise ValueError("address type that the kernel knows for IPv6 expected, not " + min(found & _ADDRESS_TYPES_4))
    return found


def interface(value: str, family: int) -> str:
    """Name of an interface, at most 15 bytes; a `+` at its end stands for any ending."""
    if not value or len(value.encode("utf-8", "surrogateescape")) > 15:
        error = OutOfRangeError if value else ValueError
        raise error("interface name of 1 to 15 bytes expected")
    return value


def bridge_port(value: str, family: int) -> str:
    """Name of an interface of a bridge, or none: any text of at most 15 bytes."""
    return interface(value, family) if value else value


def masked(value: str, family: int) -> Masked:
    """`0x1/0xff`; without a mask, all 32 bits count."""
    low, slash, high = value.partition("/")
    bits, mask = number(low), number(high) if slash else 0xFFFFFFFF
    if bits is None or mask is None or max(bits, mask) > 0xFFFFFFFF:
        raise ValueError("32-bit number expected, with a mask or without")
    return Masked(bits, mask)


def _begun(value: str, known: tuple[str, ...], what: str) -> frozenset[str]:
    """The names that the parts begin; of several that begin alike the first."""
    found = [
        next((name for name in known if part and name.startswith(part)), None) for part in value.upper().split(",")
    ]
    if None in found:
        raise ValueError(f"{what} expected, one of {', '.join(known)}")
    return frozenset(name for name in found if name)
