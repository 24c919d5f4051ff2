"""Each rule on its fixtures: silent on the good ones, on the bad ones exactly what is written beside them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from rule_fixtures import Files, Fixture, files, fixed, fixtures, judge

from ruleset_lint.lint.report import report
from ruleset_lint.report import concise

on_ok = pytest.mark.parametrize("fixture", fixtures("ok"), ids=lambda fixture: fixture.id)
on_bad = pytest.mark.parametrize("fixture", fixtures("bad"), ids=lambda fixture: fixture.id)


@on_ok
def test_is_silent(fixture: Fixture, tmp_path: Path) -> None:
    assert concise.render(report([judge(fixture, files(fixture), tmp_path)])) == ""


@on_bad
def test_says_what_is_written(fixture: Fixture, tmp_path: Path, update: bool) -> None:
    outcome = judge(fixture, files(fixture), tmp_path)
    said = concise.render(report([outcome]))
    golden = fixture.beside(".out")
    if update and said:
        golden.write_text(said, "utf-8")
    assert said, f"silent; skipped: {[one.facts for one in outcome.skipped]}"
    assert golden.exists(), "write it with: pytest tests/test_rules.py --update"
    assert said == golden.read_text("utf-8")


@on_bad
def test_mends_what_is_written(fixture: Fixture, tmp_path: Path, update: bool) -> None:
    before = files(fixture)
    after = {path: content for path, content in fixed(fixture, before, tmp_path).items() if content != before[path]}
    if update:
        _write(fixture, after)
    assert after == _golden(fixture), "write it with: pytest tests/test_rules.py --update"


@on_bad
def test_is_quiet_when_mended(fixture: Fixture, tmp_path: Path) -> None:
    before = files(fixture)
    without_edits = [
        hit for hit in judge(fixture, before, tmp_path).hits if not (hit.finding.fix and hit.finding.fix.edits)
    ]
    left = judge(fixture, fixed(fixture, before, tmp_path), tmp_path).hits
    assert not [hit.finding.message for hit in left if hit.finding.fix and hit.finding.fix.edits]
    assert len(left) <= len(without_edits), [hit.finding.message for hit in left]


@on_bad
def test_writes_messages_in_the_house_style(fixture: Fixture, tmp_path: Path) -> None:
    for hit in judge(fixture, files(fixture), tmp_path).hits:
        finding = hit.finding
        notes = [place.note for place in (finding.place, *finding.related) if place.note]
        for text in (finding.message, *finding.help, *notes, *([finding.fix.title] if finding.fix else [])):
            assert text == text.strip()
            assert not text.endswith((".", "!"))
            assert "please" not in text.lower()
            assert text
            assert "\n" not in text


@on_bad
def test_says_what_cannot_be_changed_by_an_edit(fixture: Fixture, tmp_path: Path) -> None:
    for hit in judge(fixture, files(fixture), tmp_path).hits:
        fix = hit.finding.fix
        assert fix is None or fix.edits or fix.emits or fix.safety == "manual", "a fix is edits, a file, or a person's"
        assert fix is None or not (fix.edits and fix.emits)


def _golden(fixture: Fixture) -> Files:
    golden = fixture.beside(".fixed")
    if golden.is_dir():
        found = (path for path in golden.rglob("*") if path.is_file())
        return {f"{fixture.path.name}/{path.relative_to(golden).as_posix()}": path.read_bytes() for path in found}
    return {fixture.path.name: golden.read_bytes()} if golden.exists() else {}


def _write(fixture: Fixture, after: Files) -> None:
    golden = fixture.beside(".fixed")
    if golden.is_dir():
        shutil.rmtree(golden)
    golden.unlink(missing_ok=True)
    for path, content in after.items():
        target = golden / path.partition("/")[2] if fixture.path.is_dir() else golden
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
