"""Whether rulesets would load at all: what is broken is not rewritten. Knows no rule of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ruleset_lint.lint.configuration import Configuration
from ruleset_lint.lint.engine import Hit, run
from ruleset_lint.lint.finding import Severity
from ruleset_lint.lint.selection import all_rules
from ruleset_lint.model.host import Host
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.rewrite.reasons import Reason

_CATEGORY = "syntax"
_MOST = 20


def not_loadable(host: Host, rulesets: Sequence[Ruleset]) -> Iterator[Reason]:
    """Why rulesets cannot be loaded, by the rules on their syntax; and those that are parts of one."""
    for ruleset in rulesets:
        if ruleset.fragment:
            yield Reason(
                "L", "a part of a ruleset, meant for --noflush, cannot be rewritten alone", "", ruleset.document.path
            )
    outcome = run(host._replace(rulesets=tuple(rulesets)), all_rules(), Configuration(select=(_CATEGORY,)))
    hits = [hit for hit in (*outcome.hits, *outcome.suppressed) if _breaks(hit, rulesets)]
    yield from map(_reason, hits[:_MOST])
    if not hits:
        yield from _faults(rulesets)


def _breaks(hit: Hit, rulesets: Sequence[Ruleset]) -> bool:
    documents = [ruleset.document.path for ruleset in rulesets]
    return hit.severity is Severity.ERROR and hit.finding.place.document.path in documents


def _reason(hit: Hit) -> Reason:
    place = hit.finding.place
    line = place.document.position(place.span.start).line
    return Reason("L", f"it does not load: {hit.finding.message} ({hit.rule.id})", "", place.document.path, line)


def _faults(rulesets: Sequence[Ruleset]) -> Iterator[Reason]:
    for ruleset in rulesets:
        for fault in ruleset.faults[:_MOST]:
            yield Reason("L", f"it does not load: {fault.reason}", "", ruleset.document.path, fault.line.number)
