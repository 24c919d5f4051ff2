"""The packets of a service: sketches of them, and the conditions that single them out. Knows no chain.

Loopback stays tracked: its packets pass OUTPUT and PREROUTING with one entry, and untracking one way would lose them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.services import Service
from ruleset_lint.netfilter.values import PROTOCOLS
from ruleset_lint.packets.sketch import Sketch
from ruleset_lint.rewrite.program import Condition, Workshop

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
    service: Service
    dialect: Dialect

    @property
    def protocol(self) -> int:
        """Number of the service's protocol."""
        return PROTOCOLS[self.service.protocol]


def incoming(work: Work) -> Sketch:
    """Packets from outside to the service."""
    port = work.service.port
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
    return Sketch(
        family=work.ruleset.family,
        protocol=work.protocol,
        source_port=(port, port),
        not_out="lo",
        source_is_local=True,
    )


def opening(work: Work) -> Sketch:
    """The first packet of a connection to the service."""
    return (
        bare_syn(replace(incoming(work), state="NEW"))
        if work.service.protocol == "tcp"
        else in_state(incoming(work), "NEW")
    )


def icmp_error(work: Work, *, inward: bool) -> Sketch:
    """ICMP errors that come in, or go out."""
    protocol = PROTOCOLS["icmp" if work.ruleset.family == 4 else "icmpv6"]
    if inward:
        return Sketch(family=work.ruleset.family, protocol=protocol, not_in="lo", destination_is_local=True)
    return Sketch(family=work.ruleset.family, protocol=protocol, not_out="lo", source_is_local=True)


def in_state(sketch: Sketch, state: str) -> Sketch:
    """The same packets in a state."""
    return replace(sketch, state=state)


def bare_syn(sketch: Sketch) -> Sketch:
    """Those of the packets that open a TCP connection."""
    return replace(sketch, flags_set=frozenset({"SYN"}), flags_clear=frozenset({"FIN", "RST", "ACK"}))


def protocol_tcp() -> Condition:
    """The protocol, as a condition."""
    return Condition(("-p", "tcp"), "-p")


def flags_are(flags: Flags) -> Condition:
    """The flags, as a condition."""
    return Condition(("-m", "tcp", "--tcp-flags", flags.mask, flags.set), "tcp --tcp-flags", protocol=True)


def state_is(work: Work, state: str) -> Condition:
    """The state match of the dialect."""
    return Condition((*work.dialect.state, state), f"-m {work.dialect.state[1]}")


def service_conditions(work: Work, sketch: Sketch) -> tuple[Condition, ...]:
    """The conditions of the raw rules, and of the diversions of what they untrack."""
    protocol, port = work.service.protocol, str(work.service.port)
    inward = sketch.destination_port is not None
    interface = Condition(("!", "-i", "lo"), "-i") if inward else Condition(("!", "-o", "lo"), "-o")
    option = "--dport" if inward else "--sport"
    ports = Condition(("-m", protocol, option, port), f"{protocol} {option}", protocol=True)
    local = (Condition(("-m", "addrtype", "--dst-type", "LOCAL"), "-m addrtype"),)
    return (
        interface,
        Condition(("-p", protocol), "-p"),
        ports,
        *(local if inward and work.dialect.has_addrtype else ()),
    )


def error_conditions(work: Work, sketch: Sketch) -> Iterator[tuple[str, tuple[Condition, ...]]]:
    """ICMP errors that quote a packet of the service's flow: sent by it, or to it where they go out.

    In words, and as conditions: one rule where u32 reads the type too, else one for each type.
    """
    four = work.ruleset.family == 4
    inward = sketch.destination_is_local is not None
    interface = Condition(("!", "-i", "lo"), "-i") if inward else Condition(("!", "-o", "lo"), "-o")
    name, match, option = ("icmp", "icmp", "--icmp-type") if four else ("ipv6-icmp", "icmp6", "--icmpv6-type")
    packets = (interface, Condition(("-p", name), "-p"))
    if work.dialect.has_u32:
        yield "ICMP errors", (*packets, Condition(("-m", "u32", "--u32", _quotes(work, inward=inward)), "-m u32"))
        return
    for kind in ICMP_ERRORS[work.ruleset.family]:
        of_type = Condition(("-m", match, option, kind), f"-m {match}", protocol=True)
        yield f"ICMP errors of type {kind}", (*packets, of_type)


def own_conditions(work: Work, hook: str) -> tuple[Condition, ...]:
    """Only packets to or from an address of this machine: forwarded packets pass some chains too, broadcasts others."""
    option = {"PREROUTING": "--dst-type", "INPUT": "--dst-type", "POSTROUTING": "--src-type"}.get(hook)
    if option is None or not work.dialect.has_addrtype:
        return ()
    return (Condition(("-m", "addrtype", option, "LOCAL"), "-m addrtype"),)


def _quotes(work: Work, *, inward: bool) -> str:
    """u32 expression: an ICMP error that quotes a packet from (inward) or to the service's port."""
    protocol, port = work.protocol, work.service.port
    if work.ruleset.family == 4:
        ports = "8>>16&0xFFFF" if inward else "8&0xFFFF"
        return f"0>>22&0x3C@0>>24=3,11,12&&0>>22&0x3C@14&0xFF={protocol}&&0>>22&0x3C@8>>22&0x3C@{ports}={port}"
    ports = "88>>16&0xFFFF" if inward else "88&0xFFFF"
    return f"40>>24=1:4&&51&0xFF={protocol}&&{ports}={port}"
