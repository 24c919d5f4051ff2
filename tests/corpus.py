"""Where the corpus of tests that measure lies: RULESET_LINT_CORPUS, or `shared/corpus` beside the repository."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path

import pytest

_BESIDE = Path(__file__).parent.parent.parent / "shared" / "corpus"
CORPUS = Path(os.environ.get("RULESET_LINT_CORPUS") or _BESIDE)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}

needs_corpus = pytest.mark.skipif(
    not (CORPUS / "lexical.tsv").is_file(), reason="no corpus: set RULESET_LINT_CORPUS to its folder"
)


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a table of the corpus; none where there is no corpus."""
    file = CORPUS / name
    if not file.is_file():
        return []
    with file.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text)


def dump(row: dict[str, str]) -> str:
    return (CORPUS / "dumps" / row["file"]).read_bytes().decode("utf-8", "surrogateescape")
