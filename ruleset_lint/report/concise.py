"""One line a finding: path, line, column, severity, rule, message, and whether it is likely only.

Knows reports, nothing else.
"""

from __future__ import annotations

from ruleset_lint.lint.finding import Confidence
from ruleset_lint.lint.report import Report, ReportedFinding
from ruleset_lint.text import safe


def render(report: Report) -> str:
    """The report as lines."""
    return "".join(f"{_line(finding)}\n" for finding in report.findings)


def _line(finding: ReportedFinding) -> str:
    place = f"{finding.path}:{finding.line}:{finding.column}"
    likely = " (likely)" if finding.confidence is Confidence.LIKELY else ""
    return safe(f"{place} {finding.severity} {finding.rule} {finding.message}{likely}")
