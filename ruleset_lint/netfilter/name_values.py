"""How names and counts read, as iptables 1.8.9 reads them: of chains, targets, labels, owners. Knows no option by name.

A reader takes the text and the address family (4 or 6) and raises ValueError saying what was expected.
"""

from __future__ import annotations

import re

from ruleset_lint.netfilter.option_names import LOG_LEVELS
from ruleset_lint.netfilter.values import OutOfRangeError, is_byte, number_up_to

LONGEST_CHAIN = 28  # bytes
LONGEST_SET = 31  # bytes
LONGEST_STRING = 128  # bytes


def chain(value: str, family: int) -> str:
    """Name of a chain, at most 28 bytes."""
    if len(value.encode("utf-8", "surrogateescape")) > LONGEST_CHAIN:
        raise OutOfRangeError(f"name of a chain of at most {LONGEST_CHAIN} bytes expected")
    return value


def target(value: str, family: int) -> str:
    """Name of a target or chain to jump to: without blanks, at most 28 bytes."""
    if not value or re.search(r"[ \t\n\v\f\r]", value):
        raise ValueError("name of a target or chain expected")
    return chain(value, family)


def filled(value: str, family: int) -> str:
    """Any text but none."""
    if not value:
        raise ValueError("at least one character expected")
    return value


def file_name(value: str, family: int) -> str:
    """Name of a list that becomes a file in /proc (xt_check_proc_name)."""
    if filled(value, family) in (".", "..") or "/" in value:
        raise ValueError("name of a list without / expected")
    return value


def set_name(value: str, family: int) -> str:
    """Name of an ipset, at most 31 bytes."""
    if len(value.encode("utf-8", "surrogateescape")) > LONGEST_SET:
        raise OutOfRangeError(f"name of a set of at most {LONGEST_SET} bytes expected")
    return value


def search_text(value: str, family: int) -> str:
    """Text that the string match looks for, at most 128 bytes."""
    if len(filled(value, family).encode("utf-8", "surrogateescape")) > LONGEST_STRING:
        raise OutOfRangeError(f"text of at most {LONGEST_STRING} bytes expected")
    return value


def counts(value: str, family: int) -> tuple[int, ...]:
    """`10` or, packets and bytes in one word, `10,840`."""
    packets, comma, size = value.partition(",")
    return (count(packets, family), count(size, family)) if comma else (count(packets, family),)


def count(value: str, family: int) -> int:
    """The decimal number at the beginning, as sscanf reads it: of 64 bits, what follows is passed over."""
    match = re.match(r"\s*([+-]?[0-9]{1,40})", value)
    if not match:
        raise ValueError("number of packets, or packets,bytes, expected")
    return min(int(match[1]), 0xFFFFFFFFFFFFFFFF) & 0xFFFFFFFFFFFFFFFF


def owner(value: str, family: int) -> str:
    """A user or group by number or name, or a range of numbers."""
    if value and not re.match(r"[-+0-9\s]", value):
        return value
    ends = [number_up_to(end, 0xFFFFFFFE) for end in re.split("[-:]", value, maxsplit=1)]
    if not 0 <= ends[0] <= ends[-1]:
        raise ValueError("number up to 4294967294, range of numbers or name expected")
    return value


def prefix(value: str, family: int) -> str:
    """Text of a log line: not empty, one line."""
    if not value or "\n" in value:
        raise ValueError("text of one line expected")
    return value


def label(value: str, family: int) -> str:
    """A connection label by number or name."""
    if re.fullmatch("[0-9]+", filled(value, family)) and number_up_to(value, 127) < 0:
        raise OutOfRangeError("label up to 127 or the name of one expected")
    return value


def log_level(value: str, family: int) -> str:
    """`warning` or 0 to 7."""
    if value not in LOG_LEVELS and not (is_byte(value) and number_up_to(value, 255) < 8):
        raise ValueError("log level expected: 0 to 7 or one of " + ", ".join(LOG_LEVELS))
    return value


def packet_type(value: str, family: int) -> str:
    """`unicast`, `broadcast` or `multicast`."""
    if value.lower() not in ("unicast", "broadcast", "multicast", "bcast", "mcast", "host", "otherhost"):
        raise ValueError("unicast, broadcast or multicast expected")
    return value
