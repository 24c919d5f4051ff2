"""The report as annotations of a GitHub workflow. Knows reports, nothing else."""

from __future__ import annotations

from ruleset_lint.lint.finding import Confidence, Severity
from ruleset_lint.lint.report import Report, ReportedFinding
from ruleset_lint.text import safe

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render(report: Report) -> str:
    """A workflow command for each finding."""
    return "".join(f"{_annotation(finding)}\n" for finding in report.findings)


def _annotation(finding: ReportedFinding) -> str:
    likely = " (likely)" if finding.confidence is Confidence.LIKELY else ""
    properties = {
        "title": f"ruleset-lint {finding.rule}{likely}",
        "file": safe(finding.path),
        "line": str(finding.line),
        "endLine": str(finding.end_line),
    }
    if finding.end_line == finding.line:  # GitHub refuses columns where the lines differ
        properties |= {"col": str(finding.column), "endColumn": str(finding.end_column)}
    given = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    text = "\n".join(safe(line) for line in (finding.message, *finding.help))
    return f"::{_COMMANDS[finding.severity]} {given}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
