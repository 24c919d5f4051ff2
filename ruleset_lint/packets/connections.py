"""What two rulesets owe to connections if services leave connection tracking, as statements about packets.

    statements(case, services) -> Iterator[Statement]
    supposed(case, services)                            what they take for granted, in words

A history reaches a ruleset only through the state of a packet. So a few statements over headers stand for all of them:
for each part that a packet can have in a connection with a service there are the states that it has before and after.
Before, connection tracking gives it one; after, the packet is untracked, and errors about it are INVALID (measured with
iptables 1.8.9, kernel 6.18). Knows no rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ruleset_lint.packets import formula as ask
from ruleset_lint.packets import parts
from ruleset_lint.packets.effect import Translate
from ruleset_lint.packets.endpoints import Endpoint, away, towards
from ruleset_lint.packets.fate import VERDICT
from ruleset_lint.packets.formula import ALWAYS, All, Formula, Not, Some, of_type
from ruleset_lint.packets.opened import lasting, mirrored, quoted_by_errors
from ruleset_lint.packets.others import others
from ruleset_lint.packets.served import Service, service_of
from ruleset_lint.packets.space import PacketSet
from ruleset_lint.packets.statements import About, Case, Statement

REJECTED = "REJECT tcp-reset"
_HELPER = "CT --helper"
_TO_ONE = Not(Some(tuple(of_type(ask.DESTINATION_TYPE, name) for name in ("BROADCAST", "MULTICAST", "ANYCAST"))))
"""No group is told of an error (RFC 1122, 3.2.2; RFC 4443, 2.4)."""
_OWN = All((_TO_ONE, of_type(ask.SOURCE_TYPE, "LOCAL")))
"""What this machine says itself it says from an address of its own (icmp_send of net/ipv4/icmp.c, RFC 4443, 2.2)."""

_OF_ANOTHER = "another machine's address, and not reached by lo"
_REPLIES_BY_THE_SAME = "replies of servers behind the machine come by the interface by which the requests left"
_LATER_BY_THE_SAME = "later packets of a connection come by the interface by which its first one came"


def statements(case: Case, services: Sequence[Endpoint]) -> Iterator[Statement]:
    """All statements, each looked at when it is asked for. Raises NotDecidedError."""
    known = [service_of(case, end) for end in services]
    for service in known:
        likely = case.space.any_of([_that_could(one) for one in known if one is not service])
        yield from _genuine(service)
        yield from _errors(service)
        yield from _resets(service)
        yield from _strays(service, likely)
        yield from _own(service)
        yield from _to_groups(service)
        yield from _tracked(service)
    yield from others(case, services)


def supposed(case: Case, services: Sequence[Endpoint]) -> Iterator[str]:
    """What is taken for granted of the services' addresses and ways."""
    known = [service_of(case, end) for end in services]
    behind = dict.fromkeys(str(service.end.address) for service in known if service.behind)
    if behind:
        yield f"{', '.join(behind)}: {_OF_ANOTHER}"
        yield _REPLIES_BY_THE_SAME
    if any(service.asks_for_interfaces() for service in known):
        yield _LATER_BY_THE_SAME


def _genuine(service: Service) -> Iterator[Statement]:
    """E1: first packets, later ones, replies."""
    case, end, space = service.case, service.end, service.case.space
    for course in filter(case.fates.__contains__, dict.fromkeys((service.inward, "forwarded"))):
        opening = service.into(course, parts.NEW, parts.opens(end), parts.NOT_TRANSLATED)
        yield case.same(About("E1", f"first packet of a connection to {end}", course, opening))
    going_on = service.to(parts.ESTABLISHED, parts.ORIGINAL, parts.goes_on(end))
    later = space.both(space.both(going_on, lasting(space, service.opened)), service.untracked(service.inward))
    yield _no_first(case.same(About("E1", f"later packet of a connection to {end}", service.inward, later)))
    replies = space.both(_replies(service), service.untracked(service.outward))
    yield _no_first(case.same(About("E1", f"reply of {end}", service.outward, replies)))


def _no_first(statement: Statement) -> Statement:
    """The same of packets that begin nothing: a connection gets its helper with its first (init_conntrack)."""
    return statement._replace(apart=tuple(one for one in statement.apart if not one[0].startswith(_HELPER)))


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
            kinds = space.both(kinds, space.of(_OWN if course == "outgoing" else _TO_ONE))
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
    end, family, role = service.end, service.case.space.family, service.case.role
    yield from _reset(service, service.inward, service.to(), away(end, family, role), f"for {end}")
    if service.behind:
        yield from _reset(service, service.outward, _replies(service), towards(end, family, role), f"to {end}")


def _reset(service: Service, course: str, packets: PacketSet, sent: Formula, words: str) -> Iterator[Statement]:
    """The same of resets that are sent so, in answer to some packets of a course."""
    case, space = service.case, service.case.space
    rejected = space.both(packets, case.fates[course][0].verdicts.get(REJECTED, space.none))
    if space.is_empty(rejected):
        return
    made = case.among("outgoing", sent, parts.resets(), parts.RELATED, parts.ORIGINAL, parts.NOT_TRANSLATED)
    made = space.both(made, mirrored(space, rejected, forwarded=False))
    about = About("E1", f"reset that REJECT sends {words}", "outgoing", made, state="INVALID")
    yield case.same(about, case.attached(case.in_any_state(made)))


def _that_could(service: Service) -> PacketSet:
    """Strays that get as far as connections do: those to the service that could be of one, and those from it."""
    space = service.case.space
    inside = space.both(_strays_to(service), lasting(space, service.opened))
    outside = space.both(_strays_from(service), space.either(_alike(service), service.mirrored(service.opened)))
    return space.either(inside, outside)


def _strays_to(service: Service) -> PacketSet:
    return service.to(Some((parts.INVALID, All((parts.NEW, Not(parts.opens(service.end)))))))


def _strays_from(service: Service) -> PacketSet:
    opening = Not(parts.opens(service.end)) if service.end.is_tcp else ALWAYS
    return service.of(Some((parts.INVALID, All((parts.NEW, opening)))))


def _alike(service: Service) -> PacketSet:
    """Strays from the service that look like replies, or first packets, where those were let go."""
    case, end, space = service.case, service.end, service.case.space
    if not end.is_tcp:
        return space.none
    passing = case.fates[service.outward][0].passing(space)
    replies = space.both(case.given("ESTABLISHED", reply=1)(passing), space.of(parts.acknowledges(end)))
    first = space.both(case.given("NEW")(passing), space.of(parts.opens(end)))
    return space.both(_strays_from(service), space.either(replies, first))


def _strays(service: Service, likely: PacketSet) -> Iterator[Statement]:
    """E3: what belongs to no connection gets no further than one could, of this service or of another (`likely`)."""
    case, end, space = service.case, service.end, service.case.space
    inside, opened = _strays_to(service), lasting(space, service.opened)
    role = f"packet to {end} that belongs to no connection"
    yield case.no_more(About("E3", role, service.inward, inside), space.either(opened, likely))
    noted = space.both(inside, opened)
    yield case.no_more(About("E3", f"{role}, but could", service.inward, noted, inherent=True), space.none)
    outside, alike, mirror = _strays_from(service), _alike(service), service.mirrored(service.opened)
    role = f"packet from {end} that belongs to no connection"
    allowed = space.either(mirror, likely)
    yield case.no_more(About("E3", role, service.outward, space.without(outside, alike)), allowed)
    noted = space.both(outside, space.either(alike, mirror))
    yield case.no_more(About("E3", f"{role}, but could", service.outward, noted, inherent=True), space.none)


def _own(service: Service) -> Iterator[Statement]:
    """E1: connections that are opened from the service's own port; who began them nobody can tell afterwards."""
    case, end, space = service.case, service.end, service.case.space
    role = f"first packet of a connection that is opened from {end}"
    opening = service.of(parts.NEW, parts.opens(end))
    passing = space.both(opening, case.fates[service.outward][0].passing(space))
    translated = space.both(passing, _translated(service))
    found = case.same(About("E1", role, service.outward, space.without(opening, translated), inherent=not end.is_tcp))
    yield found.only(VERDICT)
    yield found.but(VERDICT)
    yield case.same(About("E1", role, service.outward, translated, inherent=True))
    role = f"answer to a connection that is opened from {end}"
    answers = service.to(parts.ESTABLISHED, parts.REPLY, parts.answers(end))
    answers = space.both(answers, service.mirrored(passing))
    yield case.same(About("E1", role, service.inward, answers, inherent=True))


def _to_groups(service: Service) -> Iterator[Statement]:
    """E1, E3: what a server behind sends from its port to groups, as far as this machine listens to them."""
    if not service.behind:
        return
    case, end, role = service.case, service.end, f"packet from {service.end} to a group"
    if end.is_tcp:
        yield case.no_more(About("E3", role, "incoming", service.out_of("incoming")), case.space.none)
    else:
        yield case.same(About("E1", role, "incoming", service.out_of("incoming", parts.NEW, parts.NOT_TRANSLATED)))


def _translated(service: Service) -> PacketSet:
    """Packets that had other addresses afterwards, as untracked ones never have."""
    events = service.case.fates[service.outward][0].events.items()
    return service.case.space.any_of([packets for event, packets in events if isinstance(event, Translate)])


def _tracked(service: Service) -> Iterator[Statement]:
    """E4: no packet of the service is tracked."""
    case, end = service.case, service.end
    yield case.untracked(About("E4", f"packet to {end}", service.inward, service.to()))
    yield case.untracked(About("E4", f"packet from {end}", service.outward, service.of()))
