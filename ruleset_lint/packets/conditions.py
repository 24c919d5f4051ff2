"""Conditions on simple fields of a packet, and what two of them have in common. Knows no rule and no verdict.

`exact` says whether the simple fields are all that is asked. What is left out makes the packets fewer, never more:
conditions that exclude each other do so whatever was left out.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ruleset_lint.netfilter.values import STATES, Network, Ports
from ruleset_lint.packets.sketch import Sketch, interface_matches

ALL_PORTS: Ports = ((0, 65535),)
_MOST_NETWORKS = 16


class Interfaces(NamedTuple):
    """The interfaces that a pattern of `-i` or `-o` means (None: any), but for the excluded one."""

    pattern: str | None = None
    excluded: str | None = None

    @property
    def name(self) -> str | None:
        """The interface, if there is only one."""
        return None if self.pattern is None or self.pattern.endswith("+") else self.pattern


ANY_INTERFACE = Interfaces()


class Conditions(NamedTuple):
    """Fields of a packet; None, no network and ALL_PORTS ask nothing. `states` are those a packet may be in."""

    family: int = 4
    protocol: int | None = None
    source_ports: Ports = ALL_PORTS
    destination_ports: Ports = ALL_PORTS
    source: tuple[Network, ...] = ()
    destination: tuple[Network, ...] = ()
    arrives: Interfaces = ANY_INTERFACE
    leaves: Interfaces = ANY_INTERFACE
    source_is_local: bool | None = None
    destination_is_local: bool | None = None
    states: frozenset[str] = frozenset(STATES)
    flags_set: frozenset[str] = frozenset()
    flags_clear: frozenset[str] = frozenset()
    exact: bool = True


def meet(first: Conditions, second: Conditions) -> Conditions | None:
    """What both ask; None if no packet can have both."""
    if first.protocol is not None and second.protocol not in (None, first.protocol):
        return None
    sources = _common_networks(first.source, second.source)
    destinations = _common_networks(first.destination, second.destination)
    arrives = _common_interfaces(first.arrives, second.arrives)
    leaves = _common_interfaces(first.leaves, second.leaves)
    if sources is None or destinations is None or arrives is None or leaves is None:
        return None
    if not _agree_on_types(first, second):
        return None
    met = Conditions(
        family=first.family,
        protocol=second.protocol if first.protocol is None else first.protocol,
        source_ports=_common_ports(first.source_ports, second.source_ports),
        destination_ports=_common_ports(first.destination_ports, second.destination_ports),
        source=sources,
        destination=destinations,
        arrives=arrives,
        leaves=leaves,
        source_is_local=_either(first.source_is_local, second.source_is_local),
        destination_is_local=_either(first.destination_is_local, second.destination_is_local),
        states=first.states & second.states,
        flags_set=first.flags_set | second.flags_set,
        flags_clear=first.flags_clear | second.flags_clear,
        exact=first.exact and second.exact,
    )
    possible = met.source_ports and met.destination_ports and met.states and not met.flags_set & met.flags_clear
    return met if possible else None


def mirrored(conditions: Conditions) -> Conditions:
    """What the answers look like, as far as addresses and ports tell; the interfaces they use are open."""
    return Conditions(
        family=conditions.family,
        protocol=conditions.protocol,
        source_ports=conditions.destination_ports,
        destination_ports=conditions.source_ports,
        source=conditions.destination,
        destination=conditions.source,
        source_is_local=conditions.destination_is_local,
        destination_is_local=conditions.source_is_local,
        exact=conditions.exact,
    )


def sketches(conditions: Conditions, state: str | None = None) -> Iterator[Sketch]:
    """Packets that meet the conditions, in a state: a sketch for each range of ports and each network."""
    for sport in conditions.source_ports:
        for dport in conditions.destination_ports:
            for source in _each(conditions.source):
                for destination in _each(conditions.destination):
                    yield Sketch(
                        family=conditions.family,
                        protocol=conditions.protocol,
                        source_port=None if sport == ALL_PORTS[0] else sport,
                        destination_port=None if dport == ALL_PORTS[0] else dport,
                        source=source,
                        destination=destination,
                        in_interface=conditions.arrives.name,
                        out_interface=conditions.leaves.name,
                        not_in=conditions.arrives.excluded,
                        not_out=conditions.leaves.excluded,
                        state=state,
                        flags_set=conditions.flags_set,
                        flags_clear=conditions.flags_clear,
                        destination_is_local=conditions.destination_is_local,
                        source_is_local=conditions.source_is_local,
                    )


def _each(networks: tuple[Network, ...]) -> tuple[Network | None, ...]:
    return networks if 0 < len(networks) <= _MOST_NETWORKS else (None,)


def _agree_on_types(first: Conditions, second: Conditions) -> bool:
    pairs = (
        (first.source_is_local, second.source_is_local),
        (first.destination_is_local, second.destination_is_local),
    )
    return not any({True, False} == set(pair) for pair in pairs)


def _either(first: bool | None, second: bool | None) -> bool | None:
    return second if first is None else first


def _common_ports(first: Ports, second: Ports) -> Ports:
    pairs = ((max(a[0], b[0]), min(a[1], b[1])) for a in first for b in second)
    return tuple((low, high) for low, high in pairs if low <= high)


def _common_networks(first: tuple[Network, ...], second: tuple[Network, ...]) -> tuple[Network, ...] | None:
    """Networks in both; none if neither asks for one, None if they have nothing in common."""
    if not first or not second:
        return first or second
    common = (
        Network(a.address | b.address, a.mask | b.mask)
        for a in first
        for b in second
        if a.address & a.mask & b.mask == b.address & a.mask & b.mask
    )
    return tuple(common) or None


def _common_interfaces(first: Interfaces, second: Interfaces) -> Interfaces | None:
    """Interfaces that both mean; None if there are none. Of two excluded ones the first is kept."""
    pattern = _narrower(first.pattern, second.pattern)
    excluded = first.excluded or second.excluded
    if pattern == "" or (pattern and any(pattern == other for other in (first.excluded, second.excluded))):
        return None
    return Interfaces(pattern, excluded)


def _narrower(first: str | None, second: str | None) -> str | None:
    """The pattern for interfaces that both mean; "" if there are none."""
    if first is None or second is None:
        return first or second
    if interface_matches(first, second.removesuffix("+")):
        return second
    return first if interface_matches(second, first.removesuffix("+")) else ""
