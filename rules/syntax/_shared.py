"""What the rules of this category share: places on lines that were mended, and one finding a cause."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from ruleset_lint.lint import Confidence, Edit, Finding, Fix, Judgement, Place, judge
from ruleset_lint.model.mending import mended
from ruleset_lint.model.quoting import open_quotes
from ruleset_lint.model.refusal import Kind, Refusal
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Part, Use
from ruleset_lint.model.table_lines import Slip, slips
from ruleset_lint.model.validity import refusals, span_of, uses
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.values import host_network, network, networks

RELATED = 5  # places of the same cause that are shown
LONGEST = 40  # characters of a word that are quoted in a message
NOT_LOADED = "the table is not loaded, nor is any table behind it: what ran before goes on"


class Cause(NamedTuple):
    """Refusals of the same word for the same reason, and on which releases."""

    refusals: list[Refusal]
    word: str
    judgement: Judgement

    @property
    def first(self) -> Refusal:
        """The first of them."""
        return self.refusals[0]


@lru_cache(maxsize=4)
def refused(ruleset: Ruleset) -> tuple[Refusal, ...]:
    """What restore refuses about the lines of the mended ruleset: on each line the first, in the file's order."""
    first: dict[int, Refusal] = {}
    for refusal in refusals(mended(ruleset).ruleset):
        number = refusal.line.number
        if number not in first or _order(refusal) < _order(first[number]):
            first[number] = refusal
    return tuple(first[number] for number in sorted(first))


def _order(refusal: Refusal) -> tuple[bool, int]:
    return len(refusal.backends) == 1, refusal.item or 0


@lru_cache(maxsize=4)
def _told_elsewhere(ruleset: Ruleset) -> frozenset[int]:
    """Lines of which syntax/commit, syntax/quote or syntax/comment-injection speak."""
    meant = mended(ruleset).ruleset
    framed = (framing.line.number for framing in slips(meant) if framing.slip is not Slip.NO_LINE_END)
    return frozenset((*framed, *(found.line.number for found in open_quotes(meant.document))))


def causes(
    ruleset: Ruleset, profiles: Sequence[Profile], *kinds: Kind, more: Iterable[Refusal] = (), joined: bool = False
) -> list[Cause]:
    """What of these kinds every release refuses, one cause for each reason and word (`joined`: for each reason)."""
    found: dict[tuple[str, str], list[Refusal]] = {}
    for refusal in (*refused(ruleset), *more):
        if refusal.kind in kinds and refusal.line.number not in _told_elsewhere(ruleset):
            found.setdefault((refusal.reason, "" if joined else word(ruleset, refusal)), []).append(refusal)
    judged = [(several, text, surely_refused(profiles, several[0].backends)) for (_, text), several in found.items()]
    return [Cause(several, text, judgement) for several, text, judgement in judged if judgement]


def told(
    ruleset: Ruleset, cause: Cause, message: str, *advice: str, fix: Fix | None = None, reason: str = ""
) -> Finding:
    """The finding of a cause."""
    first, *more = cause.refusals
    where = f" {cause.judgement.where}" if cause.judgement.where else ""
    return Finding(
        at(ruleset, first.line.number, first.item),
        message + and_others(len(more)) + where,
        related(ruleset, (refusal.line.number for refusal in more), reason or "refused for the same reason"),
        help=(*advice, NOT_LOADED),
        fix=fix,
        confidence=cause.judgement.confidence,
    )


def word(ruleset: Ruleset, refusal: Refusal) -> str:
    """The word that is refused, empty if it is the line."""
    place = at(ruleset, refusal.line.number, refusal.item)
    return ruleset.document.source(place.span) if refusal.item is not None else ""


def at(ruleset: Ruleset, number: int, item: int | None = None, note: str = "") -> Place:
    """The place of a word on a line of the ruleset's own text, the whole line if it had to be mended."""
    line = ruleset.document.lines[number - 1]
    if item is None or number in mended(ruleset).typography:
        return Place(ruleset.document, ruleset.document.content_span(line), note)
    return Place(ruleset.document, span_of(ruleset.document, line, item), note)


def related(ruleset: Ruleset, numbers: Iterable[int], note: str) -> tuple[Place, ...]:
    """The first few lines as places."""
    return tuple(at(ruleset, number, note=note) for number in list(numbers)[:RELATED])


def edits(ruleset: Ruleset, places: Iterable[tuple[Rule, int]], text: str) -> tuple[Edit, ...]:
    """Edits that put a text in the place of words; none on lines that had to be mended."""
    mendable = [(rule.line.number, item) for rule, item in places]
    return tuple(
        Edit(at(ruleset, number, item).span, text)
        for number, item in mendable
        if number not in mended(ruleset).typography
    )


def without_line(ruleset: Ruleset, numbers: Iterable[int]) -> tuple[Edit, ...]:
    """Edits that take lines out."""
    return tuple(Edit(ruleset.document.lines[number - 1].span, "") for number in numbers)


def quoted(text: str) -> str:
    """A word between quotes."""
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def shown(text: str) -> str:
    """A word for a message, cut where it is long."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def and_others(count: int) -> str:
    """How many more lines have the same."""
    return "" if not count else " (and 1 more line)" if count == 1 else f" (and {count} more lines)"


def by_backend(profiles: Sequence[Profile], backends: frozenset[str]) -> Judgement | None:
    """On which profiles something holds that holds with these backends."""
    return judge(profiles, lambda profile: bool(backends & set(profile.backends)))


def surely_refused(profiles: Sequence[Profile], backends: frozenset[str]) -> Judgement | None:
    """The judgement of what these backends refuse, None where a release has another backend that takes it."""
    judgement = judge(profiles, lambda profile: set(profile.backends) <= backends)
    return judgement if judgement and judgement.confidence is Confidence.PROVEN else None


def version(text: str) -> tuple[int, ...]:
    """A version as numbers."""
    return tuple(int(part) for part in re.findall("[0-9]{1,6}", text))


def numbers(places: Iterable[tuple[Rule, int]]) -> Iterator[int]:
    """The numbers of the lines."""
    return (rule.line.number for rule, _ in places)


def is_network(use: Use) -> bool:
    """Whether an option's value is an address with a mask."""
    return bool(use.operands and use.option.reads[0] in (host_network, network, networks))


def texts(ruleset: Ruleset, use: Use, rules: Sequence[Rule]) -> str:
    """The texts that the first word of an option has in the rules, each with a line feed behind it."""
    return mended(ruleset).ruleset.texts(rules[0].shape, use.operands[0])


def uses_of(ruleset: Ruleset, wanted: Callable[[Use], bool]) -> Iterator[tuple[Use, Sequence[Rule]]]:
    """The wanted options that rules of the mended ruleset use, and the rules that do. Asks once a shape."""
    for shape, rules in mended(ruleset).ruleset.by_shape.items():
        yield from ((use, rules) for use in uses(shape) if wanted(use) and use.operands)


def part_uses(ruleset: Ruleset, wanted: Callable[[Part, Use], bool]) -> Iterator[tuple[Part, Use, Sequence[Rule]]]:
    """The wanted options of matches and targets, and the rules that use them. Asks once a shape."""
    for shape, rules in mended(ruleset).ruleset.by_shape.items():
        yield from ((part, use, rules) for part in shape.parts for use in part.uses if wanted(part, use))
