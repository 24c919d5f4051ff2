"""The README's table of broken files is what `benchmarks.broken` makes. `--update` refreshes it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.broken import table

README = Path(__file__).parent.parent / "README.md"
MARKED = re.compile(r"(<!-- broken files -->\n\n?)((?:\|.*\n)*)")


def test_the_table_of_broken_files_is_fresh(*, update: bool) -> None:
    text = README.read_text("utf-8")
    found = MARKED.search(text)
    if found is None:
        pytest.skip("the README has no <!-- broken files -->")
    if update:
        README.write_text(text[: found.start(2)] + table() + text[found.end(2) :], "utf-8")
    assert update or found[2] == table()
