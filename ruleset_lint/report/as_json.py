"""The report for programs: JSON, its names those of the library. Knows reports, nothing else."""

from __future__ import annotations

import json

from ruleset_lint import __version__
from ruleset_lint.lint.report import SCHEMA, Report, ReportedFinding, ReportedFix, ReportedPlace
from ruleset_lint.report.unicode import valid

Json = dict[str, object]


def render(report: Report) -> str:
    """The report as one JSON object, a line a finding. `schema` grows when a name goes or changes its meaning."""
    content: Json = {
        "schema": SCHEMA,
        "version": __version__,
        "profile": report.profile._asdict(),
        "files": report.files,
        "skipped": [skipped._asdict() for skipped in report.skipped],
        "not_judged": report.not_judged,
        "given_up": report.given_up,
        "suppressed": report.suppressed,
    }
    head = json.dumps(valid(content), indent=2).removesuffix("\n}")
    findings = ",".join(f"\n    {json.dumps(valid(_finding(finding)))}" for finding in report.findings)
    return f'{head},\n  "findings": [{findings}\n  ]\n}}\n'


def _finding(finding: ReportedFinding) -> Json:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "message": finding.message,
        "path": finding.path,
        "line": finding.line,
        "column": finding.column,
        "end_line": finding.end_line,
        "end_column": finding.end_column,
        "note": finding.note,
        "related": [_place(place) for place in finding.related],
        "help": finding.help,
        "fix": _fix(finding.fix) if finding.fix else None,
        "fingerprint": finding.fingerprint,
    }


def _place(place: ReportedPlace) -> Json:
    return {
        "path": place.path,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
        "note": place.note,
    }


def _fix(fix: ReportedFix) -> Json:
    return {
        "title": fix.title,
        "safety": fix.safety.value,
        "emits": fix.emits,
        "edits": [edit._asdict() for edit in fix.edits],
    }
