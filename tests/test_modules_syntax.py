"""/etc/modules and modules-load.d: a module a line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruleset_lint.syntax.document import Blank, Comment, Unparsed
from ruleset_lint.syntax.grammars import LONGEST_LINE
from ruleset_lint.syntax.modules import Module, Node, Parameter, parse

CORPUS = Path(os.environ.get("RULESET_LINT_CORPUS", Path(__file__).parent.parent.parent / "shared" / "corpus"))
REAL = [
    path for path in sorted((CORPUS / "files" / "modprobe").rglob("*")) if "modules" in path.name and path.is_file()
]


def only(text: str) -> Node:
    (line,) = parse("modules", text).lines
    return line.node


@pytest.mark.parametrize(
    ("line", "node"),
    [
        pytest.param("nf_conntrack", Module("nf_conntrack", (0, 12)), id="name"),
        pytest.param(" nf_conntrack\r\n", Module("nf_conntrack", (1, 13)), id="blanks"),
        pytest.param(
            "nf_conntrack hashsize=9",
            Module("nf_conntrack", (0, 12), (Parameter("hashsize=9", (13, 23)),)),
            id="parameter",
        ),
        pytest.param(
            "a # b", Module("a", (0, 1), (Parameter("#", (2, 3)), Parameter("b", (4, 5)))), id="no-comment-behind"
        ),
        pytest.param("# a", Comment(" a"), id="hash"),
        pytest.param(" ; a", Comment(" a"), id="semicolon"),
        pytest.param(" \n", Blank(), id="blank"),
    ],
)
def test_line(line: str, node: Node) -> None:
    assert only(line) == node


def test_endless_line_is_unparsed() -> None:
    assert isinstance(only("a" * (LONGEST_LINE + 1)), Unparsed)


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("ab_-=#; \t\r\n\x00\u2028\udc80")) | st.text())
def test_lines_tile_any_text(text: str) -> None:
    document = parse("x", text)
    assert "".join(document.source(line.span) for line in document.lines) == text


@pytest.mark.skipif(not REAL, reason="no corpus of real files")
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_real_files_are_understood(path: Path) -> None:
    nodes = [line.node for line in parse(path.name, path.read_text()).lines]
    assert any(isinstance(node, Module) for node in nodes)
    assert not any(isinstance(node, Unparsed) for node in nodes)
