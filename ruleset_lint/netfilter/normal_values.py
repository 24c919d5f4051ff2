"""How values are written by iptables-save 1.8.9: numbers, ranges, ports, addresses, lists. Knows no option by name.

A writer takes the text and the family; it gives None where save leaves the option out, and raises ValueError for a
value that reads only with the help of the machine that loads it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from ruleset_lint.netfilter.network_values import numeric_address
from ruleset_lint.netfilter.option_names import MOBILITY
from ruleset_lint.netfilter.option_values import CLASS_ID
from ruleset_lint.netfilter.protocol_names import PROTOCOL_NAMES
from ruleset_lint.netfilter.saying import Writer
from ruleset_lint.netfilter.system import ipv6_text
from ruleset_lint.netfilter.values import (
    Network,
    address_types,
    addresses,
    flag_list,
    host_network,
    masked,
    number,
    port,
    protocol,
)

_WHOLE = 0xFFFFFFFF
_TCP_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG")
_ADDRESS_TYPES = (
    "UNSPEC", "UNICAST", "LOCAL", "BROADCAST", "ANYCAST", "MULTICAST", "BLACKHOLE", "UNREACHABLE", "PROHIBIT", "THROW",
    "NAT", "XRESOLVE",
)  # fmt: skip


def value_of(text: str) -> int:
    """The number. Raises ValueError if there is none."""
    found = number(text)
    if found is None:
        raise ValueError("number expected")
    return found


def decimal(value: str, family: int) -> str:
    """`0x10` is printed as 16."""
    return str(value_of(value))


def hexadecimal(digits: int = 1) -> Writer:
    """A writer of `0x…` with at least so many digits."""

    def write(value: str, family: int) -> str:
        return f"0x{value_of(value):0{digits}x}"

    return write


def unless_zero(value: str, family: int) -> str | None:
    """The number, nothing for 0."""
    return decimal(value, family) if value_of(value) else None


def lower_bits(bits: int) -> Writer:
    """A writer of numbers of which so many bits are kept."""

    def write(value: str, family: int) -> str:
        return str(value_of(value) & ((1 << bits) - 1))

    return write


def numeric(value: str, family: int) -> str:
    """One address that getaddrinfo has read."""
    return address_text(numeric_address(value, family), family)


def lower(value: str, family: int) -> str:
    """A word in lower case."""
    return value.lower()


def upper(value: str, family: int) -> str:
    """A word in upper case."""
    return value.upper()


def span(most: int, *, whole: bool = False) -> Writer:
    """A writer of `5` and `5:9`; an open end is spelled out, and without `whole` the range of all numbers left out."""

    def write(value: str, family: int) -> str | None:
        low, high = _ends(value, most, value_of)
        if not whole and (low, high) == (0, most):
            return None
        return str(low) if low == high else f"{low}:{high}"

    return write


def ports(read: Callable[[str, int], int] = port, *, whole: bool = False) -> Writer:
    """A writer of a port or a range of ports by number; without `whole` the range of all ports is left out."""

    def write(value: str, family: int) -> str | None:
        low, high = port_ends(value, family, read)
        if not whole and (low, high) == (0, 0xFFFF):
            return None
        return str(low) if low == high else f"{low}:{high}"

    return write


def port_ends(value: str, family: int, read: Callable[[str, int], int] = port) -> tuple[int, int]:
    """First and last port of a range."""
    return _ends(value, 0xFFFF, lambda text: read(text, family))


def _ends(value: str, most: int, read: Callable[[str], int]) -> tuple[int, int]:
    low, colon, high = value.partition(":")
    first = read(low) if low else 0
    return first, ((read(high) if high else most) if colon else first)


def port_number(value: str, family: int) -> str:
    """A port by number."""
    return str(port(value, family))


def port_list(value: str, family: int) -> str:
    """The ports of multiport by number; a range stays one, even of one port."""
    return ",".join(":".join(str(port(end, family)) for end in part.split(":")) for part in value.split(","))


def mark(value: str, family: int) -> str:
    """`0x1/0xff`; a mask of all bits is left out."""
    found = masked(value, family)
    return f"0x{found.value:x}" if found.mask == _WHOLE else f"0x{found.value:x}/0x{found.mask:x}"


def named_mark(zero: str) -> Writer:
    """A writer of numbers of which iproute2 calls the number 0 `zero`, as its files come."""

    def write(value: str, family: int) -> str:
        text = mark("0" if value == zero else value, family)
        return zero if text == "0x0" else text

    return write


def protocol_number(value: str, family: int) -> str:
    """A protocol by number, of which eight bits are kept."""
    return str(protocol(value, family) & 0xFF)


def protocol_name(value: str, family: int) -> str | None:
    """A protocol by the name that save prefers; nothing for all protocols."""
    found = protocol(value, family)
    return PROTOCOL_NAMES.get(found, str(found)) if found else None


def address_text(address: int, family: int) -> str:
    """An address as inet_ntop writes it."""
    if family == 4:
        return str(ipaddress.IPv4Address(address))
    return ipv6_text(address)


def prefix_length(mask: int, family: int) -> int | None:
    """How many leading bits a mask has; None if others are set."""
    bits = 32 if family == 4 else 128
    length = mask.bit_count()
    return length if mask == (1 << bits) - (1 << (bits - length)) else None


def network_text(network: Network, family: int) -> str:
    """`10.0.0.0/8`, with the mask as an address where it is no prefix. Raises ValueError for a host name."""
    if network.name:
        raise ValueError("a name is resolved by the machine that loads it")
    length = prefix_length(network.mask, family)
    mask = address_text(network.mask, family) if length is None else length
    return f"{address_text(network.address, family)}/{mask}"


def host_and_mask(value: str, family: int) -> str:
    """An address with its host bits, and the prefix; a full mask, or one that is no prefix, is left out."""
    host, slash, _ = value.partition("/")
    (network,) = host_network(value, family)
    (alone,) = host_network(host, family)
    text = network_text(alone, family).partition("/")[0]
    length = prefix_length(network.mask, family)
    full = length is None or length == (32 if family == 4 else 128)
    return text if full or not slash else f"{text}/{length}"


def host_and_prefix(value: str, family: int) -> str:
    """An address with its host bits, and the prefix length even if it is full."""
    text = host_and_mask(value, family)
    return text if "/" in text else f"{text}/{32 if family == 4 else 128}"


def plain_address(value: str, family: int) -> str:
    """One address."""
    return address_text(addresses(value, family)[0], family)


def address_range(value: str, family: int) -> str:
    """`192.0.2.1-192.0.2.9`, both ends even if they are one."""
    first, last = addresses(value, family)
    return f"{address_text(first, family)}-{address_text(last, family)}"


def address_list(value: str, family: int) -> str:
    """Addresses with commas between."""
    return ",".join(plain_address(part, family) for part in value.split(","))


def tcp_flags(value: str, family: int) -> str:
    """TCP flags from FIN to URG, NONE for none."""
    found = flag_list(value, family)
    return ",".join(flag for flag in _TCP_FLAGS if flag in found) or "NONE"


def address_type_list(value: str, family: int) -> str:
    """Address types in the order of their numbers."""
    found = address_types(value, family)
    return ",".join(name for name in _ADDRESS_TYPES if name in found)


def mac(value: str, family: int) -> str:
    """A MAC address in two lower-case digits a byte."""
    return ":".join(f"{int(part or '0', 16):02x}" for part in value.split(":"))


def begun(order: tuple[str, ...], empty: str = "") -> Writer:
    """A writer of lists of names, each perhaps only begun, in the given order; `empty` names the empty list."""

    def write(value: str, family: int) -> str:
        found = {_begun(part, (*order, empty)) for part in value.upper().split(",")}
        return ",".join(name for name in order if name in found) or empty

    return write


def _begun(part: str, names: tuple[str, ...]) -> str:
    found = next((name for name in names if part and name.startswith(part)), None)
    if found is None:
        raise ValueError("name expected")
    return found


def ordered(order: tuple[str, ...]) -> Writer:
    """A writer of lists of names, in any case, in the given order."""

    def write(value: str, family: int) -> str:
        found = value.lower().split(",")
        return ",".join(name for name in order if name.lower() in found)

    return write


def mobility(value: str, family: int) -> str | None:
    """Types of Mobility IPv6 by number; nothing for all of them."""
    low, high = _ends(value, 0xFF, _mobility_number)
    if (low, high) == (0, 0xFF):
        return None
    return str(low) if low == high else f"{low}:{high}"


def _mobility_number(text: str) -> int:
    found = number(text)
    if found is not None:
        return found
    low = text.lower()
    begun = (place for place, name in enumerate(MOBILITY) if name.startswith(low))
    return (MOBILITY.index(low) if low in MOBILITY else next(begun)) // 2


def option_list(value: str, family: int) -> str:
    """`1:2,4` of hop-by-hop and destination options by number, each byte by itself."""
    parts = (part.partition(":") for part in value.split(","))
    return ",".join(
        f"{_byte(kind)}" + (f":{_byte(length)}" if colon and _byte(length) != 0xFF else "")
        for kind, colon, length in parts
    )


def _byte(text: str) -> int:
    digits = text.strip()
    return (-value_of(digits[1:]) if digits.startswith("-") else value_of(digits)) & 0xFF


def class_id(value: str, family: int) -> str:
    """`1:a` as `0001:000a`."""
    match = re.match(CLASS_ID, value)
    if not match:
        raise ValueError("class expected")
    return ":".join(f"{int(match[place] + match[place + 1], 16) & 0xFFFF:04x}" for place in (1, 3))
