"""From what was asked to what is checked: standard input, configuration, options, files. Prints nothing."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ruleset_lint.api import Checked, check_found
from ruleset_lint.cli.requests import FailOn, Subject
from ruleset_lint.gather import Found, Options, UnreadableError, find
from ruleset_lint.gather.files import LARGEST
from ruleset_lint.lint.configuration import Configuration, ConfigurationError
from ruleset_lint.lint.configuration import find as find_configuration
from ruleset_lint.lint.configuration import read as read_configuration
from ruleset_lint.lint.finding import Severity
from ruleset_lint.lint.report import Report
from ruleset_lint.netfilter.profiles import UnknownProfileError
from ruleset_lint.rewrite.writing import WriteError


class UsageError(Exception):
    """Something was asked for that cannot be; the text says what to do instead."""


ERRORS = (UsageError, ConfigurationError, UnknownProfileError, UnreadableError, WriteError)
"""What ends a command with exit code 2 and one line."""


class Prepared(NamedTuple):
    """What was found, and the settings that count."""

    found: Found
    configuration: Configuration
    options: Options

    def check(self, texts: Mapping[str, str] | None = None) -> Checked:
        """Findings, with `texts` in place of the files of these paths."""
        return check_found(self.found, self.configuration, self.options, texts)


def prepare(subject: Subject) -> Prepared:
    """Find and read what was asked for. Raises one of ERRORS."""
    if subject.stdin_filename and "-" not in subject.paths:
        raise UsageError("--stdin-filename says what standard input stands for: give - as the path")
    stdin = sys.stdin.buffer.read(LARGEST + 1) if "-" in subject.paths else None
    found = find((path for path in subject.paths if path != "-"), stdin)
    return Prepared(found, _configuration(subject, found), _options(subject))


def failing(report: Report, fail_on: FailOn) -> bool:
    """Whether findings are as severe as that."""
    if fail_on == "never":
        return False
    least = Severity(fail_on).rank
    return any(finding.severity.rank <= least for finding in report.findings)


def _configuration(subject: Subject, found: Found) -> Configuration:
    if subject.config and subject.isolated:
        raise UsageError("--config names a configuration and --isolated wants none: give one of them")
    path = Path(subject.config) if subject.config else None
    if path is None and not subject.isolated:
        path = find_configuration(Path.cwd(), [Path(root) for root in found.roots])
    configuration = read_configuration(path) if path else Configuration()
    return configuration._replace(
        select=subject.select or configuration.select,
        ignore=subject.ignore or configuration.ignore,
    )


def _options(subject: Subject) -> Options:
    return Options(
        profile=subject.profile,
        family=None if subject.family is None else 6 if subject.family == "6" else 4,
        backend=subject.backend,
        fragment=subject.fragment,
        stdin_filename=subject.stdin_filename,
    )
