"""The report for a person: findings with the lines they speak of, and what was judged. Knows reports, nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint.finding import Confidence, Safety, Severity
from ruleset_lint.lint.report import Report, ReportedFinding, ReportedFix, ReportedPlace
from ruleset_lint.report.frame import underlined
from ruleset_lint.text import safe

WIDTH = 120  # columns of a terminal
MOST_RELATED = 10  # places shown beside the primary one; the formats for programs have all

_COLORS = {Severity.ERROR: "1;31", Severity.WARNING: "1;33", Severity.INFO: "1;36"}
_PLACE = "1"
_FIXES = {Safety.SAFE: "safe fix: ", Safety.UNSAFE: "unsafe fix: ", Safety.MANUAL: "by hand: "}
_NAMES = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def render(report: Report, *, color: bool = False, width: int = WIDTH) -> str:
    """The report; `color` adds the colours of a terminal, `width` is how long a line of a file may get."""
    blocks = ["\n".join(_finding(finding, color, width)) + "\n\n" for finding in report.findings]
    return "".join((*blocks, *(f"{line}\n" for line in _summary(report))))


def _finding(finding: ReportedFinding, color: bool, width: int) -> Iterator[str]:
    likely = " (likely)" if finding.confidence is Confidence.LIKELY else ""
    place = _painted(f"{safe(finding.path)}:{finding.line}:{finding.column}", _PLACE, color)
    severity = _painted(f"{finding.severity}{likely}", _COLORS[finding.severity], color)
    yield f"{place}  {severity}  {finding.rule}"
    yield f"  {safe(finding.message)}"
    primary = ReportedPlace(
        finding.path, finding.line, finding.column, finding.end_line, finding.end_column, finding.note, finding.frame
    )
    gutter = max(len(str(shown.line)) for shown in (primary, *finding.related[:MOST_RELATED])) + 4
    blank = " " * gutter
    yield f"{blank} |"
    mark = _COLORS[finding.severity] if color else ""
    yield from _place(primary, "^", gutter, width, mark)
    for related in finding.related[:MOST_RELATED]:
        if related.path != finding.path:
            yield f"{blank}--> {safe(related.path)}:{related.line}:{related.column}"
        yield from _place(related, "-", gutter, width, "1;34" if color else "")
    if len(finding.related) > MOST_RELATED:
        yield f"{blank} = and {_number(len(finding.related) - MOST_RELATED, 'place')} more"
    for line in finding.help:
        yield f"{blank} = {safe(line)}"
    if finding.fix:
        yield f"{blank} = {_fix_grade(finding.fix)}{safe(finding.fix.title)}"


def _place(place: ReportedPlace, mark: str, gutter: int, width: int, color: str) -> Iterator[str]:
    """A line of a file, and under it what is meant of it."""
    length = place.end_column - place.column if place.end_line == place.line else None
    line, under = underlined(place.frame, place.column, length, mark, width - gutter - 3)
    yield f"{place.line:>{gutter}} | {line}".rstrip()
    marks = _painted(under.lstrip(" "), color, bool(color))
    indent = " " * (len(under) - len(under.lstrip(" ")))
    yield f"{' ' * gutter} | {indent}{marks} {safe(place.note)}".rstrip()


def _fix_grade(fix: ReportedFix) -> str:
    return "" if fix.emits else _FIXES[fix.safety]


def _painted(text: str, color: str, wanted: bool) -> str:
    return f"\x1b[{color}m{text}\x1b[0m" if wanted else text


def _summary(report: Report) -> Iterator[str]:
    titles = [safe(title) for title in report.profile.titles]
    judged = " or ".join((", ".join(titles[:-1]), titles[-1]) if len(titles) > 1 else titles)
    reason = f" ({safe(report.profile.reason)})" if report.profile.reason else ""
    as_what = f" Judged as {judged}{reason}." if judged else ""
    yield f"{_counts(report)}.{as_what}"
    if report.not_judged:
        yield f"Not judged, not given: {', '.join(report.not_judged)}."
    yield from (f"Not judged: {safe(line)}." for line in report.given_up)


def _counts(report: Report) -> str:
    found = [_number(report.count(severity), _NAMES[severity]) for severity in Severity if report.count(severity)]
    edits = [finding.fix.safety for finding in report.findings if finding.fix and finding.fix.edits]
    fixes = [
        _number(edits.count(safety), f"{safety} fix") for safety in (Safety.SAFE, Safety.UNSAFE) if safety in edits
    ]
    suppressed = [f"{report.suppressed} suppressed"] if report.suppressed else []
    nothing = f"no findings in {_number(len(report.files), 'file')}"
    return "; ".join(filter(None, (", ".join(found) or nothing, ", ".join(fixes), *suppressed)))


def _number(count: int, name: str) -> str:
    plural = "" if count == 1 else "es" if name.endswith("x") else "s"
    return f"{count} {name}{plural}"
