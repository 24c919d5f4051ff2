"""`ruleset-lint format`: rules as iptables-save prints them, in place, as a diff, or only asked about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ruleset_lint.api import NotLoadedError, format_text
from ruleset_lint.cli.diff import diff
from ruleset_lint.cli.requests import FormatRequest
from ruleset_lint.cli.subject import ERRORS, prepare
from ruleset_lint.cli.terminal import complain, put, put_verbatim
from ruleset_lint.gather import Gathering, gather
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.rewrite.writing import WriteError, replace_file
from ruleset_lint.text import safe


class _File(NamedTuple):
    """A ruleset that was asked for, the root of its machine, and its text as it shall be (None: it does not load)."""

    ruleset: Ruleset
    root: Path | None
    after: str | None

    @property
    def path(self) -> str:
        return self.ruleset.document.path

    @property
    def before(self) -> str:
        return self.ruleset.document.text

    @property
    def changes(self) -> bool:
        return self.after is not None and self.after != self.before


def run(request: FormatRequest) -> int:
    """Format, and say by the exit code whether something is, or was only to be, changed, or could not be."""
    try:
        prepared = prepare(request.subject)
        gathering = gather(prepared.found, prepared.configuration, prepared.options, {})
        files = [_file(ruleset, root, request) for ruleset, root in _asked(gathering)]
    except ERRORS as error:
        complain(str(error))
        return 2
    problems = [*gathering.problems, *(problem for host in gathering.hosts for problem in host.problems)]
    for problem in problems:
        complain(f"{problem.path}: {problem.reason}")
    if not files and not problems:
        complain("no ruleset in " + ", ".join(request.subject.paths))
    done = [_show(one, request) if request.check or request.diff else _write(one, request) for one in files]
    if problems or not files or not all(done):
        return 2
    return int((request.check or request.diff) and any(one.changes for one in files))


def _asked(gathering: Gathering) -> Iterator[tuple[Ruleset, Path | None]]:
    for gathered in gathering.hosts:
        root = Path(gathered.host.root) if gathered.host.root else None
        for ruleset in gathered.host.rulesets:
            if gathered.is_asked(ruleset.document.path):
                yield ruleset, root


def _file(ruleset: Ruleset, root: Path | None, request: FormatRequest) -> _File:
    try:
        return _File(ruleset, root, format_text(ruleset, request.subject.backend or "nft"))
    except NotLoadedError as error:
        complain(f"{ruleset.document.path}: {error}: it would not load, so it stays as it is")
        return _File(ruleset, root, None)


def _show(file: _File, request: FormatRequest) -> bool:
    """Say what would change; whether the file could be read as a ruleset that loads."""
    if file.changes and file.after is not None:
        if request.diff:
            put_verbatim(diff(file.path, file.before, file.after))
        else:
            put(safe(f"would change {file.path}") + "\n")
    return file.after is not None


def _write(file: _File, request: FormatRequest) -> bool:
    """Write the file, or standard input to standard output; whether that went well."""
    if "-" in request.subject.paths and file.path == (request.subject.stdin_filename or "-"):
        put_verbatim(file.before if file.after is None else file.after)
    elif file.changes and file.after is not None:
        try:
            replace_file(Path(file.path), file.before, file.after, root=file.root)
        except WriteError as error:
            complain(str(error))
            return False
        put(safe(f"changed {file.path}") + "\n")
    return file.after is not None
