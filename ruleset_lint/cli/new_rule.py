"""`ruleset-lint new-rule`: the skeleton of a rule and of its fixtures. The test suite then says what is missing."""

from __future__ import annotations

import re
from pathlib import Path

from ruleset_lint.cli.terminal import complain, put
from ruleset_lint.resources import resource
from ruleset_lint.rewrite.writing import WriteError, write_file

_ID = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*/[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_RULE = '''\
from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Severity, at_rule, rule
from ruleset_lint.model.ruleset import Ruleset


@rule(Severity.WARNING)
def {name}(ruleset: Ruleset) -> Iterator[Finding]:
    """SUMMARY

    ## What it does

    ## Why is this bad?

    ## Example

    ## Use instead

    ## Fix safety

    ## Since

    ## Source
    """
    for found in ruleset.where(lambda shape: False):
        yield Finding(at_rule(ruleset, found), "MESSAGE")
'''
_BAD = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"


def run(rule: str) -> int:
    """Write the files."""
    if not _ID.fullmatch(rule):
        complain(f"{rule[:60]!r} is no id of a rule: category/name in small letters, words joined by -")
        return 2
    rules = resource("rules")
    if not (rules.parent / "pyproject.toml").is_file():
        complain("rules are written in a checkout of ruleset-lint, and this program runs from an installed package")
        return 2
    try:
        for path, text in _skeleton(rules.parent, rule):
            _write_new(path, text)
            put(f"{path}\n")
    except (OSError, WriteError) as error:
        complain(str(error))
        return 2
    put("now `pytest tests/test_rules.py` says what is missing, and with --update writes the expected output\n")
    return 0


def _skeleton(checkout: Path, rule: str) -> list[tuple[Path, str]]:
    category, name = (part.replace("-", "_") for part in rule.split("/"))
    fixtures = checkout / "fixtures" / "rules" / rule
    package = checkout / "rules" / category / "__init__.py"
    return [
        *([] if package.exists() else [(package, "")]),
        (package.with_name(f"{name}.py"), _RULE.format(name=name)),
        (fixtures / "bad-plain.rules", _BAD),
        (fixtures / "ok-plain.rules", _BAD),
        (fixtures / "ok-tempting.rules", _BAD),
    ]


def _write_new(path: Path, text: str) -> None:
    if path.exists():
        raise WriteError(f"{path}: exists, not written")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, text)
