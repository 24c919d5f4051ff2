"""Whether connections to a server behind the machine are translated where they leave. Knows no rewrite."""

from __future__ import annotations

from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets import parts
from ruleset_lint.packets.bounds import NotDecidedError, deadline
from ruleset_lint.packets.course import COURSES
from ruleset_lint.packets.effect import Translate
from ruleset_lint.packets.endpoints import Endpoint, is_misplaced, towards
from ruleset_lint.packets.formula import All, Not, Some
from ruleset_lint.packets.reached_by import astray, reached_by
from ruleset_lint.packets.summary import reading_of
from ruleset_lint.packets.walking import Folded, possible, walked


def leaves_translated(ruleset: Ruleset, end: Endpoint, *, seconds: float) -> bool:
    """Whether a first packet that passes has another source then; so if that takes longer than some seconds."""
    try:
        folded = Folded(reading_of(ruleset, deadline=deadline(seconds)), ruleset)
        space, steps = folded.reading.space, COURSES["forwarded"]
        by = reached_by(ruleset, end)
        usual = Not(Some((is_misplaced(end), astray(end, by)))) if by else Not(is_misplaced(end))
        first = (towards(end, ruleset.family, "router"), usual, parts.NEW, parts.opens(end))
        start = space.both(possible(space, steps), space.of(All((*first, parts.NOT_TRANSLATED))))
        found = walked(folded, steps, start)
    except NotDecidedError:
        return True
    translating = [packets for event, packets in found.events.items() if isinstance(event, Translate)]
    passing = space.both(found.verdicts.get("ACCEPT", space.none), space.any_of(translating))
    return not space.is_empty(passing)
