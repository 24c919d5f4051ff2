"""Manual pages of rules as Markdown, and the list of them. Knows no particular rule, and no file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

from ruleset_lint.lint.rules import RuleInfo

_SECTION = re.compile(r"^## Fix safety\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_GRADE = re.compile(r"(?:^|\.\s+)(Safe|Unsafe|Manual|The rewriter|No fix)\b")
_GRADES = {"Manual": "by hand", "The rewriter": "`rewrite`", "No fix": "none"}


def page(info: RuleInfo) -> str:
    """The page of a rule: what it is called, how much it counts, and its manual; ends with a line feed."""
    summary, _, sections = info.manual.strip().partition("\n")
    return f"# {info.id} ({info.severity.value})\n\n{summary}.\n\n{_facts(info)}\n\n{sections.strip()}\n"


def index(rules: Iterable[RuleInfo]) -> str:
    """The list of all pages by category, one line a rule; links go to `<category>/<name>.md`."""
    by_category = groupby(sorted(rules, key=lambda info: info.id), lambda info: info.category)
    parts = ["# Rules\n\n`ruleset-lint explain RULE` prints a page, `ruleset-lint explain CATEGORY` all of one.\n"]
    for category, members in by_category:
        rows = "".join(map(_row, members))
        parts.append(f"## {category}\n\n| rule | | what it says | fix |\n| --- | --- | --- | --- |\n{rows}")
    return "\n".join(parts)


def grades(info: RuleInfo) -> tuple[str, ...]:
    """Who mends what the rule finds, and how safely, as the page's section on that says: usual case first."""
    section = _SECTION.search(info.manual)
    found = _GRADE.findall(section[1]) if section else []
    return tuple(dict.fromkeys(_GRADES.get(word, word.lower()) for word in found))


def _facts(info: RuleInfo) -> str:
    facts = f"Fix: {', '.join(grades(info))}."
    if info.yields_to:
        others = ", ".join(f"`{name}`" for name in info.yields_to)
        facts += f" Not said of a place of which {others} {'speaks' if len(info.yields_to) == 1 else 'speak'}."
    return facts


def _row(info: RuleInfo) -> str:
    name = info.id.partition("/")[2]
    summary = info.summary.replace("|", r"\|")
    return f"| [{name}]({info.id}.md) | {info.severity.value} | {summary} | {', '.join(grades(info))} |\n"
