"""The benchmarks run, at tiny sizes; nothing here looks at a clock."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import broken, conformance, corpus, speed
from benchmarks.cost import Cost, FailedError, cost
from benchmarks.measures import Case, judged
from benchmarks.normal_form import groups
from benchmarks.restore import BACKENDS, Backend, ask, missing
from benchmarks.rulesets import KINDS
from ruleset_lint.model.loadability import breaks
from ruleset_lint.model.loading import load
from ruleset_lint.syntax.iptables_save import parse

needs_restore = pytest.mark.skipif(missing() is not None, reason=str(missing()))
each_kind = pytest.mark.parametrize("kind", KINDS)
each_backend = pytest.mark.parametrize("backend", BACKENDS)


@each_kind
@pytest.mark.parametrize("rules", [0, 1, 3, 50, 400])
def test_a_made_ruleset_has_as_many_rules_as_asked_for(kind: str, rules: int) -> None:
    text = "".join(f"{line}\n" for line in KINDS[kind](rules))
    ruleset = load(parse("made", text))
    assert (len(ruleset.rules), list(breaks(ruleset))) == (rules, [])


def test_a_third_of_the_lines_of_a_cluster_node_are_chains() -> None:
    starts = Counter(line[0] for line in KINDS["cluster node"](3000))
    assert 0.28 < starts[":"] / starts.total() < 0.36


@each_kind
def test_the_same_size_gives_the_same_ruleset(kind: str) -> None:
    assert list(KINDS[kind](200)) == list(KINDS[kind](200))


@needs_restore
@each_kind
@each_backend
def test_a_made_ruleset_loads(kind: str, backend: Backend) -> None:
    assert ask("".join(f"{line}\n" for line in KINDS[kind](300)), backend).code == 0


@needs_restore
@each_backend
@pytest.mark.parametrize("file", broken.FILES, ids=lambda file: file.name)
def test_restore_does_with_a_broken_file_what_is_recorded(file: broken.Broken, backend: Backend) -> None:
    assert broken.asked(file, backend) == getattr(file, backend)


@pytest.mark.parametrize("file", broken.FILES, ids=lambda file: file.name)
def test_a_broken_file_passes_a_test_somewhere(file: broken.Broken) -> None:
    assert {file.nft, file.legacy} & {broken.PASSES_LOADS, broken.PASSES_REFUSES}


def test_the_table_of_broken_files_has_a_row_a_file() -> None:
    rows = broken.table().splitlines()
    assert (len(rows), {row.count("|") for row in rows}) == (len(broken.FILES) + 2, {6})


def test_a_measure_counts_what_no_excuse_covers() -> None:
    cases = [Case("a", "", 4, True), Case("b", "", 4, False), Case("c", "", 4, False, "no module")]
    measure = judged("title", cases, "nft", 99, lambda case, backend: True)
    assert (measure.right, measure.counted, [case.name for case in measure.excused]) == (1, 2, ["c"])
    assert measure.failures == ("b: restore refuses it, we say otherwise",)


def test_lines_are_compared_by_table_and_chain() -> None:
    text = "# x\n*filter\n:INPUT DROP [1:2]\n:A - [0:0]\n-A INPUT -j A\n-A A -j DROP\nCOMMIT\n"
    assert groups(text) == {
        ("filter", ""): [":A -", ":INPUT DROP"],
        ("filter", "INPUT"): ["-A INPUT -j A"],
        ("filter", "A"): ["-A A -j DROP"],
    }


def test_without_a_corpus_the_broken_files_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RULESET_LINT_CORPUS", str(tmp_path))
    conformance.main(["--summary"])
    printed = capsys.readouterr().out
    assert f"none in {corpus.corpus()}" in printed
    assert "broken files that `--test` passes: found | legacy" in printed


def test_a_small_corpus_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    header = "case\tinput\tnft_rc\tlegacy_rc\n"
    (tmp_path / "lexical.tsv").write_text(f"{header}ok\t*filter\\nCOMMIT\\n\t0\t0\nbad\t*filter\\nCOMMIT\\n\t1\t0\n")
    monkeypatch.setenv("RULESET_LINT_CORPUS", str(tmp_path))
    assert conformance.main([]) == 1
    printed = capsys.readouterr().out
    assert "fails: nft: odd inputs (lexical.tsv): like restore: bad: restore refuses it, we say otherwise" in printed
    assert "fails: legacy: odd" not in printed


def test_a_cost_is_measured() -> None:
    used = cost([sys.executable, "-c", "pass"])
    assert used.cpu > 0
    assert used.memory > 1


def test_a_command_that_fails_has_no_cost() -> None:
    with pytest.raises(FailedError, match="exit code 3"):
        cost([sys.executable, "-c", "raise SystemExit(3)"])


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        ((2.0, 3.0), "exponent 1.00"),
        ((1.1, 1.2), "lost in the time it takes to start"),
        ((2.0, 0.9), "lost in the time it takes to start"),
    ],
    ids=["linear", "too small", "a machine that is busy"],
)
def test_growth_is_told_where_it_shows(seconds: tuple[float, float], said: str) -> None:
    points = [
        speed.Point("flat", size, size, Cost(cpu, 0), Cost(1, 0)) for size, cpu in zip((10, 20), seconds, strict=True)
    ]
    assert said in next(speed.growth(points, 1.0))


@needs_restore
def test_speed_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert speed.main(["--sizes", "20,40", "--kinds", "cluster node", "--runs", "1"]) == 0
    assert "| cluster node | 40 |" in capsys.readouterr().out


def test_a_kind_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        speed.main(["--kinds", "round"])
    assert "no round" in capsys.readouterr().err
