"""The words of a rule file."""

from ruleset_lint.lint.configuration import Configuration
from ruleset_lint.lint.finding import Confidence, Finding, Fix, Place, Safety, Severity, at_line, at_rule
from ruleset_lint.lint.judging import Judgement, judge
from ruleset_lint.lint.rules import RuleInfo, rule
from ruleset_lint.lint.silencing import SuppressionUse
from ruleset_lint.lint.suppression import Suppression
from ruleset_lint.text import Edit, Span

__all__ = [
    "Confidence", "Configuration", "Edit", "Finding", "Fix", "Judgement", "Place", "RuleInfo", "Safety", "Severity",
    "Span", "Suppression", "SuppressionUse", "at_line", "at_rule", "judge", "rule",
]  # fmt: skip
