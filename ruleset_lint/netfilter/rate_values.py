"""How rates and bursts of limit and hashlimit read, as iptables 1.8.9 reads them. Knows no option by name.

A reader takes the text and the address family (4 or 6) and raises ValueError saying what was expected.
Sources: libxt_limit.c and libxt_hashlimit.c of iptables 1.8.9.
"""

from __future__ import annotations

import re

from ruleset_lint.netfilter.option_names import UNITS
from ruleset_lint.netfilter.values import OutOfRangeError, number_up_to

_FACTORS = {"k": 1 << 10, "m": 1 << 20}


def rate(value: str, family: int) -> str:
    """`5/min` of limit: up to 10000 a second."""
    return _rate(value, 10000)


def hash_rate(value: str, family: int) -> str:
    """`5/min` or `512kb/s` of hashlimit: up to a million packets a second, or 32 GB."""
    if value.find("b/s") < 1:
        return _rate(value, 1000000)
    if byte_cost(bytes_a_second(value)) < 2:
        raise OutOfRangeError("rate of 1 byte a second to 32 GB a second expected")
    return value


def bytes_a_second(rate: str) -> int:
    """Bytes of a rate like `512kb/s`, as libxt_hashlimit.c reads it. Raises ValueError."""
    match = re.match(r"\s*\+?([0-9]{1,18})", rate)
    if not match or not int(match[1]):
        raise ValueError("rate expected: 512kb/s, 5/second, 5/minute, 5/hour or 5/day")
    return int(match[1]) * _FACTORS.get(rate[rate.index("b/s") - 1], 1)


def byte_cost(size: int) -> int:
    """The cost of 16 bytes at so many bytes a second (bytes_to_cost, in its 32 bits); 0 for what crashes iptables."""
    divisor = (size >> 4 & 0xFFFFFFFF) + 1
    return 0xFFFFFFFF // divisor if divisor <= 0xFFFFFFFF else 0


def cost_bytes(cost: int) -> int:
    """The bytes a second that a cost stands for (cost_to_bytes)."""
    return ((0xFFFFFFFF // cost if cost else 0xFFFFFFFF) - 1) << 4


def interval(value: str) -> int:
    """The time between two packets of a rate of limit, in 1/10000 s, as libxt_limit.c rounds it. Raises ValueError."""
    packets, seconds = _packets_and_seconds(value)
    return 10000 * seconds // packets


def hash_interval(value: str) -> int:
    """The time between two packets of a rate of hashlimit in microseconds, as libxt_hashlimit.c rounds it."""
    packets, seconds = _packets_and_seconds(value)
    return 1000000 * seconds // packets


def _rate(value: str, most: int) -> str:
    packets, seconds = _packets_and_seconds(value)
    if packets > most * seconds:
        raise OutOfRangeError(f"rate of at most {most}/second expected")
    return value


def _packets_and_seconds(value: str) -> tuple[int, int]:
    # atoi: what follows the digits is passed over
    match = re.fullmatch(r"\s*\+?([0-9]{1,18})[^/]*(?:/(.*))?", value, re.DOTALL)
    unit = match[2] if match else None
    seconds = 1 if unit is None else next((UNITS[name] for name in UNITS if unit and name.startswith(unit.lower())), 0)
    if not match or not int(match[1]) or not seconds:
        raise ValueError("rate expected: 5/second, 5/minute, 5/hour or 5/day")
    return int(match[1]), seconds


def hash_burst(value: str, family: int) -> str:
    """Burst of hashlimit: packets, or bytes as in `16mb`."""
    burst_of(value)
    return value


def burst_of(value: str) -> int:
    """The number at the beginning, times 1024 before a `k`, times 1024² before an `m`. Raises ValueError."""
    match = re.match(r"\s*\+?(?:0[xX][0-9a-fA-F]{1,16}|[1-9][0-9]{0,18}|0[0-7]{0,18})", value)
    found = number_up_to(match[0], 0xFFFFFFFFFFFFFFFF) if match else 0
    if not match or found < 1:
        raise ValueError("number from 1 to 1000000 expected, or of bytes as in 16mb")
    return found * _FACTORS.get(value[match.end() : match.end() + 1], 1)


def rate_interval(value: str, family: int) -> str:
    """Seconds of `--hashlimit-rate-interval`: what follows the digits is passed over."""
    leading_number(value)
    return value


def leading_number(value: str) -> int:
    """The decimal number at the beginning of a text. Raises ValueError."""
    match = re.match(r"\s*\+?0*([0-9]{1,10})", value)
    if not match or not 0 < int(match[1]) < 0xFFFFFFFF:
        raise ValueError("number expected")
    return int(match[1])


def hash_mode(value: str, family: int) -> str:
    """A list of `srcip`, `dstport` and their like."""
    if not set(value.split(",")) <= {"", "srcip", "srcport", "dstip", "dstport"}:
        raise ValueError("list of srcip, srcport, dstip, dstport expected")
    return value
