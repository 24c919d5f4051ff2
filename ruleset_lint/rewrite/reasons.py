"""Why something is not done, or what to know of it, as text with a place. Knows no check."""

from __future__ import annotations

from typing import NamedTuple

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
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
    ruleset, rule, service = refusal.ruleset, refusal.rule, str(refusal.service)
    code = "W" if refusal.warning else refusal.code
    if ruleset is None or rule is None:
        return Reason(code, refusal.reason, service, ruleset.document.path if ruleset else "")
    return of_rule(code, refusal.reason, ruleset, rule, service)


def of_rule(code: str, text: str, ruleset: Ruleset, rule: Rule, service: str = "") -> Reason:
    """A reason with the place and the text of the rule that causes it."""
    source = ruleset.document.source(ruleset.span(rule))[:_LONGEST]
    return Reason(code, text, service, ruleset.document.path, rule.line.number, source)
