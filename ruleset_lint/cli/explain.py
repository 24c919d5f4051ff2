"""`ruleset-lint explain`: the manual page of a rule, or of all of a category."""

from __future__ import annotations

import difflib

from ruleset_lint.cli.terminal import complain, put
from ruleset_lint.lint.rules import RuleInfo
from ruleset_lint.lint.selection import all_rules, names_of


def run(name: str) -> int:
    """Print the page."""
    rules = all_rules()
    wanted = [info for info in rules if name in (info.id, info.category)]
    if not wanted:
        near = difflib.get_close_matches(name[:60], sorted(names_of(rules)), n=1)
        hint = f"did you mean {near[0]}?" if near else "`ruleset-lint rules` lists them"
        complain(f"no rule or category {name[:60]!r}; {hint}")
        return 2
    put("\n".join(map(_page, wanted)))
    return 0


def _page(info: RuleInfo) -> str:
    return f"# {info.id} ({info.severity.value})\n\n{info.manual.strip()}\n"
