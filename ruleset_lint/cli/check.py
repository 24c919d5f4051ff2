"""`ruleset-lint check`: findings as a report and an exit code."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ruleset_lint.api import Checked
from ruleset_lint.cli.requests import CheckRequest
from ruleset_lint.cli.subject import ERRORS, failing, prepare
from ruleset_lint.cli.terminal import complain, is_colored, put
from ruleset_lint.lint.report import Report
from ruleset_lint.report.formats import render
from ruleset_lint.rewrite.writing import write_file


def run(request: CheckRequest) -> int:
    """Check, print, and say by the exit code how it went."""
    try:
        checked = prepare(request.subject).check()
        return _told(request, checked)
    except ERRORS as error:
        complain(str(error))
        return 2


def _told(request: CheckRequest, checked: Checked) -> int:
    for problem in checked.problems:
        complain(f"{problem.path}: {problem.reason}")
    if not checked.gathering.hosts or not checked.report.files:
        if not checked.problems:
            complain("nothing to check in " + ", ".join(request.subject.paths))
        return 2
    _print(request, checked.report)
    if checked.problems:
        return 2
    return int(not request.exit_zero and not request.show_files and failing(checked.report, request.fail_on))


def _print(request: CheckRequest, report: Report) -> None:
    text = _text(request, report)
    if request.output_file is None:
        put(text)
    else:
        write_file(Path(request.output_file), text)


def _text(request: CheckRequest, report: Report) -> str:
    if request.show_files:
        return "".join(f"{path}\n" for path in report.files)
    if request.statistics:
        return _statistics(report)
    color = request.output_file is None and is_colored(request.color)
    return render(report, request.output_format, color=color, root=str(Path.cwd()))


def _statistics(report: Report) -> str:
    counts = Counter(finding.rule for finding in report.findings)
    summaries = {info.id: info.summary for info in report.rules}
    width = len(str(max(counts.values(), default=0)))
    return "".join(f"{count:>{width}}  {rule}  {summaries.get(rule, '')}\n" for rule, count in counts.most_common())
