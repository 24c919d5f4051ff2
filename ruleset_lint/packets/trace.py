"""One packet through a ruleset, hook by hook: which rule decides, what changes, what had to be taken for granted.

The ruleset must be one that loads (`loadability.breaks`): a chain loop would have no end. Tables that the ruleset does
not have let everything pass. A packet that leaves by `lo` is followed until it leaves, not back in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets.formula import Packet
from ruleset_lint.packets.meaning import Meanings
from ruleset_lint.packets.one_packet import ACCEPT, Passage, Walk, Walking, walk
from ruleset_lint.packets.supposing import course_of, suppose

MOST_WALKS = 64  # with other answers, to see whether the verdict stays the same


class Assumption(NamedTuple):
    """A question that was answered no for want of an answer; `otherwise` is the verdict if the answer were yes."""

    question: str
    rule: Rule
    otherwise: str


@dataclass(frozen=True, slots=True)
class Trace:
    """The way of a packet. `verdict` is ACCEPT, or what the table said that it did not get past.

    `settled`: the verdict is the same whatever the answers to the assumptions are. `guesses` are fields that the text
    leaves open and that rules asked for, such as `state NEW`. `unasked` are answers that no rule wanted.
    """

    packet: Packet
    course: str
    passages: tuple[Passage, ...]
    verdict: str
    settled: bool
    assumptions: tuple[Assumption, ...] = ()
    guesses: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()

    @property
    def deciding(self) -> Passage | None:
        """The passage that ended the way; if nothing did, that of the filter table; None if there is none."""
        if self.verdict != ACCEPT:
            return self.passages[-1]
        return next((one for one in reversed(self.passages) if one.step.table == "filter"), None)


class CourseError(ValueError):
    """The text of a packet does not say which way it goes."""


def trace(ruleset: Ruleset, packet: Packet, course: str | None = None, *, meanings: Meanings | None = None) -> Trace:
    """Follow a packet through a ruleset that loads; `course` is one of COURSES where its interfaces do not tell.

    `meanings` remembers formulas from packet to packet. Raises CourseError.
    """
    chosen = course or course_of(packet)
    if chosen is None:
        raise CourseError("in= or out= expected (both for a packet that is forwarded), or the course")
    supposed = suppose(packet, chosen)
    walking = Walking(ruleset, supposed, meanings or Meanings(), course is not None)
    first = walk(walking, packet.answers)
    settled, otherwise = _settle(walking, packet.answers, first)
    doubts = first.way.doubts.values()
    return Trace(
        supposed.packet,
        first.course,
        tuple(first.passages),
        first.verdict,
        settled,
        tuple(Assumption(*doubt, otherwise.get(doubt.text, first.verdict)) for doubt in doubts),
        tuple(first.way.used),
        tuple(text for text in packet.answers if text not in first.way.asked),
    )


def _settle(walking: Walking, answers: Mapping[str, bool], first: Walk) -> tuple[bool, dict[str, str]]:
    """Whether every set of answers leads to the same verdict, and the verdict with one answer turned round."""
    otherwise: dict[str, str] = {}
    waiting = list(_turned(answers, first))
    direct = len(waiting)
    verdicts = {first.verdict}
    for number in range(MOST_WALKS):
        if number == len(waiting):
            return len(verdicts) == 1, otherwise
        found = walk(walking, waiting[number][1])
        verdicts.add(found.verdict)
        if number < direct:
            otherwise[waiting[number][0]] = found.verdict
        waiting += _turned(waiting[number][1], found)
    return False, otherwise


def _turned(answers: Mapping[str, bool], one: Walk) -> Iterator[tuple[str, dict[str, bool]]]:
    """For each doubt of a walk: the answers up to it as they were taken, and its own turned round."""
    known = dict(answers)
    for text in one.way.doubts:
        yield text, {**known, text: True}
        known[text] = False
