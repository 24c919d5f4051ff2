"""The packets of a service: sketches of them, and the conditions that single them out. Knows no chain.

Loopback stays tracked: its packets pass OUTPUT and PREROUTING with one entry, and untracking one way would lose them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import NamedTuple

from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.hooks import FORWARDED, INCOMING, OUTGOING, WITHOUT_INPUT
from ruleset_lint.netfilter.network_values import Network
from ruleset_lint.netfilter.services import Service
from ruleset_lint.netfilter.values import PROTOCOLS
from ruleset_lint.packets.endpoints import Endpoint
from ruleset_lint.packets.sketch import Sketch
from ruleset_lint.rewrite.program import Condition, Workshop

_ICMP = {4: ("icmp", "icmp", "--icmp-type"), 6: ("ipv6-icmp", "icmp6", "--icmpv6-type")}
ICMP_ERRORS = {4: ("3", "11", "12"), 6: ("1", "2", "3", "4")}


class Flags(NamedTuple):
    """`--tcp-flags mask set`, and what packets with them are."""

    mask: str
    set: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a profile spells things: the target that untracks, the state match, and which matches it has."""

    notrack: tuple[str, ...] = ("-j", "CT", "--notrack")
    state: tuple[str, ...] = ("-m", "conntrack", "--ctstate")
    has_addrtype: bool = True
    has_u32: bool = True


DEFAULT_DIALECT = Dialect()


@dataclass(frozen=True, slots=True)
class Work:
    """What is being rewritten: one service of one ruleset."""

    workshop: Workshop
    ruleset: Ruleset
    endpoint: Endpoint
    dialect: Dialect

    @property
    def service(self) -> Service:
        """The service, wherever it is."""
        return self.endpoint.service

    @property
    def protocol(self) -> int:
        """Number of the service's protocol."""
        return self.endpoint.protocol

    @property
    def behind(self) -> bool:
        """Whether another machine serves, to which this one forwards."""
        return self.endpoint.address is not None

    @property
    def hook(self) -> str:
        """The chain that decides the service's requests."""
        return "FORWARD" if self.behind else "INPUT"

    @property
    def server(self) -> Network | None:
        """The address of the other machine."""
        if self.endpoint.address is None:
            return None
        return Network(int(ip_address(self.endpoint.address)), (1 << (32 if self.ruleset.family == 4 else 128)) - 1)

    @property
    def ways(self) -> tuple[tuple[tuple[tuple[str, str], ...], Sketch], ...]:
        """The chains that requests meet, and those that replies meet, each with a sketch of the packets."""
        if self.behind:
            return (FORWARDED, incoming(self)), (FORWARDED, outgoing(self))
        return (INCOMING, incoming(self)), (OUTGOING, outgoing(self))

    @property
    def raw(self) -> tuple[tuple[str, Sketch], ...]:
        """Where requests and replies meet the raw table."""
        return ("PREROUTING", incoming(self)), ("PREROUTING" if self.behind else "OUTPUT", outgoing(self))


def incoming(work: Work) -> Sketch:
    """Packets from outside to the service."""
    port = work.service.port
    if work.behind:
        return _forwarded(work)._replace(destination_port=(port, port), destination=work.server)
    return Sketch(
        family=work.ruleset.family,
        protocol=work.protocol,
        destination_port=(port, port),
        not_in="lo",
        destination_is_local=True,
    )


def outgoing(work: Work) -> Sketch:
    """Packets from the service to the outside."""
    port = work.service.port
    if work.behind:
        return _forwarded(work)._replace(source_port=(port, port), source=work.server)
    return Sketch(
        family=work.ruleset.family,
        protocol=work.protocol,
        source_port=(port, port),
        not_out="lo",
        source_is_local=True,
    )


def _forwarded(work: Work) -> Sketch:
    return Sketch(
        family=work.ruleset.family, protocol=work.protocol, not_in="lo", not_out="lo", destination_is_local=False
    )


def opening(work: Work) -> Sketch:
    """The first packet of a connection to the service."""
    return (
        bare_syn(incoming(work)._replace(state="NEW"))
        if work.service.protocol == "tcp"
        else in_state(incoming(work), "NEW")
    )


def icmp_error(work: Work, *, inward: bool) -> Sketch:
    """ICMP errors to the service's side (inward), or to its clients; behind a router, those that it forwards."""
    protocol = PROTOCOLS["icmp" if work.ruleset.family == 4 else "icmpv6"]
    if work.behind:
        to = work.server if inward else None
        return _forwarded(work)._replace(protocol=protocol, destination=to)
    if inward:
        return Sketch(family=work.ruleset.family, protocol=protocol, not_in="lo", destination_is_local=True)
    return Sketch(family=work.ruleset.family, protocol=protocol, not_out="lo", source_is_local=True)


def own_error(work: Work, *, inward: bool) -> Sketch:
    """ICMP errors that a router sends itself about a flow that it forwards."""
    forwarded = icmp_error(work, inward=inward)
    return forwarded._replace(not_in=None, destination_is_local=None, source_is_local=True)


def in_state(sketch: Sketch, state: str) -> Sketch:
    """The same packets in a state."""
    return sketch._replace(state=state)


def bare_syn(sketch: Sketch) -> Sketch:
    """Those of the packets that open a TCP connection."""
    return sketch._replace(flags_set=frozenset({"SYN"}), flags_clear=frozenset({"FIN", "RST", "ACK"}))


def protocol_tcp() -> Condition:
    """The protocol, as a condition."""
    return Condition(("-p", "tcp"), "-p")


def flags_are(flags: Flags) -> Condition:
    """The flags, as a condition."""
    return Condition(("-m", "tcp", "--tcp-flags", flags.mask, flags.set), "tcp --tcp-flags", protocol=True)


def state_is(work: Work, state: str) -> Condition:
    """The state match of the dialect."""
    return Condition((*work.dialect.state, state), f"-m {work.dialect.state[1]}")


def service_conditions(work: Work, hook: str, *, inward: bool) -> tuple[Condition, ...]:
    """The conditions of the raw rules, and of the diversions of what they untrack, of requests (inward) or replies."""
    protocol, port = work.service.protocol, str(work.service.port)
    option = "--dport" if inward else "--sport"
    ports = Condition(("-m", protocol, option, port), f"{protocol} {option}", protocol=True)
    named = (Condition(("-p", protocol), "-p"), ports)
    if work.behind:
        loopback = (Condition(("!", "-i", "lo"), "-i"),) if hook == "PREROUTING" else ()
        return (_at_server(work, "-d" if inward else "-s"), *loopback, *named, *own_conditions(work, hook))
    interface = Condition(("!", "-i", "lo"), "-i") if inward else Condition(("!", "-o", "lo"), "-o")
    return (interface, *named, *own_conditions(work, hook))


def reset_conditions(work: Work, hook: str, *, inward: bool) -> tuple[Condition, ...]:
    """The conditions of resets that REJECT sends in the service's name, or to a server behind (inward)."""
    if not work.behind:
        return service_conditions(work, hook, inward=inward)
    elsewhere = Condition(("-m", "addrtype", "!", "--dst-type", "LOCAL"), "-m addrtype")
    return (*service_conditions(work, "FORWARD", inward=inward), elsewhere)


def _at_server(work: Work, option: str) -> Condition:
    length = 32 if work.ruleset.family == 4 else 128
    return Condition((option, f"{work.endpoint.address}/{length}"), option)


def error_conditions(work: Work, hook: str, *, inward: bool) -> Iterator[tuple[str, tuple[Condition, ...]]]:
    """ICMP errors that quote a packet of the service's flow: sent by it (inward), or to it in those for its clients.

    In words, and as conditions: one rule where u32 reads the type too, else one for each type.
    """
    name, match, option = _ICMP[work.ruleset.family]
    packets = (
        *_on_the_way(work, hook, inward=inward), Condition(("-p", name), "-p"), *_here(work, hook, inward=inward),
    )  # fmt: skip
    towards = "" if not work.behind else " to the server" if inward else " to its clients"
    if work.dialect.has_u32:
        quotes = Condition(("-m", "u32", "--u32", _quotes(work, inward=inward)), "-m u32")
        yield f"ICMP errors{towards}", (*packets, quotes)
        return
    for kind in ICMP_ERRORS[work.ruleset.family]:
        of_type = Condition(("-m", match, option, kind), f"-m {match}", protocol=True)
        yield f"ICMP errors of type {kind}{towards}", (*packets, of_type)


def _on_the_way(work: Work, hook: str, *, inward: bool) -> Iterator[Condition]:
    """Where ICMP errors come from or go to."""
    if work.behind and inward:
        yield _at_server(work, "-d")
    if hook in WITHOUT_INPUT:
        yield Condition(("!", "-o", "lo"), "-o")
    elif not work.behind or hook == "PREROUTING":
        yield Condition(("!", "-i", "lo"), "-i")


def own_conditions(work: Work, hook: str) -> tuple[Condition, ...]:
    """Only packets to or from an address of this machine: forwarded packets pass some chains too, broadcasts others.

    Behind a router only those that it forwards: its own connections to the server stay tracked.
    """
    option = {"PREROUTING": "--dst-type", "INPUT": "--dst-type", "POSTROUTING": "--src-type"}.get(hook)
    if option is None or not work.dialect.has_addrtype:
        return ()
    negation = ("!",) if work.behind else ()
    return (Condition(("-m", "addrtype", *negation, option, "LOCAL"), "-m addrtype"),)


def _here(work: Work, hook: str, *, inward: bool) -> tuple[Condition, ...]:
    """The same for ICMP errors; those about a flow that is forwarded may be the machine's own, or go to its clients."""
    if not work.behind or (hook == "PREROUTING" and inward):
        return own_conditions(work, hook)
    if hook != "PREROUTING":
        return ()
    if work.ruleset.family == 6:  # match_type6 of net/netfilter/xt_addrtype.c takes MULTICAST beside others for both
        elsewhere = Condition(("-m", "addrtype", "!", "--dst-type", "LOCAL,ANYCAST"), "-m addrtype")
        return (Condition(("!", "-d", "ff00::/8"), "-d"), elsewhere)
    return (Condition(("-m", "addrtype", "!", "--dst-type", "LOCAL,BROADCAST,MULTICAST,ANYCAST"), "-m addrtype"),)


def _quotes(work: Work, *, inward: bool) -> str:
    """u32 expression: an ICMP error that quotes a packet from (inward) or to the service's port."""
    protocol, port = work.protocol, work.service.port
    if work.ruleset.family == 4:
        ports = "8>>16&0xFFFF" if inward else "8&0xFFFF"
        return f"0>>22&0x3C@0>>24=3,11,12&&0>>22&0x3C@14&0xFF={protocol}&&0>>22&0x3C@8>>22&0x3C@{ports}={port}"
    ports = "88>>16&0xFFFF" if inward else "88&0xFFFF"
    return f"40>>24=1:4&&51&0xFF={protocol}&&{ports}={port}"
