"""How the tests of the u32 match read, as iptables 1.8.9 reads them (libxt_u32.c). Knows no other option."""

from __future__ import annotations

import re

from ruleset_lint.netfilter.values import OutOfRangeError, number_up_to

_MOST = 10  # tests, numbers of a location, ranges of a test (XT_U32_MAXSIZE)
_NUMBER = r"[ \t]*(0[xX][0-9a-fA-F]{1,16}|[0-9]{1,16})[ \t]*"
# patterns that few rulesets need are compiled when they are
_LOCATION = rf"{_NUMBER}(?:(?:&|<<|>>|@){_NUMBER})*"
_RANGES = rf"{_NUMBER}(?::{_NUMBER})?(?:,{_NUMBER}(?::{_NUMBER})?)*"


def u32_tests(value: str, family: int) -> str:
    """`0>>22&0x3C@12=0x50:0x5F,80 && 8=1`."""
    tests = re.split("&&", value[:2048])
    if len(tests) > _MOST or len(value) > 1024:
        raise OutOfRangeError(f"at most {_MOST} tests expected")
    for test in tests:
        location, sign, ranges = test.partition("=")
        if not sign or not re.fullmatch(_LOCATION, location) or not re.fullmatch(_RANGES, ranges):
            raise ValueError("tests of the form location=value or range expected, with && between")
        _check_size(location, ranges)
    return value


def _check_size(location: str, ranges: str) -> None:
    numbers = re.findall(r"0[xX][0-9a-fA-F]+|[0-9]+", location + " " + ranges)
    if any(number_up_to(text, 0xFFFFFFFF) < 0 for text in numbers):
        raise OutOfRangeError("32-bit numbers expected")
    if len(re.findall(r"&|<<|>>|@", location)) >= _MOST or ranges.count(",") >= _MOST:
        raise OutOfRangeError(f"at most {_MOST} numbers of a location and {_MOST} ranges expected")
    if any(number_up_to(text, 31) < 0 for text in re.findall(r"(?:<<|>>)[ \t]*(\w+)", location)):
        raise OutOfRangeError("shift by less than 32 expected")
