"""What every rule must have: a name, a page, fixtures."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from rule_fixtures import FOLDER, fixtures

from ruleset_lint.lint import RuleInfo
from ruleset_lint.lint.facts import FACTS, SUPPRESSIONS
from ruleset_lint.lint.selection import all_rules, names_of
from ruleset_lint.resources import resource

HEADINGS = [
    "What it does", "Why is this bad?", "Example", "Use instead", "Fix safety", "Since", "Source",
]  # fmt: skip
FILES = sorted(path for path in resource("rules").rglob("[!_]*.py"))
each_rule = pytest.mark.parametrize("info", all_rules(), ids=lambda info: info.id)


def test_a_file_holds_one_rule_of_its_name() -> None:
    assert [f"{path.parent.name}/{path.stem}".replace("_", "-") for path in FILES] == sorted(
        info.id for info in all_rules()
    )


def test_ids_are_unique() -> None:
    assert [name for name, count in Counter(info.id for info in all_rules()).items() if count > 1] == []


def test_every_folder_of_fixtures_belongs_to_a_rule() -> None:
    folders = {path.relative_to(FOLDER).as_posix() for path in FOLDER.glob("*/*")}
    assert folders - {info.id for info in all_rules()} == set()


def test_every_fixture_is_found() -> None:
    known = {path for kind in ("ok", "bad") for fixture in fixtures(kind) for path in _files_of(fixture)}
    assert set(FOLDER.glob("*/*/*")) - known == set()


def _files_of(fixture):
    return {fixture.path, *(fixture.beside(suffix) for suffix in (".out", ".fixed", ".toml"))}


@each_rule
def test_id_is_kebab_case(info: RuleInfo) -> None:
    assert re.fullmatch("[a-z]+/[a-z0-9]+(-[a-z0-9]+)*", info.id)


@each_rule
def test_asks_for_facts_that_exist(info: RuleInfo) -> None:
    assert set(info.needs) <= set(FACTS) or info.needs == (SUPPRESSIONS,)
    assert info.needs


@each_rule
def test_yields_to_rules_that_exist(info: RuleInfo) -> None:
    assert set(info.yields_to) <= names_of(all_rules()) - {info.id}


@each_rule
def test_page_has_its_headings(info: RuleInfo) -> None:
    assert re.findall("^## (.*)$", info.manual, re.MULTILINE) == HEADINGS


@each_rule
def test_page_has_no_empty_section(info: RuleInfo) -> None:
    sections = re.split("^## .*$", info.manual, flags=re.MULTILINE)
    assert [section for section in sections if not section.strip()] == []


@each_rule
def test_summary_is_one_sentence(info: RuleInfo) -> None:
    assert 10 < len(info.summary) <= 110
    assert re.match("[A-Z`0-9]|ip6?tables", info.summary)
    assert not info.summary.endswith(".")
    assert info.manual.split("\n")[1] == ""


@each_rule
def test_page_speaks_of_public_sources(info: RuleInfo) -> None:
    assert not re.search(r"\b(FACTS|NOTRACK|RULES|ECOSYSTEM|MODELS|DESIGN|PEERS)\.md|shared/|TODO", info.manual)


@each_rule
def test_fires_on_a_fixture_and_is_silent_on_another(info: RuleInfo) -> None:
    for kind in ("bad", "ok"):
        assert [fixture.path.name for fixture in fixtures(kind) if fixture.rule == info.id], f"no {kind}-* fixture"
