"""conntrack/old-state-match"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from ruleset_lint.lint import Edit, Finding, Fix, Safety, Severity, Span, at_rule, judge, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape
from ruleset_lint.model.validity import span_of
from ruleset_lint.netfilter.profiles import Profile

_MOST_PLACES = 20
_USUAL = " -m state --state "
# as Span._make and Edit._make give them: a large ruleset has 10,000
_span: Callable[[Iterable[int]], Span] = partial(tuple.__new__, Span)
_edit: Callable[[Iterable[Span | str]], Edit] = partial(tuple.__new__, Edit)


@rule(Severity.INFO)
def old_state_match(ruleset: Ruleset, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """`-m state --state` is used where `-m conntrack --ctstate` says the same

    ## What it does
    Looks for the state match. Silent in a rule that has a conntrack match already.

    ## Why is this bad?
    It works. The state match is a subset of the conntrack match, kept for old rulesets, and one spelling is easier to
    read and to search than two.

    ## Example
    ```
    -A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
    ```

    ## Use instead
    ```
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    ```

    ## Fix safety
    Safe: both ask the same of every packet, plain and negated. It stays a match of its own: merged into another
    conntrack match, the other tests of that match would be passed over for packets without an entry.

    ## Since
    EL6. The conntrack match of EL5 knows no IPv6.

    ## Source
    iptables-extensions(8), "state"; net/netfilter/xt_state.c and xt_conntrack.c; measured on kernel 6.18 with iptables
    1.8.9 (nft and legacy): equal counters for all five states.
    """
    judgement = judge(profiles, lambda profile: profile.v6_tracking)
    found = list(ruleset.where(_is_old)) if judgement else []
    if judgement and found:
        number = f", {len(found)} times" if len(found) > 1 else ""
        yield Finding(
            at_rule(ruleset, found[0]),
            f"-m state --state is the old spelling of -m conntrack --ctstate{number}",
            related=tuple(at_rule(ruleset, other, "here too") for other in found[1 : _MOST_PLACES + 1]),
            fix=Fix("write -m conntrack --ctstate", tuple(_edits(ruleset, found)), _safety(judgement.where)),
            confidence=judgement.confidence,
        )


def _is_old(shape: Shape) -> bool:
    part = shape.match("state")
    return bool(part and part.use("--state") and not shape.match("conntrack") and not shape.problems)


def _safety(where: str) -> Safety:
    return Safety.UNSAFE if where else Safety.SAFE


def _edits(ruleset: Ruleset, found: list[Rule]) -> Iterator[Edit]:
    text = ruleset.document.text
    starts = (*ruleset.document.starts, len(text))
    for made in found:
        yield from _usual_edits(text, starts[made.number - 1], starts[made.number]) or _part_edits(ruleset, made)


def _usual_edits(text: str, first: int, end: int) -> tuple[Edit, ...]:
    """The edits where the words stand as nearly everybody writes them, found without splitting the line into words."""
    start = text.find(_USUAL, first, end)
    if start < 0 or text.find('"', first, end) >= 0 or text.count("state", first, end) > 2:
        return ()
    name, option = _span((start + 4, start + 9)), _span((start + 10, start + 17))
    return _edit((name, "conntrack")), _edit((option, "--ctstate"))


def _part_edits(ruleset: Ruleset, made: Rule) -> Iterator[Edit]:
    for part in made.shape.matches:
        if part.name == "state":
            yield Edit(span_of(ruleset.document, made.line, part.item), "conntrack")
            yield from (_option(ruleset, made, use.item) for use in part.uses)


def _option(ruleset: Ruleset, made: Rule, item: int) -> Edit:
    span = span_of(ruleset.document, made.line, item)
    return Edit(span, "--ctstate=" if ruleset.document.source(span).endswith("=") else "--ctstate")
