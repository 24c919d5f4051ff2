"""What it costs to do without connection tracking, as packets. Knows no rewrite: it compares two rulesets.

    exposure(before, after, *, deadline) -> Exposure

Before, a packet that belongs to no connection has the state that connection tracking gives such a packet; packets of a
connection have theirs only if its first one was let pass. Afterwards no rule sees a state.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.bounds import NotDecidedError
from ruleset_lint.packets.box_text import box_text
from ruleset_lint.packets.boxes import packets_of
from ruleset_lint.packets.course import COURSES
from ruleset_lint.packets.doing import steps_of
from ruleset_lint.packets.formula import Between, Formula, Interface, Packet, equal
from ruleset_lint.packets.lists import listed
from ruleset_lint.packets.meaning import Meanings
from ruleset_lint.packets.meaning_words import LOADED_BY_NFT
from ruleset_lint.packets.opened import lasting, mirrored
from ruleset_lint.packets.packet_text import packet_text
from ruleset_lint.packets.space import PacketSet, Space
from ruleset_lint.packets.summary import Reading, interface_patterns
from ruleset_lint.packets.walking import Folded, possible, walked
from ruleset_lint.packets.witness import witness
from ruleset_lint.rewrite.stateless import parts

MOST = 20
"""Entries of one list of one course."""
_OTHER_WAY = {"incoming": "outgoing", "outgoing": "incoming", "forwarded": "forwarded"}
_PLACES = {
    "incoming": ask.ALWAYS,
    "forwarded": ask.All(
        tuple(ask.Not(ask.of_type(side, "LOCAL")) for side in (ask.SOURCE_TYPE, ask.DESTINATION_TYPE))
    ),
    "outgoing": ask.ALWAYS,
}
"""Whose addresses packets have: none is translated."""
_UNSAID = (
    ask.STATE, ask.REPLY, ask.SNAT, ask.DNAT, ask.SOURCE_TYPE, ask.DESTINATION_TYPE, ask.TTL, ask.LENGTH, ask.MAC,
    ask.TOS, ask.PACKET_TYPE,
)  # fmt: skip


class Exposed(NamedTuple):
    """Packets of a course (incoming, forwarded, outgoing), as `query` says them, and one of them."""

    course: str
    packets: str
    example: str

    def __str__(self) -> str:
        """On one line. It may hold what a file says."""
        return f"{self.course}: {self.packets}: such as {self.example}"


@dataclass(frozen=True, slots=True)
class Exposure:
    """What the second ruleset accepts in addition, and what it refuses of connections that the first lets begin.

    `broken` must be empty, whatever exposure is accepted: packets that open a connection which the first refuses (of
    UDP those that can be no reply, or come in to a port below 1024), and packets of TCP connections with services that
    the first accepts. `complete`: the lists say all; `undecided`: why there are none.
    """

    opened: tuple[Exposed, ...] = ()
    lost: tuple[Exposed, ...] = ()
    broken: tuple[Exposed, ...] = ()
    complete: bool = True
    undecided: str = ""


class _Course(NamedTuple):
    """The packets that can begin a course, and those that get through before and after."""

    start: PacketSet
    before: PacketSet
    after: PacketSet


@dataclass(frozen=True, eq=False, slots=True)
class _Case:
    space: Space
    courses: Mapping[str, _Course]

    def of(self, *formulas: Formula) -> PacketSet:
        """The packets for which all formulas hold."""
        return self.space.of(ask.All(formulas))

    def begun(self, course: str) -> PacketSet:
        """The first packets of connections that are let begin."""
        family = self.space.family
        return self.space.both(self.courses[course].before, self.of(parts.opening(family), ask.in_state("NEW")))


class _Found(NamedTuple):
    opened: PacketSet
    lost: PacketSet
    broken: PacketSet


def exposure(before: Ruleset, after: Ruleset, *, deadline: float) -> Exposure:
    """Compare two rulesets of one family, the second without connection tracking; `deadline` as of time.monotonic.

    What counts or remembers packets is taken to answer both alike. Raises ValueError for rulesets of two families.
    """
    if before.family != after.family:
        raise ValueError("rulesets of one family expected")
    try:
        case = _case(before, after, deadline)
        return _listed(case, {course: _found(case, course) for course in case.courses}, deadline)
    except NotDecidedError as error:
        return Exposure(complete=False, undecided=str(error))


def _case(before: Ruleset, after: Ruleset, deadline: float) -> _Case:
    space = Space(before.family, interface_patterns(before) | interface_patterns(after) | {"lo"}, deadline=deadline)
    meanings = Meanings()
    reading = Reading(space, lambda rule: _alike(meanings.of(rule)), steps_of)
    folded = [Folded(reading, one) for one in (before, after)]
    return _Case(space, {course: _course(space, folded, course) for course in COURSES})


def _alike(formula: Formula) -> Formula:
    """The formula with what counts answered alike wherever it is asked."""
    match formula:
        case ask.Opaque(text, True):
            return ask.Opaque(text)
        case ask.Not(of):
            return ask.Not(_alike(of))
        case ask.All(of):
            return ask.All(tuple(map(_alike, of)))
        case ask.Some(of):
            return ask.Some(tuple(map(_alike, of)))
        case _:
            return formula


def _course(space: Space, folded: list[Folded], course: str) -> _Course:
    """Fragments come to no rule where connection tracking puts them together, and to INPUT of IPv4 neither."""
    steps = COURSES[course]
    pieces = course == "forwarded" or (course == "incoming" and space.family == 6)
    hops = Between(ask.TTL, 2, 255) if course == "forwarded" else ask.ALWAYS
    usual = space.of(ask.All((parts.plain(space.family), LOADED_BY_NFT, hops, _PLACES[course])))
    start = space.both(possible(space, steps, fragments=pieces), usual)
    first, second = (walked(one, steps, start).verdicts.get("ACCEPT", space.none) for one in folded)
    return _Course(start, space.both(first, space.of(equal(ask.FRAGMENT, 0))), second)


def _found(case: _Case, course: str) -> _Found:
    space, (start, before, after) = case.space, case.courses[course]
    strays = space.both(start, case.of(parts.stray(space.family)))
    opened = space.without(space.both(strays, after), before)
    lost = space.none
    reply = space.both(_answering(case, course), case.of(parts.UDP if course == "outgoing" else parts.UDP_TO_CLIENT))
    shut = space.without(case.of(parts.opening(space.family), equal(ask.FRAGMENT, 0)), reply)
    broken = space.both(opened, shut)
    for genuine, bound in _genuine(case, course):
        gone = space.without(space.both(genuine, before), after)
        lost = space.either(lost, gone)
        broken = space.either(broken, space.both(gone, case.of(bound)))
    return _Found(opened, lost, broken)


def _genuine(case: _Case, course: str) -> Iterator[tuple[PacketSet, Formula]]:
    """Packets of connections that were let begin, and which of them must not be lost."""
    space, family = case.space, case.space.family
    from_outside = course != "outgoing"
    kept = parts.TCP if from_outside else ask.NEVER
    yield space.both(case.courses[course].start, case.of(parts.opening(family), ask.in_state("NEW"))), kept
    going_on = case.of(parts.going_on(family), ask.in_state("ESTABLISHED"), equal(ask.REPLY, 0))
    yield space.both(going_on, _within(case, course, lasting(space, case.begun(course)))), kept
    answers = case.of(parts.answer(family), ask.in_state("ESTABLISHED"), equal(ask.REPLY, 1))
    begun = _answering(case, course)
    served: dict[str, Formula] = {"incoming": ask.NEVER, "outgoing": parts.TCP, "forwarded": parts.TCP_TO_CLIENT}
    yield space.both(answers, _within(case, course, begun)), served[course]
    yield space.both(case.courses[course].start, case.of(parts.error(family), ask.in_state("RELATED"))), ask.NEVER


def _answering(case: _Case, course: str) -> PacketSet:
    """All packets that go the other way in connections that were let begin; loopback is answered on loopback."""
    space, first = case.space, case.begun(_OTHER_WAY[course])
    if course == "forwarded":
        return mirrored(space, first, forwarded=True)
    here, there = (ask.IN, ask.OUT) if course == "incoming" else (ask.OUT, ask.IN)
    by_lo, from_lo = case.of(Interface(here, "lo")), case.of(Interface(there, "lo"))
    return space.choose(
        by_lo,
        mirrored(space, space.both(first, from_lo), forwarded=False),
        mirrored(space, space.without(first, from_lo), forwarded=False),
    )


def _within(case: _Case, course: str, packets: PacketSet) -> PacketSet:
    return case.space.both(case.courses[course].start, packets)


def _listed(case: _Case, found: Mapping[str, _Found], deadline: float) -> Exposure:
    """The sets as lists, each with its share of the time: what must not be first."""
    lists: dict[str, list[Exposed]] = {}
    complete = True
    wanted = [(name, course) for name in reversed(_Found._fields) for course in found]
    for left, (name, course) in zip(range(len(wanted), 0, -1), wanted, strict=True):
        until = time.monotonic() + (deadline - time.monotonic()) / (2 * left)
        packets = getattr(found[course], name)
        try:
            entries, whole = _entries(case, course, packets, until, flags=name != "lost")
        except NotDecidedError:
            entries, whole = [Exposed(course, "too many kinds to list", _example(case, packets))], False
        lists.setdefault(name, []).extend(entries)
        complete = complete and whole
    opened, lost, broken = (tuple(lists[name]) for name in _Found._fields)
    return Exposure(opened, lost, broken, complete)


def _entries(case: _Case, course: str, packets: PacketSet, until: float, *, flags: bool) -> tuple[list[Exposed], bool]:
    """The packets as a list, and whether it has them all; no more are looked for after some time.

    States are not said, since nobody sees them any more; without `flags`, a connection is told from others by the rest.
    """
    space = case.space
    if space.is_empty(packets):
        return [], True
    aside = (ask.STATE, ask.REPLY) if flags else (ask.STATE, ask.REPLY, ask.FLAGS)
    freed = [number for of in aside for number in space.known()[of]]
    told, care = space.freed(packets, freed), space.freed(case.courses[course].start, freed)
    if flags:
        usual = space.either(case.of(parts.usual(space.family)), told)
        care = space.both(care, usual)  # flags that nobody sends would be in the way of what is to be read
    made = listed(space, told, care=care, most=MOST, until=until)
    examples = ((box, witness(space, space.both(packets, packets_of(space, box)))) for box in made.boxes)
    entries = [Exposed(course, box_text(box, space.family), packet_text(_plain(one))) for box, one in examples if one]
    return entries, space.is_empty(made.rest)


def _example(case: _Case, packets: PacketSet) -> str:
    """One of the packets, if time and memory are left for one."""
    try:
        one = witness(case.space, packets)
    except NotDecidedError:
        return "some"
    return packet_text(_plain(one)) if one else "none"


def _plain(packet: Packet) -> Packet:
    values = {of: value for of, value in packet.values.items() if of not in _UNSAID}
    answers = {text: answer for text, answer in packet.answers.items() if text != LOADED_BY_NFT.text}
    return packet._replace(values=values, answers=answers)
