"""What two rulesets owe to connections if services leave connection tracking, as statements about packets.

    statements(case, services) -> Iterator[Statement]

A history reaches a ruleset only through the state of a packet. So a few statements over headers stand for all of them:
for each part that a packet can have in a connection with a service there are the states that it has before and after.
Before, connection tracking gives it one; after, the packet is untracked, and errors about it are INVALID (measured with
iptables 1.8.9, kernel 6.18). Knows no rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ruleset_lint.packets import parts
from ruleset_lint.packets.endpoints import Endpoint, away
from ruleset_lint.packets.fate import VERDICT
from ruleset_lint.packets.formula import ALWAYS, All, Not, Some
from ruleset_lint.packets.opened import lasting, mirrored, quoted_by_errors
from ruleset_lint.packets.others import others
from ruleset_lint.packets.served import Service, service_of
from ruleset_lint.packets.space import PacketSet
from ruleset_lint.packets.statements import About, Case, Statement

REJECTED = "REJECT tcp-reset"


def statements(case: Case, services: Sequence[Endpoint]) -> Iterator[Statement]:
    """All statements, each looked at when it is asked for. Raises NotDecidedError."""
    for end in services:
        service = service_of(case, end)
        yield from _genuine(service)
        yield from _errors(service)
        yield from _resets(service)
        yield from _strays(service)
        yield from _own(service)
        yield from _tracked(service)
    yield from others(case, services)


def _genuine(service: Service) -> Iterator[Statement]:
    """E1: first packets, later ones, replies."""
    case, end, space = service.case, service.end, service.case.space
    for course in filter(case.fates.__contains__, dict.fromkeys((service.inward, "forwarded"))):
        opening = service.into(course, parts.NEW, parts.opens(end), parts.NOT_TRANSLATED)
        yield case.same(About("E1", f"first packet of a connection to {end}", course, opening))
    going_on = service.to(parts.ESTABLISHED, parts.ORIGINAL, parts.goes_on(end))
    later = space.both(space.both(going_on, lasting(space, service.opened)), service.untracked(service.inward))
    yield case.same(About("E1", f"later packet of a connection to {end}", service.inward, later))
    replies = space.both(_replies(service), service.untracked(service.outward))
    yield case.same(About("E1", f"reply of {end}", service.outward, replies))


def _replies(service: Service) -> PacketSet:
    """Replies in connections that were let begin; if the request was untracked before, they have other states."""
    case, end, space = service.case, service.end, service.case.space
    before = case.fates[service.inward][0].untracked
    usual = service.of(parts.ESTABLISHED, parts.REPLY, parts.answers(end))
    found = space.both(usual, service.mirrored(space.without(service.opened, before)))
    odd = service.of(parts.answers_untracked(end))
    return space.either(found, space.both(odd, service.mirrored(space.both(service.opened, before))))


def _errors(service: Service) -> Iterator[Statement]:
    """E1: ICMP errors about packets of the service's connections; E3: those that are about none."""
    case, end, space = service.case, service.end, service.case.space
    for inward, course in service.ways_of_errors():
        begun = _asked(service) if course == "outgoing" else service.opened
        told = quoted_by_errors(space, space.both(begun, service.untracked(service.inward)), inward=inward)
        role = "ICMP error about a packet " + (f"that {end} sent" if inward else f"sent to {end}")
        for ignored in (False, True):
            kinds = service.errors(course, inward=inward, ignored=ignored)
            among = space.both(space.both(kinds, told), space.of(All((parts.RELATED, parts.NOT_TRANSLATED))))
            words = f"{role}, of a type that nobody heeds" if ignored else role
            yield case.same(About("E1", words, course, among, inherent=ignored, state="INVALID"))
        kinds = service.errors(course, inward=inward)
        among = space.both(kinds, space.of(parts.INVALID))
        about = About("E3", f"{role}, but about no connection", course, among)
        yield case.no_more(about, space.none, unless="RELATED")


def _asked(service: Service) -> PacketSet:
    """First packets that are let pass or rejected: the others nobody answers."""
    space = service.case.space
    dropped = service.case.fates[service.inward][0].verdicts.get("DROP", space.none)
    return space.without(service.first(), dropped)


def _resets(service: Service) -> Iterator[Statement]:
    """E1: resets that REJECT answers to packets of the service, RELATED before and INVALID after."""
    case, space = service.case, service.case.space
    rejected = space.both(service.to(), case.fates[service.inward][0].verdicts.get(REJECTED, space.none))
    if space.is_empty(rejected):
        return
    source = away(service.end, space.family, case.role)
    made = case.among("outgoing", source, parts.resets(), parts.RELATED, parts.ORIGINAL, parts.NOT_TRANSLATED)
    made = space.both(made, mirrored(space, rejected, forwarded=False))
    first, second = case.attached(made)
    about = About("E1", f"reset that REJECT sends for {service.end}", "outgoing", made, state="INVALID")
    yield case.same(about, (first, second.mapped(case.given("INVALID"))))


def _strays(service: Service) -> Iterator[Statement]:
    """E3: what belongs to no connection gets no further than one could."""
    case, end, space = service.case, service.end, service.case.space
    stray = Some((parts.INVALID, All((parts.NEW, Not(parts.opens(end))))))
    inside, opened = service.to(stray), lasting(space, service.opened)
    role = f"packet to {end} that belongs to no connection"
    yield case.no_more(About("E3", role, service.inward, inside), opened)
    noted = space.both(inside, opened)
    yield case.no_more(About("E3", f"{role}, but could", service.inward, noted, inherent=True), space.none)
    stray = Some((parts.INVALID, All((parts.NEW, Not(parts.opens(end)) if end.is_tcp else ALWAYS))))
    outside, mirror = service.of(stray), service.mirrored(service.opened)
    passing = case.given("ESTABLISHED", reply=1)(case.fates[service.outward][0].passing(space))
    alike = space.both(passing, space.of(parts.acknowledges(end))) if end.is_tcp else space.none
    role = f"packet from {end} that belongs to no connection"
    yield case.no_more(About("E3", role, service.outward, space.without(outside, alike)), mirror)
    noted = space.both(outside, space.either(alike, mirror))
    yield case.no_more(About("E3", f"{role}, but could", service.outward, noted, inherent=True), space.none)


def _own(service: Service) -> Iterator[Statement]:
    """E1: connections that are opened from the service's own port; who began them nobody can tell afterwards."""
    case, end, space = service.case, service.end, service.case.space
    role = f"first packet of a connection that is opened from {end}"
    opening = service.of(parts.NEW, parts.opens(end))
    found = case.same(About("E1", role, service.outward, opening, inherent=not end.is_tcp))
    yield found.only(VERDICT)
    yield found.but(VERDICT)
    passing = space.both(opening, case.fates[service.outward][0].passing(space))
    role = f"answer to a connection that is opened from {end}"
    answers = service.to(parts.ESTABLISHED, parts.REPLY, parts.answers(end))
    answers = space.both(answers, service.mirrored(passing))
    yield case.same(About("E1", role, service.inward, answers, inherent=True))


def _tracked(service: Service) -> Iterator[Statement]:
    """E4: no packet of the service is tracked."""
    case, end = service.case, service.end
    yield case.untracked(About("E4", f"packet to {end}", service.inward, service.to()))
    yield case.untracked(About("E4", f"packet from {end}", service.outward, service.of()))
