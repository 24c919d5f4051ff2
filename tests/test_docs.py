"""The pages below docs/: those of rules are made from their docstrings, the others show what the program prints.

`pytest tests/test_docs.py --update` refreshes them.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from page_examples import PAGES, refreshed, uses
from rule_examples import blocks, said
from rule_fixtures import files as files_of
from rule_fixtures import fixtures, judge
from rule_surroundings import PROSE, surroundings
from running import Command

from ruleset_lint.lint import RuleInfo
from ruleset_lint.lint.selection import all_rules
from ruleset_lint.report.rule_page import grades, index, page

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
RULES = DOCS / "rules"
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[\w-]+)?\)")
GRADES = {"safe": "safe", "unsafe": "unsafe", "manual": "by hand"}

each_rule = pytest.mark.parametrize("info", all_rules(), ids=lambda info: info.id)
each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(DOCS).as_posix())


def test_rule_pages_are_fresh(*, update: bool) -> None:
    wanted = {RULES / f"{info.id}.md": page(info) for info in all_rules()} | {RULES / "index.md": index(all_rules())}
    if update:
        for old in set(RULES.rglob("*.md")) - set(wanted):
            old.unlink()
        for path, text in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    found = {path: path.read_text("utf-8") for path in RULES.rglob("*.md")}
    assert found == wanted, "refresh them with: pytest tests/test_docs.py --update"


@each_rule
def test_example_is_found(info: RuleInfo, tmp_path: Path) -> None:
    shown = blocks(info, "Example")
    assert shown
    for code in shown:
        assert said(info, code, surroundings(info), tmp_path)


@each_rule
def test_use_instead_is_not_found(info: RuleInfo, tmp_path: Path) -> None:
    shown = blocks(info, "Use instead")
    assert bool(shown) is (info.id not in PROSE)
    for code in shown:
        assert [finding.message for finding in said(info, code, surroundings(info), tmp_path)] == []


@each_rule
def test_fix_safety_names_every_grade(info: RuleInfo, tmp_path: Path) -> None:
    told = set(grades(info))
    assert told
    found = [fixture for fixture in fixtures("bad") if fixture.rule == info.id]
    outcomes = [judge(fixture, files_of(fixture), tmp_path / fixture.path.name) for fixture in found]
    fixes = [hit.finding.fix for outcome in outcomes for hit in outcome.hits]
    by_program = {GRADES[fix.safety.value] for fix in fixes if fix and not fix.emits}
    assert by_program <= told
    assert not any(fix and fix.emits for fix in fixes) or told & {"`rewrite`", "by hand"}
    assert "none" not in told or not any(fixes)


@each_rule
def test_manual_is_markdown(info: RuleInfo) -> None:
    plain = re.sub(r"```.*?```|`[^`]*`", "", info.manual, flags=re.DOTALL)
    assert not re.search(r"[*<>]|\b_\w", plain), "what Markdown would read as its own stands in backticks"


@each_page
def test_links_lead_somewhere(path: Path) -> None:
    inside = [link for link in LINK.findall(path.read_text("utf-8")) if "://" not in link]
    assert [link for link in inside if not (path.parent / link).is_file()] == []


@each_page
def test_shown_output_is_fresh(path: Path, tmp_path: Path, *, update: bool) -> None:
    text = path.read_text("utf-8")
    fresh = refreshed(text, tmp_path / "here")
    if update:
        path.write_text(fresh, "utf-8")
    assert update or text == fresh, "refresh it with: pytest tests/test_docs.py --update"


@each_page
def test_commands_have_the_options_that_are_given(path: Path, command: Command) -> None:
    given = sorted(set(uses(path.read_text("utf-8"))))
    helps = {use.command: command(use.command, "--help").out for use in given}
    assert [use for use in given if not re.search(rf"(?<!\S){use.option}\b", helps[use.command])] == []
