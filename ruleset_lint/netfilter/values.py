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
_NUMBER = re.compile(r"[ \t\n\v\f\r]*\+?(0[xX][0-9a-fA-F]{1,32}|0[0-7]{0,32}|[1-9][0-9]{0,32})")
ADDRESS_TYPES = (
    "UNSPEC", "UNICAST", "LOCAL", "BROADCAST", "ANYCAST", "MULTICAST", "BLACKHOLE", "UNREACHABLE", "PROHIBIT", "THROW",
    "NAT", "XRESOLVE",
)  # fmt: skip


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
        found = number(value)
        if found is None or not least <= found <= most:
            raise ValueError(f"number from {least} to {most} expected")
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
    known = PROTOCOLS.get(value.lower())
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
        raise ValueError("port expected: a number up to 65535 or the name of a service")
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
        raise ValueError("at most 15 ports expected, a range counting as two")
    found = tuple((port(low, family), port(high, family)) for low, high in map(_range, parts))
    if any(first > last for first, last in found):
        raise ValueError("ranges whose first port is the lower one expected")
    return found


def _range(part: str) -> tuple[str, str]:
    low, colon, high = part.partition(":")
    return low, (high if colon else low)


def networks(value: str, family: int) -> tuple[Network, ...]:
    """`10.0.0.0/8,192.0.2.1`: each address with a prefix length or a mask."""
    return tuple(_network(part, family) for part in value.split(","))


def number_range(most: int, *, ordered: bool = False) -> Callable[[str, int], tuple[int, int]]:
    """A reader of `5`, `5:9`, `:9`, `5:` or `:`; `ordered` if the first number may not be the larger one."""

    def read(value: str, family: int) -> tuple[int, int]:
        low, colon, high = value.partition(":")
        first = number(low) if low or not colon else 0
        last = (number(high) if high else most) if colon else first
        if first is None or last is None or max(first, last) > most:
            raise ValueError(f"number up to {most} or a range first:last expected")
        if ordered and first > last:
            raise ValueError("range whose first number is the lower one expected")
        return first, last

    return read


def port_span(value: str, family: int) -> Ports:
    """Like port_range, but a range may stand the wrong way round: it loads, and matches nothing."""
    low, colon, high = value.partition(":")
    first = port(low, family) if low or not colon else 0
    return ((first, (port(high, family) if high else 65535) if colon else first),)


def addresses(value: str, family: int) -> tuple[int, int]:
    """`10.0.0.1-10.0.0.9`: first and last address of iprange."""
    low, dash, high = value.partition("-")
    return _address(low, family), _address(high if dash else low, family)


def states(value: str, family: int) -> frozenset[str]:
    """Connection states, upper or lower case, each by its name or the beginning of it."""
    return _begun(value, STATES, "connection state")


def conntrack_states(value: str, family: int) -> frozenset[str]:
    """Connection states with SNAT and DNAT."""
    return _begun(value, (*STATES, "SNAT", "DNAT"), "connection state")


def flag_list(value: str, family: int) -> frozenset[str]:
    """`SYN,ACK`, `ALL` or `NONE`."""
    if value.upper() in ("ALL", "NONE"):
        return frozenset(TCP_FLAGS if value.upper() == "ALL" else ())
    return _names(value, TCP_FLAGS, "TCP flag")


def address_types(value: str, family: int) -> frozenset[str]:
    """Address types of addrtype."""
    return _begun(value, ADDRESS_TYPES, "address type")


def interface(value: str, family: int) -> str:
    """Name of an interface, at most 15 bytes; a `+` at its end stands for any ending."""
    if not value or len(value.encode("utf-8", "surrogateescape")) > 15:
        raise ValueError("interface name of 1 to 15 bytes expected")
    return value


def masked(value: str, family: int) -> Masked:
    """`0x1/0xff`; without a mask, all 32 bits count."""
    low, slash, high = value.partition("/")
    bits, mask = number(low), number(high) if slash else 0xFFFFFFFF
    if bits is None or mask is None or max(bits, mask) > 0xFFFFFFFF:
        raise ValueError("32-bit number expected, with a mask or without")
    return Masked(bits, mask)


def _names(value: str, known: tuple[str, ...], what: str) -> frozenset[str]:
    found = value.upper().split(",")
    for name in found:
        if name not in known:
            raise ValueError(f"{what} expected, one of {', '.join(sorted(known))}")
    return frozenset(found)


def _begun(value: str, known: tuple[str, ...], what: str) -> frozenset[str]:
    """The names that the parts begin; of several that begin alike the first."""
    found = [
        next((name for name in known if part and name.startswith(part)), None) for part in value.upper().split(",")
    ]
    if None in found:
        raise ValueError(f"{what} expected, one of {', '.join(known)}")
    return frozenset(name for name in found if name)


def number(value: str) -> int | None:
    """A number as strtoul reads it: decimal, 0x hexadecimal, 0 octal, after blanks and a plus; None if it is none."""
    if value.isascii() and value.isdigit() and (value[0] != "0" or value == "0"):
        return int(value) if len(value) <= 20 else None
    match = _NUMBER.fullmatch(value[:64])
    if not match or len(value) > 64:
        return None
    digits = match[1]
    return int(digits, 16 if digits[1:2] in ("x", "X") else 8 if digits[0] == "0" else 10)


def _network(value: str, family: int) -> Network:
    host, slash, mask = value.partition("/")
    bits = 32 if family == 4 else 128
    mask_bits = _mask(mask, family, bits) if slash else (1 << bits) - 1
    try:
        return Network(_address(host, family) & mask_bits, mask_bits)
    except ValueError:
        if re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?", host) and not re.search(
            r"(^|\.)[0-9]+\.?$", host
        ):
            return Network(0, mask_bits, host)
        raise


def _mask(mask: str, family: int, bits: int) -> int:
    length = number(mask)
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


def is_byte(text: str) -> bool:
    """Whether a text is a number up to 255."""
    return number_up_to(text, 255) >= 0


def number_up_to(text: str, most: int) -> int:
    """The number as strtoul reads it, -1 if it is none or too large."""
    found = number(text)
    return -1 if found is None or found > most else found
