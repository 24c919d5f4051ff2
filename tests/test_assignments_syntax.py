"""iptables-config as a shell script: what is set, what runs instead, and whether bash agrees."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruleset_lint.syntax.assignments import (
    Assignment,
    CarriageReturn,
    CommandLine,
    Node,
    Piece,
    PieceKind,
    Quote,
    SpacedAssignment,
    Statements,
    parse,
    statements,
)
from ruleset_lint.syntax.document import Blank, Comment, Unparsed
from ruleset_lint.syntax.grammars import LONGEST_LINE

CORPUS = Path(os.environ.get("RULESET_LINT_CORPUS", Path(__file__).parent.parent.parent / "shared" / "corpus"))
REAL = sorted((CORPUS / "files" / "sysconfig").rglob("*iptables-config"))
BASH = shutil.which("bash")


def only(text: str) -> Node:
    (line,) = parse("iptables-config", text).lines
    return line.node


def assigned(text: str) -> Assignment:
    node = only(text)
    assert isinstance(node, Assignment)
    return node


@pytest.mark.parametrize(
    ("line", "value", "quote"),
    [
        pytest.param("A=yes", "yes", Quote.NONE, id="bare"),
        pytest.param("A=", "", Quote.NONE, id="empty"),
        pytest.param("A= ", "", Quote.NONE, id="empty-and-blank"),
        pytest.param('A="a b"', "a b", Quote.DOUBLE, id="double"),
        pytest.param("A='a b'", "a b", Quote.SINGLE, id="single"),
        pytest.param("A=\"a\"'b'", "ab", Quote.MIXED, id="two-kinds"),
        pytest.param('A=a"b c"', "ab c", Quote.MIXED, id="in-part"),
        pytest.param("A=”yes”", "”yes”", Quote.TYPOGRAPHIC, id="typographic"),
        pytest.param("A=“yes”\r", "“yes”\r", Quote.TYPOGRAPHIC, id="typographic-and-return"),
        pytest.param('A="yes"\r\n', "yes\r", Quote.DOUBLE, id="carriage-return"),
        pytest.param('A="a\nb"', "a\nb", Quote.DOUBLE, id="quoted-newline"),
        pytest.param('A="a\\\nb"', "ab", Quote.DOUBLE, id="continued-in-quotes"),
        pytest.param("A=a\\\nb", "ab", Quote.NONE, id="continued"),
        pytest.param("A=a\\ b", "a b", Quote.NONE, id="escaped-blank"),
        pytest.param('A="\\$x \\" \\n"', '$x " \\n', Quote.DOUBLE, id="escapes-in-quotes"),
        pytest.param("A=a#b", "a#b", Quote.NONE, id="hash-in-a-word"),
        pytest.param("A='x\\'", "x\\", Quote.SINGLE, id="no-escape-in-single-quotes"),
    ],
)
def test_value(line: str, value: str, quote: Quote) -> None:
    node = assigned(line)
    assert (node.name, node.value, node.quote) == ("A", value, quote)


@pytest.mark.parametrize(
    ("line", "pieces"),
    [
        pytest.param('"$B"', [Piece(PieceKind.VARIABLE, "B")], id="in-quotes"),
        pytest.param("${B}c", [Piece(PieceKind.VARIABLE, "B"), Piece(PieceKind.TEXT, "c")], id="braces"),
        pytest.param("'$B'", [Piece(PieceKind.TEXT, "$B")], id="single-quotes"),
        pytest.param("\\$B", [Piece(PieceKind.TEXT, "$"), Piece(PieceKind.TEXT, "B")], id="escaped"),
        pytest.param("$(x y)", [Piece(PieceKind.CODE, "$(x y)")], id="command"),
        pytest.param("`x y`", [Piece(PieceKind.CODE, "`x y`")], id="backticks"),
        pytest.param('"${B:-c d}"', [Piece(PieceKind.CODE, "${B:-c d}")], id="default"),
    ],
)
def test_pieces(line: str, pieces: list[Piece]) -> None:
    assert assigned(f"A={line}").pieces == tuple(pieces)


def test_places() -> None:
    text = '  export IPTABLES_MODULES+="a b" # c'
    node = assigned(text)
    assert (node.append, node.exported, node.comment) == (True, True, " c")
    assert text[slice(*node.name_span)] == "IPTABLES_MODULES"
    assert text[slice(*node.value_span)] == node.raw == '"a b"'


@pytest.mark.parametrize(
    ("line", "gap", "value"),
    [
        pytest.param("A = x", " = ", "x", id="both"),
        pytest.param("A= x", "= ", "x", id="behind"),
        pytest.param("A =x", " =", "x", id="before"),
        pytest.param('A = "x y"', " = ", "x y", id="quoted"),
        pytest.param("A = x y\r", " = ", "x y", id="words-and-return"),
        pytest.param("A =", " =", "", id="nothing"),
        pytest.param("export A = x", " = ", "x", id="export"),
    ],
)
def test_spaced(line: str, gap: str, value: str) -> None:
    node = only(line)
    assert isinstance(node, SpacedAssignment)
    assert (node.name, line[slice(*node.gap)], node.value) == ("A", gap, value)
    assert line[slice(*node.value_span)].replace('"', "") == value


@pytest.mark.parametrize(
    ("line", "command", "wanted"),
    [
        pytest.param("A=a b", "b", "a b", id="unquoted-blank"),
        pytest.param("A=”a b”", "b”", "”a b”", id="typographic"),
        pytest.param('A="x" \r', "\r", '"x" ', id="blank-and-return"),
        pytest.param("modprobe x", "modprobe", None, id="command"),
        pytest.param(". /etc/x", ".", None, id="source"),
        pytest.param("1A=x", "1A=x", None, id="no-name"),
        pytest.param("\ufeffA=x", "\ufeffA=x", None, id="byte-order-mark"),
        pytest.param("export A", "export", None, id="export-without-value"),
        pytest.param("A=1 && B=2", "&&", "1 && B=2", id="list"),
    ],
)
def test_command(line: str, command: str, wanted: str | None) -> None:
    node = only(line)
    assert isinstance(node, CommandLine)
    assert node.command == command
    assert (line[slice(*node.wanted)] if node.wanted else None) == wanted


@pytest.mark.parametrize("line", ["A=1 B=2", "A=1;B=2", "A=1; B=2; # c", "export A=1 B=2", "A=1 \\\n B=2"])
def test_several_on_a_line(line: str) -> None:
    node = only(line)
    assert isinstance(node, Statements)
    assert [(part.name, part.value) for part in statements(node) if isinstance(part, Assignment)] == [
        ("A", "1"),
        ("B", "2"),
    ]


@pytest.mark.parametrize(
    ("line", "node"),
    [
        pytest.param("# it's", Comment(" it's"), id="comment"),
        pytest.param(" \t\n", Blank(), id="blank"),
        pytest.param("\r\n", CarriageReturn(), id="carriage-return"),
        pytest.param('A="x', Unparsed(3, "the quote is never closed"), id="quote"),
        pytest.param(
            "#" * (LONGEST_LINE + 1), Unparsed(LONGEST_LINE + 1, "line longer than 16384 characters"), id="endless"
        ),
    ],
)
def test_other_lines(line: str, node: Node) -> None:
    assert only(line) == node


def test_comment_is_not_continued() -> None:
    assert [line.number for line in parse("x", "# a \\\nA=1\n").lines] == [1, 2]


def test_lines_after_an_open_quote_are_shown() -> None:
    nodes = [line.node for line in parse("x", 'A="\nB=1\n').lines]
    assert isinstance(nodes[0], Unparsed)
    assert isinstance(nodes[1], Assignment)


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("Ab1=+ '\"\\#$`(){};&|<\t\r\n\x00”\udc80")) | st.text())
def test_lines_tile_any_text(text: str) -> None:
    document = parse("x", text)
    assert "".join(document.source(line.span) for line in document.lines) == text


@pytest.mark.skipif(not BASH, reason="bash is not installed")
@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("ab '\"\\#\t\n”="), max_size=12).map(lambda value: f"A={value}"))
def test_bash_sets_the_same_value(text: str) -> None:
    document = parse("x", text)
    if len(document.lines) == 1 and isinstance(document.lines[0].node, Assignment):
        command = [str(BASH), "-c", f'{text}\nprintf %s "$A"']
        shell = subprocess.run(command, capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"})
        assert shell.stdout.decode() == document.lines[0].node.value


@pytest.mark.skipif(not REAL, reason="no corpus of real files")
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.parent.name)
def test_real_files_are_assignments(path: Path) -> None:
    nodes = [line.node for line in parse(path.name, path.read_text()).lines]
    assert all(isinstance(node, Assignment | Comment | Blank) for node in nodes)
    assert any(isinstance(node, Assignment) for node in nodes)
