"""How addresses and networks read, as libxtables reads them. Knows no option.

A reader takes the text and the address family (4 or 6) and raises ValueError saying what was expected.
"""

import re
from typing import NamedTuple

from ruleset_lint.netfilter.number_values import number, number_up_to
from ruleset_lint.netfilter.system import ipv4_address, ipv6_address


class Network(NamedTuple):
    """Addresses that agree with `address` in the bits of `mask`, or a host name that is resolved when loaded."""

    address: int
    mask: int
    name: str = ""


def networks(value: str, family: int) -> tuple[Network, ...]:
    """`10.0.0.0/8,192.0.2.1`: each address with a prefix length or a mask."""
    return tuple(_network(part, family) for part in value.split(","))


def network(value: str, family: int) -> tuple[Network, ...]:
    """One address with a prefix length or a mask, or with none."""
    if "," in value:
        raise ValueError("one address expected, with a prefix length, a mask or none")
    return networks(value, family)


def addresses(value: str, family: int) -> tuple[int, int]:
    """`10.0.0.1-10.0.0.9`: first and last address of iprange."""
    low, dash, high = value.partition("-")
    return _part_by_part(low, family), _part_by_part(high if dash else low, family)


def _part_by_part(value: str, family: int) -> int:
    """An address of numbers up to 255, those left out being 0 (xtables_numeric_to_ipaddr)."""
    if family == 6:
        return numeric_address(value, family)
    if (found := _short_address(value)) is None:
        raise ValueError("IPv4 address expected")
    return found


def host_network(value: str, family: int) -> tuple[Network, ...]:
    """One address as getaddrinfo reads it (XTTYPE_HOSTMASK), with a prefix length, a mask or none: 10.1 is 10.0.0.1."""
    host, slash, mask = value.partition("/")
    bits = 32 if family == 4 else 128
    length, full = number(mask) if slash else bits, (1 << bits) - 1
    bit_mask = full - (full >> length) if length is not None and length <= bits else numeric_address(mask, family)
    try:
        return (Network(numeric_address(host, family) & bit_mask, bit_mask),)
    except ValueError:
        if _is_host_name(host):
            return (Network(0, bit_mask, host),)
        raise


def numeric_address(value: str, family: int) -> int:
    """An address as getaddrinfo reads numbers (inet_aton for IPv4). Raises ValueError."""
    try:
        if family == 6:
            return ipv6_address(value)
        return ipv4_address(_without_blanks(value))
    except (OSError, UnicodeEncodeError, ValueError):
        raise ValueError(f"IPv{family} address expected") from None


def _network(value: str, family: int) -> Network:
    host, slash, mask = value.partition("/")
    bits = 32 if family == 4 else 128
    mask_bits = _mask(mask, family, bits) if slash else (1 << bits) - 1
    try:
        return Network(_address(host, family) & mask_bits, mask_bits)
    except ValueError:
        if _is_host_name(host):
            return Network(0, mask_bits, host)
        raise


def _is_host_name(host: str) -> bool:
    form = r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?"
    return bool(re.fullmatch(form, host)) and not re.search(r"(^|\.)[0-9]+\.?$", host)


def _mask(mask: str, family: int, bits: int) -> int:
    length = number(mask)
    if length is not None and length <= bits:
        return (1 << bits) - (1 << (bits - length))
    parts = [number_up_to(part, 255) for part in mask.split(".", 4)]
    if family == 4 and len(parts) == 4 and min(parts) >= 0:
        return int.from_bytes(bytes(parts))
    try:
        if family == 6:
            return numeric_address(mask, family)
    except ValueError:
        pass
    raise ValueError(f"prefix length up to {bits} or a mask expected")


def _address(value: str, family: int) -> int:
    """An address as libxtables reads it: parts left out are 0, parts may be octal or hexadecimal; else as inet_aton."""
    if family == 4 and (found := _short_address(value)) is not None:
        return found
    return numeric_address(value, family)


def _short_address(value: str) -> int | None:
    """`10.1` as 10.1.0.0 (xtables_numeric_to_ipaddr), where inet_aton has 10.0.0.1."""
    parts = [number_up_to(part, 255) for part in value.split(".", 4)]
    if len(parts) > 4 or min(parts) < 0:
        return None
    return int.from_bytes(bytes(parts).ljust(4, b"\0"))


def _without_blanks(value: str) -> str:
    # inet_aton passes over what follows a blank
    if not re.fullmatch(r"[0-9a-fA-FxX.]+", value):
        raise ValueError
    return value
