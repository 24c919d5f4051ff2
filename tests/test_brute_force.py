"""Small rulesets made up: what the sets say of each packet of a small universe is what a walk with it alone gives."""

from __future__ import annotations

import pytest

from benchmarks import brute_force
from benchmarks.brute_force import differences, made
from ruleset_lint.packets import walking


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_sets_and_single_packets_agree(first: int) -> None:
    found = [difference for seed in range(first, first + 20) for difference in differences(seed, share=0.005)]
    assert found == []


def test_rulesets_made_up_are_of_all_kinds() -> None:
    text = "".join(map(made, range(200)))
    wanted = ("*raw", "*mangle", "-g A", "-j C", "RETURN", "NOTRACK", "--set-xmark", "! -s", "! --ctstate", "multiport",
              "match-set", "statistic", "REJECT", ":INPUT DROP", "-o eth+")  # fmt: skip
    assert [word for word in wanted if word not in text] == []


def test_a_difference_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "at_conntrack", lambda space, store: space.none)
    assert any(difference for seed in range(10) for difference in differences(seed, share=0.01))


def test_the_command_counts_the_differences(capsys: pytest.CaptureFixture[str]) -> None:
    assert brute_force.main(["--rulesets", "2", "--share", "0.01"]) == 0
    assert capsys.readouterr().out.startswith("2 rulesets, 0 differences")
