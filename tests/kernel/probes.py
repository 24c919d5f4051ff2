"""Probes: single packets from one party to another, and whether they passed the last hook. Knows nothing of rulesets.

A packet has passed if a raw socket in the receiver's namespace got it: in the firewall's own namespace that is behind
INPUT, elsewhere behind FORWARD or OUTPUT and POSTROUTING (the neighbours have no rules).
"""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from .flows import FAMILIES
from .namespaces import inside
from .packets import ADVERTISEMENTS, ERRORS, End, icmp_advertisement, icmp_echo, icmp_error, segment
from .rulesets import forget
from .topology import PARTIES, Site

QUIET = 0.02  # seconds without a packet after which nothing is on its way any more


@dataclass(frozen=True, slots=True)
class Probe:
    """One packet from one party to another (names of topology.PARTIES).

    `kind` is "tcp:S" (any of FSRPAU, or none), "tcp:S:bare" (a SYN without options), "udp", "echo",
    "icmpv6:router-advertisement", … or "error:too-big:tcp": an error whose quoted packet went the other way, from the
    receiver's `port` to the sender's `source_port`.
    """

    source: str
    source_port: int
    target: str
    port: int
    kind: str

    def __str__(self) -> str:
        return f"{self.kind} {self.source}:{self.source_port} > {self.target}:{self.port}"


def passed(site: Site, probes: tuple[Probe, ...], family: int = 4) -> dict[Probe, bool]:
    """Send each probe with conntrack empty, and say which ones passed the last hook."""
    arrived = caught(site, probes, {_place(probe) for probe in probes}, family)
    return {probe: probe in arrived[_place(probe)] for probe in probes}


def caught(site: Site, probes: tuple[Probe, ...], places: set[str], family: int) -> dict[str, frozenset[Probe]]:
    """Send each probe with conntrack empty, and say which ones came out at each place."""
    tokens = {probe: (0x5EED0000 + 16 * number).to_bytes(4, "big") for number, probe in enumerate(probes)}
    with ExitStack() as open_sockets:
        watches = [open_sockets.enter_context(watch) for watch in _watches(site, places, family)]
        senders = {name: open_sockets.enter_context(_sender(site, name, family)) for name in {p.source for p in probes}}
        seen: dict[str, list[bytes]] = {watch.place: [] for watch in watches}
        for probe in probes:
            forget(site.host)
            _send(senders[probe.source], probe, family, tokens[probe])
            _receive(watches, 0, seen)
        _receive(watches, QUIET, seen)
    arrived = {place: b"\0".join(packets) for place, packets in seen.items()}
    return {place: frozenset(one for one in probes if tokens[one] in got) for place, got in arrived.items()}


def _place(probe: Probe) -> str:
    return PARTIES[probe.target].place


class _Watch(socket.socket):
    """A raw socket that knows where it stands."""

    place = ""


def _watches(site: Site, places: set[str], family: int) -> Iterator[_Watch]:
    icmp = socket.IPPROTO_ICMP if family == 4 else socket.IPPROTO_ICMPV6
    for place in sorted(places):
        for protocol in (socket.IPPROTO_TCP, socket.IPPROTO_UDP, icmp):
            with inside(site.place(place)):
                watch = _Watch(FAMILIES[family], socket.SOCK_RAW, protocol)
            watch.place = place
            watch.setblocking(False)
            yield watch


def _sender(site: Site, party: str, family: int) -> socket.socket:
    with inside(site.home(party)):
        sender = socket.socket(FAMILIES[family], socket.SOCK_RAW, socket.IPPROTO_RAW)
    sender.bind((PARTIES[party].address(family), 0))
    return sender


def _send(sender: socket.socket, probe: Probe, family: int, token: bytes) -> None:
    source, target = (PARTIES[party].address(family) for party in (probe.source, probe.target))
    try:
        sender.sendto(_bytes(probe, source, target, token), (target, 0))
    except PermissionError:
        return  # what OUTPUT drops, the sender is told at once


def _bytes(probe: Probe, source: str, target: str, token: bytes) -> bytes:
    match probe.kind.split(":"):
        case ["tcp", "S", "bare"]:
            return segment(End(source, probe.source_port), End(target, probe.port), "tcp", "S", token, bare=True)
        case ["tcp", flags]:
            return segment(End(source, probe.source_port), End(target, probe.port), "tcp", flags, token)
        case ["udp"]:
            return segment(End(source, probe.source_port), End(target, probe.port), "udp", "", token)
        case ["echo"]:
            return icmp_echo(source, target, probe.source_port, token)
        case ["icmpv6", kind] if kind in ADVERTISEMENTS:
            return icmp_advertisement(source, target, kind, token)
        case ["error", kind, protocol] if kind in ERRORS:
            quoted = segment(End(target, probe.port), End(source, probe.source_port), protocol, "A", token)
            return icmp_error(source, target, kind, quoted)
    raise ValueError(f"no such kind of probe: {probe.kind}")


def _receive(watches: list[_Watch], patience: float, seen: dict[str, list[bytes]]) -> None:
    """Note what the raw sockets get, until `patience` seconds pass without a packet."""
    while ready := select.select(watches, [], [], patience)[0]:
        for watch in ready:
            seen[watch.place].append(watch.recv(65535))
