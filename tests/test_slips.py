"""Statements of a service configuration that were meant to set a variable: what is meant, and what the shell does."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruleset_lint.model.precedence import service_config
from ruleset_lint.model.slips import Mistake, Slip, slips
from ruleset_lint.syntax import assignments


class Case(NamedTuple):
    """A text, and what is to be said of it."""

    text: str
    mistake: Mistake
    name: str
    meant: str | None
    runs: str


WRONG = {
    "blanks on both sides": Case('A = "x y"', Mistake.SPACES, "A", 'A="x y"', "A"),
    "blank before": Case("A =x", Mistake.SPACES, "A", 'A="x"', "A"),
    "blank behind": Case('A= "x y"', Mistake.SPACES, "A", 'A="x y"', "x"),
    "carriage return": Case("A = x\r", Mistake.SPACES, "A", 'A="x"', "A"),
    "words": Case("A=x y z # note", Mistake.WORDS, "A", 'A="x y z"', "y"),
    "two assignments and a word": Case("A=1 B=x y", Mistake.WORDS, "B", 'B="x y"', "y"),
    "words with code": Case('A="$B x" y', Mistake.WORDS, "A", None, "y"),
    "typographic quotes, words": Case("A=”x y”", Mistake.QUOTES_SPLIT, "A", 'A="x y"', "y”"),
    "typographic quotes, a word": Case("A=“x”", Mistake.QUOTES_IN_VALUE, "A", 'A="x"', ""),
    "typographic quotes within quotes": Case('A="„x y“"', Mistake.QUOTES_IN_VALUE, "A", 'A="x y"', ""),
    "quote never closed": Case('A="x', Mistake.UNCLOSED, "", None, ""),
}
RIGHT = [
    "A=x", 'A="x y"', "A='x y'", "A=", "A=1 B=2", "A=1; B=2", "export A=x", "# A = x", "date", "A=x\ny", "\r",
    'A="x\ny"',
]  # fmt: skip
on_wrong = pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)


def found(text: str) -> list[Slip]:
    return list(slips(service_config(assignments.parse("iptables-config", text))))


@on_wrong
def test_sees_the_slip(case: Case) -> None:
    (slip,) = found(case.text)
    assert (slip.mistake, slip.name, slip.meant, slip.runs) == case[1:]


@pytest.mark.parametrize("text", RIGHT)
def test_is_content(text: str) -> None:
    assert found(text) == []


def test_spans_the_statement() -> None:
    text = "# first\n  A=”x y” # note\n"
    (slip,) = found(text)
    assert text[slip.span.start : slip.span.end] == "A=”x y”"


def test_reads_nothing_behind_an_open_quote() -> None:
    assert [slip.mistake for slip in found('A="x\nB = y\n')] == [Mistake.UNCLOSED]


@pytest.mark.parametrize("shell", ["bash", "dash"])
@on_wrong
def test_the_shell_does_not_set_what_was_meant(case: Case, shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell}")
    (tmp_path / "config").write_text(case.text + "\n")
    script = f'B=; . "{tmp_path}/config" 2>/dev/null; printf %s "${case.name or "A"}"'
    done = subprocess.run([shell, "-c", script], env={}, capture_output=True, text=True, check=False, timeout=10)
    assert done.stdout != (case.meant or "A=x").partition("=")[2].strip('"')


@given(st.text(alphabet="A=\"'”“ \tx\r\n#$`\\;", max_size=40))
def test_what_is_meant_reads_back_as_meant(text: str) -> None:
    for slip in found(text):
        if slip.meant and slip.name:
            (again,) = assignments.statements(assignments.parse("", slip.meant).lines[0].node)
            assert isinstance(again, assignments.Assignment)
            assert again.value == slip.value
