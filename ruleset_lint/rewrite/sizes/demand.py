"""How many entries a load keeps in the conntrack table, with the arithmetic in words. Knows no size of a table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from ruleset_lint.netfilter.lifetimes import FLOWS, Flow, lifetime
from ruleset_lint.netfilter.releases import Profile
from ruleset_lint.rewrite.sizes.observed import Observed

_RATE = re.compile(r"(?:([a-z-]{1,12})=)?([0-9]{1,9})(?:/s)?")
_FASTEST = 100_000_000  # a second: beyond that a number was mistyped
_NOT_SET: Mapping[str, int] = MappingProxyType({})


class RateError(ValueError):
    """A text that is no rate; its text says what is wrong."""


class Rate(NamedTuple):
    """Flows of a kind that begin in a second."""

    flow: Flow
    per_second: int


class Load(NamedTuple):
    """What is known of a load: connections open at once, flows that begin, seconds that they last, what a table has.

    With `connections`, `rates` are only asked how many ended ones the table still keeps. `observed` is a dump of the
    table, `counted` what the running kernel says that it has.
    """

    connections: int | None = None
    rates: tuple[Rate, ...] = ()
    lasting: int = 1
    observed: Observed | None = None
    counted: int | None = None


class Need(NamedTuple):
    """Entries that a load keeps, and how they are counted, a line each; None if nothing is known of the load.

    `is_glimpse`: they were only seen, at one moment, which says what a table must hold and not that less would do.
    """

    entries: int | None
    arithmetic: tuple[str, ...] = ()
    is_glimpse: bool = False


def parse_rate(text: str) -> Rate:
    """The rate that "2000", "tcp=2000" or "udp=20000" means. Raises RateError."""
    found = _RATE.fullmatch(text.strip())
    flow = next((flow for flow in FLOWS if found and flow.name == (found[1] or "tcp")), None)
    number = int(found[2]) if found else 0
    if flow is None or not 1 <= number <= _FASTEST:
        names = ", ".join(flow.name for flow in FLOWS)
        raise RateError(f"{text[:60]!r} is no rate, write 2000 or udp=20000: flows a second, of {names}")
    return Rate(flow, number)


def need(load: Load, profile: Profile, settings: Mapping[str, int] = _NOT_SET) -> Need:
    """The entries that a load keeps on a kernel; `settings` are time-outs that are set, by the names of variables."""
    lines: list[str] = []
    counted = load.connections or 0
    if load.connections is not None and load.rates:
        lines.append(f"{load.connections} connections open at once")
    for rate in load.rates:
        kept, line = _kept(rate, 0 if load.connections is not None else load.lasting, profile, settings)
        counted += kept
        lines.append(line)
    if len(lines) > 1:
        lines.append(f"{counted} entries together")
    seen = ((load.observed and load.observed.size, "in the dump of the table"), (load.counted, "in the running kernel"))
    for entries, where in seen:
        if entries is not None and entries > counted:
            counted = entries
            lines.append(f"{entries} entries {where}")
    told = load.connections is not None or bool(load.rates)
    return Need(counted if counted or told else None, tuple(lines), is_glimpse=bool(counted) and not told)


def _kept(rate: Rate, lasting: int, profile: Profile, settings: Mapping[str, int]) -> tuple[int, str]:
    """Entries = rate × lifetime (Little's law), and that in words."""
    flow, after = rate.flow, lifetime(rate.flow, profile, settings)
    entries = rate.per_second * (lasting + after)
    seconds = f"({lasting} s open + {after} s {flow.words})" if lasting else f"{after} s {flow.words}"
    return entries, f"{rate.per_second} {flow.title} a second × {seconds} = {entries} entries"
