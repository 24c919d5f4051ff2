"""The packets of one service, course by course. Knows no statement and no rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ruleset_lint.netfilter.modules import helper_for
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets import opened, parts
from ruleset_lint.packets.endpoints import Endpoint, at, away, is_behind, towards
from ruleset_lint.packets.formula import Formula, Interface, Not, Opaque
from ruleset_lint.packets.space import PacketSet
from ruleset_lint.packets.statements import Case

_FROM_ELSEWHERE, _TO_ELSEWHERE = Not(Interface(ask.IN, "lo")), Not(Interface(ask.OUT, "lo"))


@dataclass(frozen=True, eq=False, slots=True)
class Service:
    """A service in a comparison; `opened` are the first packets of connections with it that passed before."""

    case: Case
    end: Endpoint
    opened: PacketSet
    unhelped: PacketSet

    @property
    def behind(self) -> bool:
        """Whether another machine serves."""
        return is_behind(self.end, self.case.role)

    @property
    def inward(self) -> str:
        """The course of packets to it."""
        return "forwarded" if self.behind else "incoming"

    @property
    def outward(self) -> str:
        """The course of packets from it."""
        return "forwarded" if self.behind else "outgoing"

    def into(self, course: str, *formulas: Formula) -> PacketSet:
        """Packets of a course to it."""
        if course == "outgoing":
            return self.case.space.none
        return self.case.among(course, towards(self.end, self.case.space.family, self.case.role), *formulas)

    def out_of(self, course: str, *formulas: Formula) -> PacketSet:
        """Packets of a course from it."""
        if self.behind is (course == "outgoing"):
            return self.case.space.none
        return self.case.among(course, away(self.end, self.case.space.family, self.case.role), *formulas)

    def to(self, *formulas: Formula) -> PacketSet:
        """Packets to it, of connections that are not translated and have no helper."""
        return self.case.space.both(self.into(self.inward, parts.NOT_TRANSLATED, *formulas), self.unhelped)

    def of(self, *formulas: Formula) -> PacketSet:
        """Packets from it, of connections that are not translated and have no helper."""
        return self.case.space.both(self.out_of(self.outward, parts.NOT_TRANSLATED, *formulas), self.unhelped)

    def first(self) -> PacketSet:
        """First packets of connections with it."""
        return self.to(parts.NEW, parts.opens(self.end))

    def asks_for_interfaces(self) -> bool:
        """Whether it depends on interfaces which of its connections may begin."""
        space, among = self.case.space, self.first()
        ways = [number for side in (ask.IN, ask.OUT) for number in space.known().get(side, ())]
        return space.both(space.freed(self.opened, ways), among) != self.opened

    def untracked(self, course: str) -> PacketSet:
        """The packets of a course that are untracked afterwards, or refused, whatever they are."""
        after = self.case.fates[course][1]
        return self.case.space.either(after.untracked, after.refused(self.case.space))

    def mirrored(self, packets: PacketSet) -> PacketSet:
        """All packets that go the other way in the connection of one of these."""
        return opened.mirrored(self.case.space, packets, forwarded=self.behind)

    def ways_of_errors(self) -> Iterator[tuple[bool, str]]:
        """Whether ICMP errors about it go to its side, and by which course."""
        if self.behind:
            yield from ((True, "forwarded"), (False, "forwarded"), (True, "outgoing"), (False, "outgoing"))
        else:
            yield from ((True, "incoming"), (False, "outgoing"))

    def errors(self, course: str, *, inward: bool, ignored: bool = False) -> PacketSet:
        """ICMP errors that quote a packet with its port; whose address that packet had, no field tells."""
        family = self.case.space.family
        place: list[Formula] = [_TO_ELSEWHERE if course == "outgoing" else _FROM_ELSEWHERE]
        if inward:
            place += at(ask.DESTINATION[family], self.end)
        kinds = parts.errors(self.end, family, inward=inward, ignored=ignored)
        return self.case.space.both(self.case.among(course, kinds, *place), self.unhelped)

    def own(self, course: str, *formulas: Formula) -> PacketSet:
        """All packets of a course from it and to it."""
        return self.case.space.either(self.into(course, *formulas), self.out_of(course, *formulas))


def service_of(case: Case, end: Endpoint) -> Service:
    """The service, with what opens connections."""
    service = Service(case, end, case.space.none, _unhelped(case, end))
    passing = case.fates[service.inward][0].passing(case.space)
    return replace(service, opened=case.space.both(service.first(), passing))


def _unhelped(case: Case, end: Endpoint) -> PacketSet:
    """Packets of connections that have no helper: nothing assigns one, and the port is none of those that get one."""
    space = case.space
    if case.helps or helper_for(end.service):
        return space.all
    asked = [key for key in space.known() if isinstance(key, Opaque) and key.text.startswith("-m helper")]
    return space.contrary(space.any_of([space.of(key) for key in asked]))
