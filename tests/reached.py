"""Small rulesets, and what the rules about reachability say of them."""

from __future__ import annotations

import pytest

from ruleset_lint.gather import Options, gather_text
from ruleset_lint.lint import Configuration
from ruleset_lint.lint.engine import Outcome, run
from ruleset_lint.lint.report import report
from ruleset_lint.lint.selection import all_rules

REACH = tuple(info for info in all_rules() if info.category == "reach")
HOOKS = {
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "raw": ("PREROUTING", "OUTPUT"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
}
case = pytest.param
SHADOWED, NEVER, CONTRARY = "reach/shadowed", "reach/never-matches", "reach/contradiction"


def table(name: str, *rules: str, chains: tuple[str, ...] = ("A", "B"), policy: str = "ACCEPT") -> str:
    declared = [*(f":{hook} {policy} [0:0]" for hook in HOOKS[name]), *(f":{chain} - [0:0]" for chain in chains)]
    return "\n".join((f"*{name}", *declared, *(f"-A {rule}" for rule in rules), "COMMIT", ""))


def checked(text: str, family: int = 4) -> Outcome:
    return run(gather_text(text.encode(), "rules", options=Options(family=family)), REACH, Configuration())


def found(text: str, family: int = 4) -> dict[str, list[str]]:
    """By the text of a rule the findings about it."""
    lines = text.split("\n")
    result: dict[str, list[str]] = {}
    for finding in report([checked(text, family)]).findings:
        result.setdefault(lines[finding.line - 1].removeprefix("-A "), []).append(finding.rule)
    return result
