"""Ends of connections that are to leave connection tracking: a service, here or at a server behind. Knows no ruleset.

    parse_endpoint("tcp/443@10.0.0.5")
    towards(endpoint, family, role), away(…)   packets to it and from it, by their header

Packets on `lo` are none of these.
"""

from ipaddress import IPv6Address, ip_address
from typing import Literal, NamedTuple

from ruleset_lint.netfilter.services import Service, ServiceError, parse_service
from ruleset_lint.netfilter.values import PROTOCOLS
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.formula import All, Formula, Interface, Not, Some, equal, of_type

Role = Literal["host", "router"]


class Endpoint(NamedTuple):
    """A service of this machine; with an address on a router that of a server behind it, on a host of one address."""

    service: Service
    address: str | None = None

    def __str__(self) -> str:
        """The spelling of the command line: `tcp/443@10.0.0.5`."""
        return f"{self.service}@{self.address}" if self.address else str(self.service)

    @property
    def protocol(self) -> int:
        """The number of its protocol."""
        return PROTOCOLS[self.service.protocol]

    @property
    def is_tcp(self) -> bool:
        """Whether its packets have flags."""
        return self.service.protocol == "tcp"

    @property
    def family(self) -> int | None:
        """4 or 6 if there is an address, else both."""
        if self.address is None:
            return None
        return 6 if isinstance(ip_address(self.address), IPv6Address) else 4


def parse_endpoint(text: str) -> Endpoint:
    """`tcp/80`, `udp/53`, `tcp/443@10.0.0.5`, `tcp/443@2001:db8::5`. Raises ServiceError."""
    named, at, address = text.strip().partition("@")
    service = parse_service(named)
    if not at:
        return Endpoint(service)
    try:
        return Endpoint(service, str(ip_address(address)))
    except ValueError:
        raise ServiceError(f"{text[:60]!r}: {address[:40]!r} is no address") from None


def is_behind(endpoint: Endpoint, role: Role) -> bool:
    """Whether it is another machine, to which this one forwards."""
    return role == "router" and endpoint.address is not None


def towards(endpoint: Endpoint, family: int, role: Role) -> Formula:
    """Packets to it that come from elsewhere."""
    here = of_type(ask.DESTINATION_TYPE, "LOCAL")
    return All((
        equal(ask.PROTOCOL, endpoint.protocol),
        equal(ask.DESTINATION_PORT, endpoint.service.port),
        *at(ask.DESTINATION[family], endpoint),
        Not(here) if is_behind(endpoint, role) else here,
        Not(Interface(ask.IN, "lo")),
    ))  # fmt: skip


def away(endpoint: Endpoint, family: int, role: Role) -> Formula:
    """Packets from it that go elsewhere."""
    here = of_type(ask.SOURCE_TYPE, "LOCAL")
    behind = Not(of_type(ask.DESTINATION_TYPE, "LOCAL"))
    return All((
        equal(ask.PROTOCOL, endpoint.protocol),
        equal(ask.SOURCE_PORT, endpoint.service.port),
        *at(ask.SOURCE[family], endpoint),
        behind if is_behind(endpoint, role) else here,
        Not(Interface(ask.IN, "lo")) if is_behind(endpoint, role) else Not(Interface(ask.OUT, "lo")),
    ))  # fmt: skip


def is_misplaced(endpoint: Endpoint) -> Formula:
    """Packets with the address of a server behind the machine that are its own, or that the server sends to itself.

    That address is one machine's: none to which a network, or a group, listens.
    """
    family = endpoint.family or 4
    source, destination = at(ask.SOURCE[family], endpoint), at(ask.DESTINATION[family], endpoint)
    return Some((
        All((*source, Not(of_type(ask.SOURCE_TYPE, "UNICAST")))),
        All((*source, Interface(ask.IN, "lo"))),
        All((*destination, Not(of_type(ask.DESTINATION_TYPE, "UNICAST")))),
        All((*source, *destination)),
    ))  # fmt: skip


def is_foreign(endpoint: Endpoint) -> Formula:
    """Packets from the port of a service with an address that is not of this machine."""
    here = of_type(ask.SOURCE_TYPE, "LOCAL")
    port = equal(ask.SOURCE_PORT, endpoint.service.port)
    return All((equal(ask.PROTOCOL, endpoint.protocol), port, Not(here)))


def at(side: ask.Field, endpoint: Endpoint) -> tuple[Formula, ...]:
    """The address on that side is the endpoint's, if it has one."""
    return (equal(side, int(ip_address(endpoint.address))),) if endpoint.address else ()
