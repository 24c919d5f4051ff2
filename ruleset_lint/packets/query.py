"""What a ruleset does with the packets that somebody asks about: lists of packets, by verdict. Knows no output.

query(ruleset, question, course=None, *, backend="nft", deadline=None, most=…) -> Answer
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import NamedTuple

from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.boxes import Box, Condition, product, values_of
from ruleset_lint.packets.course import COURSES
from ruleset_lint.packets.doing import steps_of
from ruleset_lint.packets.effect import Translate
from ruleset_lint.packets.formula import ALWAYS, Between, Field, Formula, equal
from ruleset_lint.packets.lists import listed
from ruleset_lint.packets.meaning import Meanings
from ruleset_lint.packets.meaning_words import LOADED_BY_NFT
from ruleset_lint.packets.question_text import Question
from ruleset_lint.packets.space import Afterwards, PacketSet, Space
from ruleset_lint.packets.summary import Reading, interface_patterns
from ruleset_lint.packets.walking import Folded, Walked, possible, walked

MOST = 50
"""Boxes of one verdict."""

_DNAT = re.compile(
    r"DNAT --to-destination (?P<low>[0-9.]+|[0-9a-f:]+|\[[0-9a-f:]+)(?:-(?P<high>[0-9a-f:.]+))?\]?"
    r"(?::(?P<port>[0-9]+))?"
)
_REDIRECT = re.compile(r"REDIRECT(?: --to-ports (?P<port>[0-9]+))?")


class NothingAskedError(ValueError):
    """No packet of the course is as the question has it."""


class Group(NamedTuple):
    """The packets with one verdict, as boxes among those that were asked about; one box without conditions is all.

    `complete`: the list says all of them.
    """

    verdict: str
    boxes: tuple[Box, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of the packets: ACCEPT first, if some get through, then what else becomes of them, by name.

    `translated` are the targets of nat that some of them meet.
    """

    question: Question
    course: str
    groups: tuple[Group, ...]
    translated: tuple[str, ...] = ()


def query(
    ruleset: Ruleset,
    question: Question,
    course: str | None = None,
    *,
    backend: str = "nft",
    deadline: float | None = None,
    most: int = MOST,
) -> Answer:
    """Ask a ruleset that loads; `deadline` is a time of `time.monotonic`, `most` the boxes of one list.

    Raises NothingAskedError, and NotDecidedError for what takes too long or too much memory.
    """
    chosen = course or question.course
    space = Space(ruleset.family, interface_patterns(ruleset) | question.patterns, deadline=deadline)
    steps = COURSES[chosen]
    start = product(space, (possible(space, steps), space.of(question.formula), space.of(_with_hops_left(chosen))))
    if space.is_empty(start):
        raise NothingAskedError(f"no packet is so that is {chosen}")
    found = walked(Folded(Reading(space, Meanings().of, steps_of), ruleset), steps, start)
    care = _known(space, start, found, backend)
    seconds = None if deadline is None else (deadline - time.monotonic()) / (2 * len(found.verdicts))
    lists = (
        _group(space, verdict, packets, care, most=most, seconds=seconds) for verdict, packets in found.verdicts.items()
    )
    ordered = sorted((one for one in lists if one.boxes), key=lambda one: (one.verdict != "ACCEPT", one.verdict))
    translated = sorted(event.text for event in found.events if isinstance(event, Translate))
    return Answer(question, chosen, tuple(ordered), tuple(translated))


def _with_hops_left(course: str) -> Formula:
    """A router answers the others itself, whatever the rules say (ip_forward)."""
    return Between(ask.TTL, 2, 255) if course == "forwarded" else ALWAYS


def _group(
    space: Space, verdict: str, packets: PacketSet, care: PacketSet, *, most: int, seconds: float | None
) -> Group:
    """The list of a verdict, cut after some seconds: half of its share of the time, for a box may take long."""
    until = None if seconds is None else time.monotonic() + seconds
    found = listed(space, packets, care=care, most=most, until=until)
    return Group(verdict, found.boxes, space.is_empty(found.rest))


def _known(space: Space, start: PacketSet, found: Walked, backend: str) -> PacketSet:
    """The packets that were asked about, with what is known of the backend and of translated ones."""
    loaded = space.of(LOADED_BY_NFT)
    care = space.without(space.both(start, loaded if backend == "nft" else space.contrary(loaded)), found.stopped)
    for event, packets in found.events.items():
        if isinstance(event, Translate):
            for told in _translated(space, event.text):
                care = space.without(care, space.without(packets, told))
    return care


def _translated(space: Space, text: str) -> Iterator[PacketSet]:
    """What is true of packets that a target has translated, as far as a later rule has asked it.

    Source: nf_nat_l4proto_unique_tuple of net/netfilter/nf_nat_core.c: where the target names no port, the destination
    port stays.
    """
    match = _DNAT.fullmatch(text) or _REDIRECT.fullmatch(text)
    if match is None:
        return
    low, high, port = (match.groupdict().get(name) for name in ("low", "high", "port"))
    to, to_port = ask.DESTINATION[space.family], ask.DESTINATION_PORT
    if low and _later(to) in space.known():
        first, last = (int(ip_address(one.strip("[]"))) for one in (low, high or low))
        yield values_of(space, Condition(_later(to), (Between(to, first, last),)))
    if _later(to_port) in space.known():
        yield values_of(space, Condition(_later(to_port), (equal(to_port, int(port)),))) if port else _kept(space)


def _later(of: Field) -> Afterwards:
    return Afterwards(of, "translated")


def _kept(space: Space) -> PacketSet:
    """The destination port is what it was."""
    result = space.all
    before, after = (space.known()[key] for key in (ask.DESTINATION_PORT, _later(ask.DESTINATION_PORT)))
    for old, new in zip(reversed(before), reversed(after), strict=True):
        bit = space.literal(new)
        result = space.both(result, space.choose(space.literal(old), bit, space.contrary(bit)))
    return result
