"""A service that leaves conntrack, the packets by which its rewrite is attacked, and which promise each one tests.

Knows nothing of rulesets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ruleset_lint.netfilter.services import Service as Named
from ruleset_lint.packets.endpoints import Endpoint

from .probes import Probe
from .rulesets import Entry
from .topology import PARTIES

HIGH = 45000  # a client's port
SOURCES = ("remote", "refused", "asymmetric", "lan")
LOCAL = ("host", "host2", "leg")
STRAYS = ("A", "PA", "SA", "FA", "R", "RA", "", "FPU", "SF", "SR", "SFRPAU")
REPLIES = ("A", "SA", "FA", "R", "RA")


@dataclass(frozen=True, slots=True)
class Service:
    """A port that leaves connection tracking: the host's own, or that of one server behind it (a name of PARTIES)."""

    protocol: Literal["tcp", "udp"]
    port: int
    server: str | None = None

    def __str__(self) -> str:
        return f"{self.protocol}/{self.port}" + (f"@{self.server}" if self.server else "")

    @property
    def homes(self) -> tuple[str, ...]:
        """The parties at which the service answers."""
        return LOCAL if self.server is None else (self.server,)

    def endpoint(self, family: int) -> Endpoint:
        """The service as the rewriter knows it."""
        address = PARTIES[self.server].address(family) if self.server else None
        return Endpoint(Named(self.protocol, self.port), address)


def service_probes(service: Service, family: int) -> tuple[Probe, ...]:
    """The packets that attack a rewrite of this service: openings, other ports from and to its port, strays."""
    kind = "tcp:S" if service.protocol == "tcp" else "udp"
    found = [*_openings(service, kind), *_others(service, kind, family)]
    if service.protocol == "tcp":
        found += _strays(service)
    return tuple(dict.fromkeys(probe for probe in found if _meets_the_firewall(probe)))


def _meets_the_firewall(probe: Probe) -> bool:
    return PARTIES[probe.source].place != PARTIES[probe.target].place or _loop(probe)


def _loop(probe: Probe) -> bool:
    return probe.source in LOCAL and probe.target in LOCAL


def _openings(service: Service, kind: str) -> Iterator[Probe]:
    port = service.port
    for source in SOURCES:
        for home in service.homes:
            yield Probe(source, HIGH, home, port, kind)
            yield Probe(home, port, source, HIGH, kind)
        yield Probe(source, port, service.homes[0], port, kind)
        yield Probe(source, HIGH, "host", 22, "tcp:S")
        yield Probe(source, HIGH, "server", port, kind)
    yield Probe("server", port, "remote", HIGH, kind)


def _strays(service: Service) -> Iterator[Probe]:
    for source in SOURCES:
        for home in service.homes[:2]:
            yield from (Probe(source, HIGH, home, service.port, f"tcp:{flags}") for flags in STRAYS)
            yield from (Probe(home, service.port, source, HIGH, f"tcp:{flags}") for flags in REPLIES)


def _others(service: Service, kind: str, family: int) -> Iterator[Probe]:
    """Packets that touch the service's port number, but not the service, and errors and discovery."""
    port = service.port
    later = ("tcp:A", "tcp:SA", "tcp:RA") if service.protocol == "tcp" else ()
    for source in SOURCES:
        for other in ("host", "server"):
            for target_port in (22, 161, 3306, 40009):
                yield from (Probe(source, port, other, target_port, flags) for flags in (kind, *later))
        yield Probe("host", HIGH, source, port, kind)
        yield Probe(source, HIGH, "host", 0, "echo")
        yield from (Probe(source, HIGH, "host", 22, f"error:{error}:tcp") for error in ("too-big", "unreachable"))
    yield from (Probe("host", HIGH, "host", port, flags) for flags in (kind, *later))
    yield from (Probe("host", port, "host", HIGH, flags) for flags in (kind, *later))
    if family == 6:
        names = ("router-advertisement", "neighbour-solicitation", "neighbour-advertisement")
        yield from (Probe("gateway", 0, "host", 0, f"icmpv6:{name}") for name in names)
        yield from (Probe("host", 0, "gateway", 0, f"icmpv6:{name}") for name in names[1:])


def towards(probe: Probe, services: tuple[Service, ...]) -> bool:
    """Whether a packet goes to a service from elsewhere; loopback is outside of every service."""
    if _loop(probe):
        return False
    wanted = _protocol(probe), probe.port
    return any(wanted == (service.protocol, service.port) and probe.target in service.homes for service in services)


def _reversed(probe: Probe) -> Probe:
    opening = "tcp:S" if _protocol(probe) == "tcp" else "udp"
    return Probe(probe.target, probe.port, probe.source, probe.source_port, opening)


def _protocol(probe: Probe) -> str:
    return probe.kind.split(":")[0]


def clause_of(probe: Probe, services: tuple[Service, ...]) -> str:
    """Which promise a probe tests: E1 where it opens a connection of the service, E3 for strays, E2 for the others."""
    if towards(probe, services):
        return "E1" if probe.kind in ("tcp:S", "tcp:S:bare", "udp") else "E3"
    if towards(_reversed(probe), services):
        return (
            "E1" if probe.kind in ("tcp:S", "tcp:S:bare") else "E3"
        )  # a datagram from the service's port may be an answer
    return "E2"


def opening_of(probe: Probe, services: tuple[Service, ...]) -> Probe:
    """The first packet of the connection that a stray to or from a service pretends to belong to."""
    if not towards(probe, services):
        return _reversed(probe)
    return Probe(probe.source, probe.source_port, probe.target, probe.port, _reversed(probe).kind)


def belongs(entry: Entry, services: tuple[Service, ...], family: int) -> bool:
    """Whether a connection has one end at a service and is not the host's talk with itself, or with its own server."""
    local = {PARTIES[party].address(family) for party in LOCAL}
    own = {entry.source, entry.destination} & local
    if {entry.source, entry.destination} <= local:
        return False
    ends = {(entry.source, entry.source_port), (entry.destination, entry.destination_port)}
    return any(
        entry.protocol == service.protocol and (PARTIES[home].address(family), service.port) in ends
        for service in services
        if not (service.server and own)
        for home in service.homes
    )
