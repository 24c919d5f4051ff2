"""What the rules of this category share: places on lines that were mended, and one finding a cause."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from ruleset_lint.lint import Judgement, Place, judge
from ruleset_lint.model.mending import mended
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.validity import Refusal, refusals, span_of
from ruleset_lint.netfilter.profiles import Profile

RELATED = 5  # places of the same cause that are shown
LONGEST = 40  # characters of a word that are quoted in a message


@lru_cache(maxsize=4)
def refused(ruleset: Ruleset) -> tuple[Refusal, ...]:
    """What restore refuses about the lines of the mended ruleset: on each line the first, in the file's order."""
    first: dict[int, Refusal] = {}
    for refusal in refusals(mended(ruleset).ruleset):
        before = first.get(refusal.line.number)
        if before is None or (refusal.item or 0) < (before.item or 0):
            first[refusal.line.number] = refusal
    return tuple(first[number] for number in sorted(first))


def at(ruleset: Ruleset, number: int, item: int | None = None, note: str = "") -> Place:
    """The place of a word on a line of the ruleset's own text, the whole line if it had to be mended."""
    line = ruleset.document.lines[number - 1]
    if item is None or number in mended(ruleset).typography:
        return Place(ruleset.document, ruleset.document.content_span(line), note)
    return Place(ruleset.document, span_of(ruleset.document, line, item), note)


def related(ruleset: Ruleset, numbers: Iterable[int], note: str) -> tuple[Place, ...]:
    """The first few lines as places."""
    return tuple(at(ruleset, number, note=note) for number in list(numbers)[:RELATED])


def shown(text: str) -> str:
    """A word for a message, cut where it is long."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def and_others(count: int) -> str:
    """How many more lines have the same."""
    return "" if not count else " (and 1 more line)" if count == 1 else f" (and {count} more lines)"


def by_backend(profiles: Sequence[Profile], backends: frozenset[str]) -> Judgement | None:
    """On which profiles something holds that holds with these backends."""
    return judge(profiles, lambda profile: bool(backends & set(profile.backends)))
