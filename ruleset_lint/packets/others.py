"""The statement about all packets but those of the services (E2), and about connections that only look like theirs.

Translated connections have the service's port where it is not the service that is talked to: a connection to another
port that is redirected to this one, or a client whose port is kept by MASQUERADE. Knows no rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_address

from ruleset_lint.packets import formula as ask
from ruleset_lint.packets import parts
from ruleset_lint.packets.effect import Translate
from ruleset_lint.packets.endpoints import Endpoint, away, towards
from ruleset_lint.packets.formula import All, Formula, Not, Packet, Some, equal
from ruleset_lint.packets.served import Service
from ruleset_lint.packets.space import PacketSet, Space
from ruleset_lint.packets.statements import About, Case, Statement
from ruleset_lint.packets.translated_packet import translate

_PRIVILEGED = 1024  # MASQUERADE keeps these for clients that have them, and gives them to no others (nf_nat_core.c)
_SOURCE_PORTS = re.compile(r"(?:--to-ports? |--to-source \S*(?<=[\d\]]):)(\d+)(?:-(\d+))?")
_REDIRECTED = All((parts.REPLY, equal(ask.DNAT, 1)))
_MASQUERADED = All((parts.REPLY, equal(ask.SNAT, 1)))


def others(case: Case, services: Sequence[Endpoint]) -> Iterator[Statement]:
    """Both rulesets do the same with all other packets, in every state."""
    for course in case.starts:
        yield case.same(About("E2", "packet of no service", course, untouched(case, services, course)), tracking=True)
        for end in services:
            yield from _translated(Service(case, end, case.space.none, case.space.all), course)


def untouched(case: Case, services: Sequence[Endpoint], course: str) -> PacketSet:
    """The packets of a course that have nothing to do with the services."""
    space = case.space
    touched = [_touched(Service(case, end, space.none, space.all), course) for end in services]
    return space.without(case.starts[course], space.any_of(touched))


def _touched(service: Service, course: str) -> PacketSet:
    """The packets of a service, errors about it that are INVALID, and what has its port by translation."""
    case, space = service.case, service.case.space
    invalid = space.of(parts.INVALID)
    errors = [
        space.both(service.errors(course, inward=inward, ignored=ignored), invalid)
        for inward, where in service.ways_of_errors() if where == course for ignored in (False, True)
    ]  # fmt: skip
    resets = (
        case.among(course, _sent_by_reject(service), parts.resets(), parts.INVALID)
        if course == "outgoing"
        else space.none
    )
    return space.any_of([service.own(course), service.own(course, Not(parts.NOT_TRANSLATED)), *errors, resets])


def _sent_by_reject(service: Service) -> Formula:
    """What it may answer in the service's name, and to a server behind in the name of its clients."""
    family, role = service.case.space.family, service.case.role
    ends = (away(service.end, family, role), *([towards(service.end, family, role)] if service.behind else []))
    return Some(ends)


def _translated(service: Service, course: str) -> Iterator[Statement]:
    """E1: replies that are untracked now though their connection is translated."""
    case, end = service.case, service.end
    if _may_translate(case, end, source=False):
        role = f"reply in a connection that is translated to {end}"
        yield case.same(About("E1", role, course, service.out_of(course, _REDIRECTED)))
    if _may_translate(case, end, source=True):
        named = _may_translate(case, end, source=True, named=True)
        inherent = end.is_tcp and end.service.port < _PRIVILEGED and not named
        role = f"reply to a client that has the port of {end} by translation"
        yield case.same(About("E1", role, course, service.into(course, _MASQUERADED), inherent=inherent))


def _may_translate(case: Case, end: Endpoint, *, source: bool, named: bool = False) -> bool:
    """Whether a rule that was there before may give connections the service's port; `named`: one that names it."""
    return any(
        isinstance(event, Translate)
        and event.source == source
        and (_gives_source(end, event, named=named) if source else _gives(case, end, event, packets))
        for before, _ in case.fates.values() for event, packets in before.events.items()
    )  # fmt: skip


def _gives_source(end: Endpoint, event: Translate, *, named: bool) -> bool:
    """Whether a source may become the service's port: it is among those that a target names, or none is named."""
    found = _SOURCE_PORTS.search(event.text)
    if found is None:
        return not named
    return int(found[1]) <= end.service.port <= int(found[2] or found[1])


def _gives(case: Case, end: Endpoint, event: Translate, packets: PacketSet) -> bool:
    """Whether a destination may become the service's port, from another one or from another address."""
    space = case.space
    given, address = _given(space, end, event)
    if address in case.behind if end.address is None else address not in {None, int(ip_address(end.address))}:
        return False
    keeps = "--to-port" not in event.text and ":" not in event.text.rpartition("]")[2]
    asked = [equal(ask.PROTOCOL, end.protocol), *([equal(ask.DESTINATION_PORT, end.service.port)] if keeps else [])]
    return given == end.service.port and not space.is_empty(space.both(packets, space.of(All(tuple(asked)))))


def _given(space: Space, end: Endpoint, event: Translate) -> tuple[int, int | None]:
    """The port and the address that a packet to the service's port gets; None if that depends on its own address."""
    of = ask.DESTINATION[space.family]
    port = {ask.PROTOCOL: end.protocol, ask.DESTINATION_PORT: end.service.port}
    ends = (0, (1 << of.bits) - 1)
    first, last = (translate(event, Packet(space.family, {**port, of: one}), "PREROUTING").known for one in ends)
    address = first.get(of) if first.get(of) == last.get(of) else None
    return first.get(ask.DESTINATION_PORT, end.service.port), address
