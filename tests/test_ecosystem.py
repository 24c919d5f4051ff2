"""Findings on rulesets of others and on the fixture hosts are those that were looked at. `--update` takes new ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import corpus
from benchmarks.ecosystem import difference, findings

GOLDEN = Path(__file__).parent / "golden/ecosystem"


@pytest.mark.parametrize("folder", ["dumps", "files", "hosts"])
def test_findings_are_those_that_were_looked_at(folder: str, *, update: bool) -> None:
    if folder != "hosts" and not corpus.rows(f"{folder}/INDEX.tsv"):
        pytest.skip("no corpus: RULESET_LINT_CORPUS names none")
    now, golden = findings(folder), GOLDEN / f"{folder}.tsv"
    if update:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text("".join(f"{line}\n" for line in now), "utf-8")
    assert difference(golden.read_text("utf-8").splitlines(), now) == []
