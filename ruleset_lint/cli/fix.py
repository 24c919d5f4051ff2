"""`ruleset-lint fix`: findings with a fix are mended, in place or as a diff; by proof where a ruleset changes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ruleset_lint.api import Checked
from ruleset_lint.cli.diff import diff
from ruleset_lint.cli.requests import FixRequest
from ruleset_lint.cli.subject import ERRORS, Prepared, failing, prepare
from ruleset_lint.cli.terminal import complain, put, put_verbatim
from ruleset_lint.lint.engine import Hit
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.rewrite.fixes import FixRun, apply_fixes, is_allowed
from ruleset_lint.rewrite.grading import SECONDS, Grader
from ruleset_lint.rewrite.writing import WriteError, replace_file
from ruleset_lint.text import safe


def run(request: FixRequest) -> int:
    """Fix, and say by the exit code whether findings are left."""
    checks: list[Checked] = []
    grader = Grader(lambda: _rulesets(checks[-1]), time.monotonic() + SECONDS)
    try:
        fixed = _fixed(prepare(request.subject), request, checks, grader)
        checked = checks[0]
        for problem in checked.problems:
            complain(f"{problem.path}: {problem.reason}")
        if not checked.report.files:
            return _nothing(request, checked)
        written = _show(request, fixed) if request.diff else _write(request, fixed, checked)
    except ERRORS as error:
        complain(str(error))
        return 2
    _tell_objections(fixed, grader)
    return _code(request, fixed, checks[-1], ok=written and not checked.problems)


def _fixed(prepared: Prepared, request: FixRequest, checks: list[Checked], grader: Grader) -> FixRun:
    """The fixes made in memory; `checks` gets what each check gave. Who wants unsafe ones needs no proof."""

    def check(texts: Mapping[str, str]) -> Sequence[Hit]:
        checks.append(prepared.check(texts))
        hits = checks[-1].hits
        return hits if request.unsafe else grader.graded(hits)

    def paths(path: str) -> bool:
        return _is_asked(checks[0], path)

    if request.unsafe:
        return apply_fixes(check, unsafe=True, paths=paths)
    return apply_fixes(check, paths=paths, together=grader.together)


def _rulesets(checked: Checked) -> list[Ruleset]:
    return [ruleset for gathered in checked.gathering.hosts for ruleset in gathered.host.rulesets]


def _nothing(request: FixRequest, checked: Checked) -> int:
    if not checked.problems:
        complain("nothing to check in " + ", ".join(request.subject.paths))
    return 2


def _code(request: FixRequest, fixed: FixRun, last: Checked, *, ok: bool) -> int:
    if not ok:
        return 2
    if request.exit_zero or request.fail_on == "never":
        return 0
    return int(failing(last.report, request.fail_on) or (request.diff and bool(fixed.changes)))


def _is_asked(checked: Checked, path: str) -> bool:
    """Whether a file is one of those given: what only came along with them is not written."""
    hosts = checked.gathering.hosts
    return any(
        gathered.is_asked(path) for gathered in hosts if any(path == one.path for one in gathered.host.documents)
    )


def _show(request: FixRequest, fixed: FixRun) -> bool:
    for change in fixed.changes:
        put_verbatim(diff(*change))
    _tell(request, fixed, "would be made")
    return True


def _write(request: FixRequest, fixed: FixRun, checked: Checked) -> bool:
    """Write the files, each whole or not at all; whether all could be written."""
    written = True
    stdin = (request.subject.stdin_filename or "-") if "-" in request.subject.paths else None
    for change in fixed.changes:
        if change.path == stdin:
            continue
        try:
            replace_file(Path(change.path), change.before, change.after, root=_root(checked, change.path))
        except WriteError as error:
            complain(str(error))
            written = False
    if stdin is not None:
        put_verbatim(_text(stdin, fixed, checked))
    _tell(request, fixed, "made")
    return written


def _text(path: str, fixed: FixRun, checked: Checked) -> str:
    """The text of standard input, fixed or as it came."""
    after = [change.after for change in fixed.changes if change.path == path]
    documents = (document for gathered in checked.gathering.hosts for document in gathered.host.documents)
    return after[0] if after else next((found.text for found in documents if found.path == path), "")


def _root(checked: Checked, path: str) -> Path | None:
    for gathered in checked.gathering.hosts:
        if gathered.host.root and any(path == document.path for document in gathered.host.documents):
            return Path(gathered.host.root)
    return None


def _tell(request: FixRequest, fixed: FixRun, done: str) -> None:
    """What was done and what is left: beside standard output if that has the text or the diff."""
    quiet = request.diff or "-" in request.subject.paths
    for one in fixed.applied if not quiet else ():
        put(safe(f"{one.path}:{one.line}: {one.rule}: {one.title}") + "\n")
    count = len(fixed.applied)
    unsafe = sum(is_allowed(hit.finding.fix, unsafe=True) for hit in fixed.left) - len(fixed.clashes)
    parts = [f"{count} fix{'' if count == 1 else 'es'} {done}", f"{len(fixed.left)} findings left"]
    if unsafe > 0 and not request.unsafe:
        parts.append(f"{unsafe} of them can be fixed with --unsafe-fixes, which may change what happens to a packet")
    complain(", ".join(parts))
    for hit in fixed.clashes:
        place = hit.finding.place
        complain(f"{place.document.path}: {hit.rule.id} finds something to fix again and again: given up")


def _tell_objections(fixed: FixRun, grader: Grader) -> None:
    """Why fixes are left that their rules call safe."""
    for hit in fixed.left:
        place = hit.finding.place
        objection = grader.objections.get((place.document.path, place.span.start, hit.rule.id))
        if objection:
            line = place.document.position(place.span.start).line
            complain(f"{place.document.path}:{line}: {hit.rule.id}: not safe to fix: {objection}")
