"""Why something is not done, or what to know of it, as text with a place. Knows no check."""

from __future__ import annotations

from typing import NamedTuple

from ruleset_lint.rewrite.refusals import Refusal

_LONGEST = 300


class Reason(NamedTuple):
    """A reason and its place. `code`: as `refusals` has it, "L" for rulesets that do not load, "W" for a warning."""

    code: str
    text: str
    service: str = ""
    path: str = ""
    line: int = 0
    source: str = ""

    def __str__(self) -> str:
        """One line: place, service, reason. It may hold what a file says."""
        place = f"{self.path}:{self.line}: " if self.line else f"{self.path}: " if self.path else ""
        service = f"{self.service}: " if self.service else ""
        rule = f": {self.source}" if self.source else ""
        return f"{place}{service}{self.text}{rule}"


def of_refusal(refusal: Refusal) -> Reason:
    """A refusal or warning of the rewriter, with the place and the text of the rule that causes it."""
    path = refusal.ruleset.document.path if refusal.ruleset else ""
    code = "W" if refusal.warning else refusal.code
    if refusal.ruleset is None or refusal.rule is None:
        return Reason(code, refusal.reason, str(refusal.service), path)
    source = refusal.ruleset.document.source(refusal.ruleset.span(refusal.rule))[:_LONGEST]
    return Reason(code, refusal.reason, str(refusal.service), path, refusal.rule.line.number, source)
