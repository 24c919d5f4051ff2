"""What u32 asks of an ICMP error and of the packet it quotes, in the forms that are written for it. Knows no other u32.

The IPv4 forms follow the length of both headers; those of IPv6 are meant for packets without extension headers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruleset_lint.netfilter.normal_program_values import u32
from ruleset_lint.packets.formula import (
    ICMP_TYPE,
    QUOTED_DESTINATION_PORT,
    QUOTED_PROTOCOL,
    QUOTED_SOURCE_PORT,
    Field,
    Formula,
)
from ruleset_lint.packets.meaning_logic import all_of, among

# in normal form: 0>>22&0x3C@ skips the outer header, 8>>22&0x3C@ the quoted one
_INNER = "0x0>>0x16&0x3c@0x8>>0x16&0x3c@"
_PLACES: dict[int, dict[str, Field]] = {
    4: {
        "0x0>>0x16&0x3c@0x0>>0x18": ICMP_TYPE,
        "0x0>>0x16&0x3c@0xe&0xff": QUOTED_PROTOCOL,
        f"{_INNER}0x8>>0x10&0xffff": QUOTED_SOURCE_PORT,
        f"{_INNER}0x8>>0x10": QUOTED_SOURCE_PORT,
        f"{_INNER}0x8&0xffff": QUOTED_DESTINATION_PORT,
    },
    6: {
        "0x28>>0x18": ICMP_TYPE,
        "0x33&0xff": QUOTED_PROTOCOL,
        "0x58>>0x10&0xffff": QUOTED_SOURCE_PORT,
        "0x58>>0x10": QUOTED_SOURCE_PORT,
        "0x58&0xffff": QUOTED_DESTINATION_PORT,
    },
}
ERRORS = {4: (3, 4, 5, 11, 12), 6: (1, 2, 3, 4)}
"""ICMP types that quote a packet."""


def quoted_formula(text: str, family: int) -> Formula | None:
    """The tests as fields of the quoted packet, None if one of them is another test. Raises ValueError."""
    tests = list(_tests(text, family))
    if any(of is None for of, _ in tests):
        return None
    return all_of(*(among(of, ranges) for of, ranges in tests if of))


def asks_for_errors_alone(text: str, family: int) -> bool:
    """Whether the first test is for ICMP types, all of which quote a packet. Raises ValueError."""
    of, ranges = next(_tests(text, family))
    return of == ICMP_TYPE and all(kind in ERRORS[family] for low, high in ranges for kind in range(low, high + 1))


def _tests(text: str, family: int) -> Iterator[tuple[Field | None, list[tuple[int, int]]]]:
    """What is asked, None for what has no name here, and the numbers it may be."""
    for test in u32(text, family).strip('"').split("&&"):
        place, _, values = test.partition("=")
        yield _PLACES[family].get(place), [_range(value) for value in values.split(",")]


def _range(value: str) -> tuple[int, int]:
    low, colon, high = value.partition(":")
    if not re.fullmatch(r"0x[0-9a-f]+", low):
        raise ValueError("number expected")
    return int(low, 16), int(high if colon else low, 16)
