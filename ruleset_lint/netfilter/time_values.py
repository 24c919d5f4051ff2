"""How dates and times of the time match read, as iptables 1.8.9 reads them (libxt_time.c). Knows no option by name.

A reader takes the text and the address family (4 or 6) and raises ValueError saying what was expected.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from ruleset_lint.netfilter.option_names import DAYS
from ruleset_lint.netfilter.values import number

_NUMBER = r"\s*\+?([0-9]{0,18})"
_CLOCK = rf"{_NUMBER}:{_NUMBER}(?::{_NUMBER})?"
_DATE = rf"{_NUMBER}(?:-{_NUMBER}(?:-{_NUMBER}(?:T{_NUMBER}(?::{_NUMBER}(?::{_NUMBER})?)?)?)?)?"
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


def week_days(value: str, family: int) -> int:
    """The bits of `Mon,Tue` or `1,2`, Monday's being bit 1; no day but 1 to 7 has a meaning.

    Three letters of a word are looked at, of a name two; a number is one of 32 bits.
    """
    bits = 0
    for part in value.removesuffix(",").split(",") if value else ():
        day = number(part[:3].removeprefix("-"))
        if day is not None and part.startswith("-"):
            day = -day
        named = next((place for place, name in enumerate(DAYS, 1) if part.startswith(name[:2].title())), None)
        if not (day or named):
            raise ValueError("list of days expected: Mon, Tue, … or 1 to 7")
        bits |= 1 << (day % 32 if day else named or 0)
    return bits & 0xFF


def month_days(value: str, family: int) -> int:
    """The bits of days of the month, `1,15`; two letters of a word are looked at, the day 0 never comes."""
    days = [number(part[:2]) for part in value.split(",") if part]
    if any(day is None or day > 31 for day in days):
        raise ValueError("list of days from 1 to 31 expected")
    return sum(1 << day for day in set(days) if day is not None)


def clock_time(value: str, family: int) -> tuple[int, int, int]:
    """A time of day: `9:00`, `17:30:15`; a number left out is 0."""
    match = re.fullmatch(_CLOCK, value)
    hour, minute, second = (int(text or 0) for text in match.groups()) if match else (24, 0, 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("time expected: hh:mm or hh:mm:ss")
    return hour, minute, second


def date(value: str, family: int) -> datetime:
    """`2024-02-29T17:30:15`, of which all but the year may be missing; from 1970 to 2038.

    A number left out is 0, so the month before and the day before; February 30 is March 1 or 2.
    """
    match = re.fullmatch(_DATE, value)
    parts = zip(match.groups(), (0, 1, 1, 0, 0, 0), strict=True) if match else ()
    found = [usual if text is None else int(text or 0) for text, usual in parts]
    bounds = (2038, 12, 31, 23, 59, 59)
    if not found or found[0] < 1970 or any(one > most for one, most in zip(found, bounds, strict=True)):
        raise ValueError("date expected: YYYY-MM-DDThh:mm:ss, of which all but the year may be missing")
    year, month, day, hour, minute, second = found
    first = datetime(year - (month == 0), month or 12, 1, tzinfo=UTC)
    made = first + timedelta(days=day - 1, hours=hour, minutes=minute, seconds=second)
    if made < _FIRST:
        raise ValueError("date from 1970 on expected")
    return made
