"""`ruleset-lint rules`: the list of all rules, for people and for programs."""

from __future__ import annotations

import json

from ruleset_lint.cli.requests import ListFormat
from ruleset_lint.cli.terminal import put
from ruleset_lint.lint.rules import RuleInfo
from ruleset_lint.lint.selection import all_rules, names_of


def run(output_format: ListFormat) -> int:
    """Print the list."""
    rules = all_rules()
    if output_format == "json":
        put(json.dumps([_entry(info) for info in rules], indent=2) + "\n")
        return 0
    width = max((len(info.id) for info in rules), default=0)
    put("".join(f"{info.id:<{width}}  {info.severity.value:<7}  {info.summary}\n" for info in rules))
    return 0


def complete(incomplete: str) -> list[str]:
    """Ids and categories that begin so."""
    return sorted(name for name in names_of(all_rules()) if name.startswith(incomplete))


def _entry(info: RuleInfo) -> dict[str, object]:
    return {
        "id": info.id,
        "category": info.category,
        "severity": info.severity.value,
        "summary": info.summary,
        "needs": list(info.needs),
        "manual": info.manual,
    }
