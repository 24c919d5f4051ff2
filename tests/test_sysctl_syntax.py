"""sysctl.conf and sysctl.d: keys, values, comments, and lines that are neither."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruleset_lint.syntax.document import Blank, Comment, Unparsed
from ruleset_lint.syntax.grammars import LONGEST_LINE
from ruleset_lint.syntax.sysctl import Assignment, Exclusion, Node, normal_key, parse

CORPUS = Path(os.environ.get("RULESET_LINT_CORPUS", Path(__file__).parent.parent.parent / "shared" / "corpus"))


def only(text: str) -> Node:
    (line,) = parse("sysctl.conf", text).lines
    return line.node


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        pytest.param("a.b=1", "a.b", "1", id="tight"),
        pytest.param("  a.b \t=  1 2\t3  ", "a.b", "1 2\t3", id="blanks"),
        pytest.param("a/b = 1", "a/b", "1", id="slashes"),
        pytest.param("a.b =", "a.b", "", id="empty"),
        pytest.param("a.b = 1 # one", "a.b", "1 # one", id="no-comment-behind"),
        pytest.param("a.b == 1", "a.b", "= 1", id="first-equals-counts"),
        pytest.param("a.b = 1\r", "a.b", "1", id="carriage-return"),
        pytest.param("a\u00a0b = 1", "a\u00a0b", "1", id="no-break-space-is-text"),
    ],
)
def test_assignment(line: str, key: str, value: str) -> None:
    node = only(line)
    assert isinstance(node, Assignment)
    assert (node.key, node.value) == (key, value)
    assert (line[slice(*node.key_span)], line[slice(*node.value_span)]) == (key, value)


def test_dash_lets_an_assignment_fail() -> None:
    assert only("-a.b = 1") == Assignment("a.b", (1, 4), "1", (7, 8), may_fail=True)


def test_dash_without_a_value_excludes() -> None:
    assert only("-a.b.*") == Exclusion("a.b.*", (1, 6))


@pytest.mark.parametrize("line", ["# a = 1", "; a = 1", "  # a = 1"])
def test_comment(line: str) -> None:
    assert only(line) == Comment(" a = 1")


@pytest.mark.parametrize("line", [" ", "\r", "\n", " \t\r\n"])
def test_blank(line: str) -> None:
    assert only(line) == Blank()


@pytest.mark.parametrize("line", ["nonsense", "net.ipv4.ip_forward 1", "= 1", "-", "a = " + "1" * LONGEST_LINE])
def test_what_sysctl_passes_over_is_unparsed(line: str) -> None:
    assert isinstance(only(line), Unparsed)


@pytest.mark.parametrize(
    ("key", "normal"),
    [
        ("net.netfilter.nf_conntrack_max", "net.netfilter.nf_conntrack_max"),
        ("net/netfilter/nf_conntrack_max", "net.netfilter.nf_conntrack_max"),
        ("/net/ipv4/ip_forward", "net.ipv4.ip_forward"),
        ("net/ipv4/conf/eth0.100/forwarding", "net.ipv4.conf.eth0/100.forwarding"),
        ("net.ipv4.conf.eth0/100.forwarding", "net.ipv4.conf.eth0/100.forwarding"),
        ("net//ipv4/ip_forward", "net.ipv4.ip_forward"),
        ("kernel", "kernel"),
    ],
)
def test_normal_key(key: str, normal: str) -> None:
    assert normal_key(key) == normal


@settings(deadline=None)
@given(st.from_regex(r"[a-z0-9]{1,3}([./][a-z0-9]{1,3}){0,4}", fullmatch=True))
def test_normal_key_is_normal(key: str) -> None:
    assert normal_key(normal_key(key)) == normal_key(key)


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from('ab-=./#;" \t\r\n\\\x00\u2028\udc80')) | st.text())
def test_lines_tile_any_text(text: str) -> None:
    document = parse("x", text)
    assert "".join(document.source(line.span) for line in document.lines) == text


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus of real files")
@pytest.mark.parametrize("path", sorted((CORPUS / "files" / "sysctl").rglob("*.conf")), ids=lambda path: path.name)
def test_real_files_are_understood(path: Path) -> None:
    document = parse(path.name, path.read_text())
    assert not [line for line in document.lines if isinstance(line.node, Unparsed)]
