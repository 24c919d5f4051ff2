"""What the README shows is what the program prints. `pytest tests/test_readme.py --update` refreshes it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
EXAMPLE = re.compile(r"(\$ ruleset-lint (check .*busy-web)\n)(.*?)(```)", re.DOTALL)


def example() -> re.Match[str]:
    found = EXAMPLE.search(README.read_text("utf-8"))
    assert found
    return found


def test_the_example_is_fresh(request: pytest.FixtureRequest) -> None:
    command = [sys.executable, "-m", "ruleset_lint", *example()[2].split()]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    if request.config.getoption("--update"):
        shown = example()
        README.write_text(README.read_text("utf-8").replace(shown[0], f"{shown[1]}{printed}{shown[4]}"), "utf-8")
    assert example()[3] == printed


@pytest.mark.parametrize("word", ["ruleset-lint rewrite fixtures/hosts/busy-web", ".venv/bin/pytest"])
def test_the_two_lines_start_from_a_bare_clone(word: str) -> None:
    lines = README.read_text("utf-8").splitlines()
    assert sum(line.startswith("    python3 -m venv .venv && ") and word in line for line in lines) == 1
