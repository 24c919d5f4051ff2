"""How dates and times of the time match read, as iptables 1.8.9 reads them (libxt_time.c). Knows no option by name.

A reader takes the text and the address family (4 or 6) and raises ValueError saying what was expected.
"""

from __future__ import annotations

import re

from ruleset_lint.netfilter.option_names import DAYS
from ruleset_lint.netfilter.values import number_up_to


def week_days(value: str, family: int) -> str:
    """`Mon,Tue` or 1 to 7."""
    for part in value.removesuffix(",").split(","):
        named = len(part) > 1 and any(day.startswith(part.lower()) for day in DAYS)
        if not named and not number_up_to(part, 7) >= 1:
            raise ValueError("list of days expected: Mon, Tue, … or 1 to 7")
    return value


def month_days(value: str, family: int) -> str:
    """Days of the month: `1,15`."""
    if not all(number_up_to(part, 31) >= 1 for part in value.removesuffix(",").split(",")):
        raise ValueError("list of days from 1 to 31 expected")
    return value


def clock_time(value: str, family: int) -> str:
    """A time of day: `9:00`, `17:30:15`."""
    if not re.fullmatch(r"0*([01]?[0-9]|2[0-3]):0*[0-5]?[0-9](:0*[0-5]?[0-9])?", value):
        raise ValueError("time expected: hh:mm or hh:mm:ss")
    return value


def date(value: str, family: int) -> str:
    """`2024-02-29T17:30:15`, of which all but the year may be missing; from 1970 to 2038."""
    match = re.fullmatch(r"([0-9]{4})(?:-([0-9]*))?(?:-([0-9]*))?(?:T([0-9]*)(?::([0-9]*))?(?::([0-9]*))?)?", value)
    bounds = ((1970, 2038), (0, 12), (0, 31), (0, 23), (0, 59), (0, 59))
    found = match.groups() if match else ()
    if not match or any(
        text and not low <= number_up_to(text.lstrip("0") or "0", 9999) <= high
        for text, (low, high) in zip(found, bounds, strict=True)
    ):
        raise ValueError("date expected: YYYY-MM-DDThh:mm:ss, of which all but the year may be missing")
    return value
