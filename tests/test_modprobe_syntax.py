"""modprobe.d: commands, continuation lines, options as the kernel splits them. Compared with `modprobe -c`, kmod 30."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruleset_lint.syntax.document import Blank, Comment, Unparsed
from ruleset_lint.syntax.grammars import LONGEST_LINE
from ruleset_lint.syntax.modprobe import (
    Alias,
    Blacklist,
    Include,
    Install,
    Node,
    Options,
    Remove,
    Softdep,
    Weakdep,
    Word,
    parse,
)

CORPUS = Path(os.environ.get("RULESET_LINT_CORPUS", Path(__file__).parent.parent.parent / "shared" / "corpus"))
REAL = sorted((CORPUS / "files" / "modprobe").rglob("*modprobe.d*.conf"))


def only(text: str) -> Node:
    (line,) = parse("x.conf", text).lines
    return line.node


def options(text: str) -> list[tuple[str, str | None]]:
    node = only(text)
    assert isinstance(node, Options)
    return [(option.name, option.value) for option in node.options]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        pytest.param("options a x=1 y", [("x", "1"), ("y", None)], id="plain"),
        pytest.param("options a hashsize = 5", [("hashsize", None), ("=", None), ("5", None)], id="spaced"),
        pytest.param('options a x="1 2" y=3', [("x", "1 2"), ("y", "3")], id="quoted"),
        pytest.param("options a x=1\r", [("x", "1")], id="carriage-return"),
        pytest.param("options a hash\\\nsize=1 \\\n\t y=2", [("hashsize", "1"), ("y", "2")], id="continued"),
        pytest.param("options a x=1,2 =3", [("x", "1,2"), ("=3", None)], id="equals-in-front"),
        pytest.param("options b\\ c x=1", [("c", None), ("x", "1")], id="backslash-falls-off"),
    ],
)
def test_options(line: str, found: list[tuple[str, str | None]]) -> None:
    assert options(line) == found


def test_places_of_an_option() -> None:
    text = "options a  hash\\\nsize=131072"
    node = only(text)
    assert isinstance(node, Options)
    (option,) = node.options
    assert option.value_span
    assert (text[slice(*option.name_span)], text[slice(*option.value_span)]) == ("hash\\\nsize", "131072")


@pytest.mark.parametrize(
    ("line", "node"),
    [
        pytest.param(
            "alias a-* b c", Alias(Word("a-*", (6, 9)), Word("b", (10, 11)), (Word("c", (12, 13)),)), id="alias"
        ),
        pytest.param("\tblacklist a", Blacklist(Word("a", (11, 12))), id="blacklist"),
        pytest.param("blacklist a\r", Blacklist(Word("a\r", (10, 12))), id="carriage-return-in-a-name"),
        pytest.param("install a /bin/true", Install(Word("a", (8, 9)), Word("/bin/true", (10, 19))), id="install"),
        pytest.param("remove a x \\\n y", Remove(Word("a", (7, 8)), Word("x  y", (9, 15))), id="remove"),
        pytest.param(
            "softdep a pre: b post: c",
            Softdep(Word("a", (8, 9)), (Word("b", (15, 16)),), (Word("c", (23, 24)),)),
            id="softdep",
        ),
        pytest.param("weakdep a b", Weakdep(Word("a", (8, 9)), (Word("b", (10, 11)),)), id="weakdep"),
        pytest.param("include /x", Include("include", (Word("/x", (8, 10)),)), id="include"),
        pytest.param("# a", Comment(" a"), id="comment"),
        pytest.param("# a \\\noptions b c=1", Comment(" a \\\noptions b c=1"), id="continued-comment"),
        pytest.param(" \t", Blank(), id="blank"),
    ],
)
def test_command(line: str, node: Node) -> None:
    assert only(line) == node


@pytest.mark.parametrize(
    ("line", "column"),
    [
        pytest.param("optionsa b c=1", 1, id="unknown"),
        pytest.param("options a", 10, id="options-without-options"),
        pytest.param("blacklist", 10, id="no-module"),
        pytest.param("install a", 10, id="no-command"),
        pytest.param("alias a", 8, id="alias-of-nothing"),
        pytest.param("#" * (LONGEST_LINE + 1), LONGEST_LINE + 1, id="endless"),
    ],
)
def test_what_modprobe_ignores_is_unparsed(line: str, column: int) -> None:
    node = only(line)
    assert isinstance(node, Unparsed)
    assert node.column == column


def test_line_numbers_count_lines_of_text() -> None:
    document = parse("x.conf", "options a b=1 \\\n c=2\nblacklist d\n")
    assert [line.number for line in document.lines] == [1, 3]


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from('ab_-="\\# \t\r\n\x00\u2028\udc80')) | st.text())
def test_lines_tile_any_text(text: str) -> None:
    document = parse("x", text)
    assert "".join(document.source(line.span) for line in document.lines) == text


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["options ", "alias ", "install ", "a", "b=1", " ", "\\\n", "\\", '"', "\t", "=", "\n"]))
)
def test_any_command_is_a_node(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert all(line.node is not None for line in parse("x", text).lines)


@pytest.mark.skipif(not REAL, reason="no corpus of real files")
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_real_files_are_understood(path: Path) -> None:
    document = parse(path.name, path.read_text())
    assert not [line for line in document.lines if isinstance(line.node, Unparsed)]
