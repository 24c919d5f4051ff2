"""conntrack/only-reason"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum

from ruleset_lint.lint import Confidence, Edit, Finding, Fix, Safety, Severity, Span, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape
from ruleset_lint.model.tracking import tracks
from ruleset_lint.model.validity import span_of
from ruleset_lint.netfilter.extension import Verdict

from . import _shared

_FEW = 3
_REFUSES = (Verdict.DROP, Verdict.REJECT)


class _Reason(Enum):
    """Why a rule needs no connection tracking, and what becomes of it."""

    UNREACHED = "no chain leads here"
    UNTRACKED = "asks for UNTRACKED alone"
    INVALID = "refuses INVALID alone"
    ANY_STATE = "accepts NEW and ESTABLISHED alike"

    @property
    def goes(self) -> bool:
        """Whether the whole rule is left out, not only its test."""
        return self in (_Reason.UNREACHED, _Reason.INVALID)


@rule(Severity.WARNING)
def only_reason(ruleset: Ruleset) -> Iterator[Finding]:
    """All that keeps connection tracking on is a few rules that could do without

    ## What it does
    Fires where every rule that needs connection tracking stands in a chain that nothing calls, asks for UNTRACKED
    alone, or, if there are three at most, refuses INVALID or accepts NEW and ESTABLISHED alike. A ruleset that tells
    ESTABLISHED from NEW, translates or marks connections needs it: silent.

    ## Why is this bad?
    All traffic of the family is tracked, the table fills, and new connections are refused, for rules that decide next
    to nothing. A test for UNTRACKED is enough: it turns on what it asks to be off.

    ## Example
    ```
    *filter
    :INPUT ACCEPT [0:0]
    -A INPUT -m conntrack --ctstate INVALID -j DROP
    -A INPUT -p tcp -m tcp --dport 3306 -j DROP
    COMMIT
    ```

    ## Use instead
    ```
    *filter
    :INPUT ACCEPT [0:0]
    -A INPUT -p tcp -m tcp --dport 3306 -j DROP
    COMMIT
    ```

    ## Fix safety
    Unsafe: INVALID packets pass, and a router no longer reassembles fragments.

    ## Since
    Kernel 4.10. Before, the module keeps tracking for as long as it is loaded, whatever the rules are.

    ## Source
    Measured on kernel 6.18 with iptables 1.8.9 (nft and legacy): with the last such rule tracking stops at once.
    """
    shapes = frozenset(filter(tracks, ruleset.by_shape))
    if ruleset.fragment or not shapes or _is_needed(ruleset, shapes):
        return
    found = _shared.tracking_rules(ruleset)
    reasons = [reason for made in found if (reason := _reason(ruleset, made))]
    certain = all(reason in (_Reason.UNREACHED, _Reason.UNTRACKED) for reason in reasons)
    if len(found) > _FEW and not certain:
        return
    family = _shared.family_name(ruleset)
    what = "one rule" if len(found) == 1 else f"{len(found)} rules"
    yield Finding(
        at_rule(ruleset, found[0], reasons[0].value),
        f"all that keeps connection tracking on for {family} is {what} that could do without",
        related=tuple(
            at_rule(ruleset, made, reason.value) for made, reason in zip(found[1:], reasons[1:], strict=True)
        ),
        help=(f"without, no {family} packet takes an entry of the table (from kernel 4.10 on)",),
        fix=_fix(ruleset, list(zip(found, reasons, strict=True))),
        confidence=Confidence.PROVEN if certain else Confidence.LIKELY,
    )


def _is_needed(ruleset: Ruleset, shapes: Iterable[Shape]) -> bool:
    """Whether packets come to a rule of these shapes that cannot do without: most often one of the first."""
    rules = (made for shape in shapes for made in ruleset.by_shape[shape])
    return any(_excuse(made) is None and ruleset.tables[made.table].hooks.get(made.chain) for made in rules)


def _reason(ruleset: Ruleset, made: Rule) -> _Reason | None:
    return _excuse(made) if ruleset.tables[made.table].hooks.get(made.chain) else _Reason.UNREACHED


def _excuse(made: Rule) -> _Reason | None:
    """Why a rule that packets come to could do without tracking."""
    states = _shared.matched_states(made) if _shared.only_states(made) else None
    if states == frozenset({"UNTRACKED"}):
        return _Reason.UNTRACKED
    if states == frozenset({"INVALID"}) and made.verdict in _REFUSES:
        return _Reason.INVALID
    if states and {"NEW", "ESTABLISHED"} <= states and made.verdict is Verdict.ACCEPT:
        return _Reason.ANY_STATE
    return None


def _fix(ruleset: Ruleset, found: list[tuple[Rule, _Reason]]) -> Fix:
    """Leave out rules and tests; not the test of a rule that would then take everything."""
    for made, reason in found:
        if not reason.goes and len(made.shape.matches) == 1 and not made.shape.parameters:
            return Fix("decide without a state", safety=Safety.MANUAL)
    return Fix("do without", tuple(_edit(ruleset, *pair) for pair in found), Safety.UNSAFE)


def _edit(ruleset: Ruleset, made: Rule, reason: _Reason) -> Edit:
    """Leave out the rule, or from `-m` to the last word of its test."""
    part = made.shape.match("state", "conntrack")
    if reason.goes or part is None:
        return Edit(made.line.span, "")
    first = span_of(ruleset.document, made.line, part.item - 1)
    negated = part.uses[0].negated
    last = span_of(ruleset.document, made.line, part.uses[0].item + 1)
    stands_together = part.uses[0].item == part.item + (2 if negated else 1)
    if not stands_together:
        return Edit(made.line.span, "")
    return Edit(Span(first.start, min(last.end + 1, ruleset.document.content_span(made.line).end)), "")
