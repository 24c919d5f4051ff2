"""The report for code scanning: SARIF 2.1.0. Knows reports, nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import quote

from ruleset_lint import __version__
from ruleset_lint.lint.finding import Severity
from ruleset_lint.lint.report import Report, ReportedEdit, ReportedFinding, ReportedFix, ReportedPlace
from ruleset_lint.lint.rules import RuleInfo
from ruleset_lint.report.unicode import valid

MOST_RESULTS = 5000
"""What GitHub shows of a run; with more, it would choose which."""

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}

Json = dict[str, object]


def render(report: Report, *, root: str = "") -> str:
    """The report as a SARIF log of one run; paths below `root` become relative to it."""
    kept = _worst(report.findings)
    index = {info.id: number for number, info in enumerate(report.rules)}
    run: Json = {
        "tool": {"driver": _driver(report.rules)},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": _notes(report, len(kept))}],
        "artifacts": [{"location": _artifact(path, root)} for path in report.files],
        "results": [_result(finding, index, root) for finding in kept],
    }
    return json.dumps(valid({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}), indent=2) + "\n"


def _worst(findings: Sequence[ReportedFinding]) -> Sequence[ReportedFinding]:
    """At most as many as are shown: errors first, in the report's order."""
    if len(findings) <= MOST_RESULTS:
        return findings
    return sorted(findings, key=lambda finding: finding.severity.rank)[:MOST_RESULTS]


def _notes(report: Report, kept: int) -> list[Json]:
    left_out = len(report.findings) - kept
    if not left_out:
        return []
    text = f"{left_out} of {len(report.findings)} findings are left out, the least severe ones"
    return [{"level": "warning", "message": {"text": text}}]


def _driver(rules: Sequence[RuleInfo]) -> Json:
    return {
        "name": "ruleset-lint",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [_rule(info) for info in rules],
    }


def _rule(info: RuleInfo) -> Json:
    return {
        "id": info.id,
        "shortDescription": {"text": info.summary},
        "fullDescription": {"text": info.summary},
        "help": {"text": info.manual, "markdown": info.manual},
        "defaultConfiguration": {"level": _LEVELS[info.severity]},
        "properties": {"tags": [info.category]},
    }


def _result(finding: ReportedFinding, index: dict[str, int], root: str) -> Json:
    result: Json = {
        "ruleId": finding.rule,
        "ruleIndex": index[finding.rule],
        "level": _LEVELS[finding.severity],
        "message": {"text": "\n".join((finding.message, *finding.help))},
        "locations": [{"physicalLocation": _physical(finding, root)}],
        "relatedLocations": [_related(number, place, root) for number, place in enumerate(finding.related)],
        "partialFingerprints": {
            "primaryLocationLineHash": finding.fingerprint,
            "rulesetLint/v1": finding.fingerprint,
        },
        "properties": {"confidence": finding.confidence.value},
    }
    if finding.fix and finding.fix.edits:
        result["fixes"] = [_fix(finding.fix, root)]
    return result


def _related(number: int, place: ReportedPlace, root: str) -> Json:
    return {
        "id": number,
        "physicalLocation": _physical(place, root),
        "message": {"text": place.note or "see here"},
    }


def _physical(place: ReportedFinding | ReportedPlace, root: str) -> Json:
    return {"artifactLocation": _artifact(place.path, root), "region": _region(place)}


def _artifact(path: str, root: str) -> Json:
    return {"uri": uri(path, root)}


def uri(path: str, root: str = "") -> str:
    """The path as a URI: relative if it is, or if it lies below `root`."""
    if root and path.startswith(f"{root.rstrip('/')}/"):
        path = path[len(root.rstrip("/")) + 1 :]
    quoted = quote(path.removeprefix("./").encode("utf-8", "surrogateescape"))
    return f"file://{quoted}" if quoted.startswith("/") else quoted


def _region(place: ReportedFinding | ReportedPlace | ReportedEdit) -> Json:
    return {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    }


def _fix(fix: ReportedFix, root: str) -> Json:
    changes: dict[str, list[Json]] = {}
    for edit in fix.edits:
        replacement: Json = {"deletedRegion": _region(edit), "insertedContent": {"text": edit.text}}
        changes.setdefault(edit.path, []).append(replacement)
    return {
        "description": {"text": f"{fix.title} ({fix.safety.value})"},
        "artifactChanges": [
            {"artifactLocation": _artifact(path, root), "replacements": made} for path, made in changes.items()
        ],
    }
