"""`ruleset-lint explain`: the manual page of a rule, or of all of a category."""

from __future__ import annotations

import difflib

from ruleset_lint.cli.terminal import complain, put
from ruleset_lint.lint.selection import all_rules, names_of
from ruleset_lint.report.rule_page import page


def run(name: str) -> int:
    """Print the page."""
    rules = all_rules()
    wanted = [info for info in rules if name in (info.id, info.category)]
    if not wanted:
        near = difflib.get_close_matches(name[:60], sorted(names_of(rules)), n=1)
        hint = f"did you mean {near[0]}?" if near else "`ruleset-lint rules` lists them"
        complain(f"no rule or category {name[:60]!r}; {hint}")
        return 2
    put("\n".join(map(page, wanted)))
    return 0
