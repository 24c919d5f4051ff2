"""What a dump of the conntrack table tells of a machine's load: who fills it, how fast, and what lies idle in it.

A time-out counts down from the last packet on. Entries that no packet comes to any more are spread evenly over it, so
their number divided by it is how many begin in a second; of others nothing is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from ruleset_lint.model.entries import ConntrackTable
from ruleset_lint.netfilter.services import Service
from ruleset_lint.netfilter.sysctls import FLOORS
from ruleset_lint.syntax.conntrack import Entry

_FEWEST = 30  # entries: of fewer, the longest time left may lie far below the time-out
_SERVICES = 5
_PROTOCOLS = ("tcp", "udp")
IDLE = FLOORS["tcp_timeout_established"].seconds


class Estimate(NamedTuple):
    """`entries` that are spread over `seconds`: on average so many flows begin in a second, or `at_most`."""

    what: str
    entries: int
    seconds: int
    at_most: bool = False

    @property
    def per_second(self) -> float:
        """Flows that begin in a second."""
        return self.entries / self.seconds

    def __str__(self) -> str:
        """The estimate with its arithmetic."""
        most = "at most " if self.at_most else ""
        rate = f"{most}{self.per_second:.1f} new ones a second"
        return f"{self.what}: {self.entries} ÷ {self.seconds} s = {rate} on average"


class Observed(NamedTuple):
    """Entries in all, by protocol and state, by service (the port that the first packet went to), the most first.

    `idle`: established TCP connections that have been silent for longer than a NAT must wait (RFC 5382); None where
    the time-out is shorter than that, or cannot be told.
    """

    size: int
    states: tuple[tuple[str, str, int], ...]
    services: tuple[tuple[Service, int], ...]
    unreplied: int
    estimates: tuple[Estimate, ...]
    idle: int | None

    def share(self, count: int) -> int:
        """Hundredths of all entries."""
        return round(100 * count / self.size) if self.size else 0


def observed(table: ConntrackTable) -> Observed:
    """What a dump tells."""
    left = _time_left(table)
    states = Counter({key: count for key, count in table.by_state.items() if count})
    ports = ((Service(*key), count) for key, count in table.by_port.most_common() if _is_service(*key))
    return Observed(
        table.size,
        tuple((protocol, state, count) for (protocol, state), count in states.most_common()),
        tuple(found for found, _ in zip(ports, range(_SERVICES), strict=False)),
        table.unreplied,
        tuple(_estimates(left)),
        _idle(left["tcp", "ESTABLISHED"]) if ("tcp", "ESTABLISHED") in left else None,
    )


def busiest(table: ConntrackTable) -> tuple[Service, float] | None:
    """The service that most entries are of, and its part of them (0 to 1); None if no entry has a service."""
    for (protocol, port), _ in table.by_port.most_common():
        if _is_service(protocol, port):
            return Service(protocol, port), table.share(protocol, port)
    return None


def _is_service(protocol: str, port: int) -> bool:
    return protocol in _PROTOCOLS and port > 0


def _time_left(table: ConntrackTable) -> dict[tuple[str, str], list[int]]:
    """Seconds left of each entry, by protocol and state; UDP entries that are no stream stand as "short"."""
    found: dict[tuple[str, str], list[int]] = {}
    for line in table.document.lines:
        entry = line.node
        if isinstance(entry, Entry) and entry.form.timeout is not None:
            form = entry.form
            short = form.protocol == "udp" and "[ASSURED]" not in form.flags
            seconds = int(entry.value(entry.form.timeout))
            found.setdefault((form.protocol, "short" if short else form.state or ""), []).append(seconds)
    return found


def _estimates(left: dict[tuple[str, str], list[int]]) -> Iterator[Estimate]:
    closed, short = left.get(("tcp", "TIME_WAIT"), []), left.get(("udp", "short"), [])
    if len(closed) >= _FEWEST and max(closed):
        yield Estimate("tcp closed (TIME_WAIT)", len(closed), max(closed))
    if len(short) >= _FEWEST and max(short):
        yield Estimate("udp question and answer", len(short), max(short), at_most=True)


def _idle(left: list[int]) -> int | None:
    longest = max(left)
    if len(left) < _FEWEST or longest <= IDLE:
        return None
    return sum(seconds < longest - IDLE for seconds in left)
