"""How the values of matches about IPv6 headers read, as iptables 1.8.9 reads them. Knows no option by name.

A reader takes the text and the address family (4 or 6) and raises ValueError saying what was expected.
"""

from __future__ import annotations

import re

from ruleset_lint.netfilter.nat_values import check_address
from ruleset_lint.netfilter.option_names import HEADERS, MOBILITY
from ruleset_lint.netfilter.values import OutOfRangeError, is_byte, number_up_to

_HEADER_OPTION = "0[xX][0-9a-fA-F]{1,8}|0[0-7]{0,11}|[1-9][0-9]{0,9}"


def mobility_type(value: str, family: int) -> str:
    """`binding-update`, a number, or a range of them."""
    low, colon, high = value.partition(":")
    ends = [_mobility_number(low, 0), _mobility_number(high, 255) if colon else 255]
    if ends[0] > ends[1]:
        raise ValueError("range whose first type is the lower one expected")
    return value


def _mobility_number(text: str, default: int) -> int:
    low = text.lower()
    names = [low] if low in MOBILITY else [name for name in MOBILITY if name.startswith(low)] if text else []
    if not text:
        return default
    if is_byte(text):
        return number_up_to(text, 255)
    if not names:
        raise ValueError("MH type expected: a name or a number up to 255")
    return MOBILITY.index(names[0]) // 2


def extension_headers(value: str, family: int) -> str:
    """Extension headers of IPv6."""
    if not value.strip(",") or any(part not in HEADERS for part in value.split(",") if part):
        raise ValueError("list of IPv6 extension headers expected")
    return value


def route_addresses(value: str, family: int) -> str:
    """Up to 16 addresses of a routing header."""
    parts = value.split(",")
    if len(parts) > 16:
        raise OutOfRangeError("at most 16 addresses expected")
    for part in parts:
        check_address(part, family)
    return value


def header_options(value: str, family: int) -> str:
    """`1:2,4` of hop-by-hop and destination options: up to 16 by number, most with a length (parse_options)."""
    parts = value.split(",")
    if len(parts) > 16 or ":" in "".join(parts[15:]):
        raise OutOfRangeError("at most 16 options expected, the last without a length")
    for kind, colon, length in (part.partition(":") for part in parts):
        words = [re.fullmatch(rf"\s*[+-]?({_HEADER_OPTION})", word) for word in ((kind, length) if colon else (kind,))]
        if not all(words):
            raise ValueError("list of numbers expected, each with a length or without: 1:2,4")
        if colon and words[0] and not number_up_to(words[0][1], 0xFFFFFFFF) & 0xFF:
            raise ValueError("option 0 without a length expected")
    return value
