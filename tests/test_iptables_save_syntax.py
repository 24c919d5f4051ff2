from __future__ import annotations

import pytest
from corpus import dump, needs_corpus, rows
from hypothesis import given
from hypothesis import strategies as st
from lark import UnexpectedInput

from ruleset_lint.syntax.document import Blank, Comment, Unparsed
from ruleset_lint.syntax.iptables_save import parse, word_spans, words
from ruleset_lint.syntax.nodes import ChainLine, Commit, Counters, Node, RuleLine, TableLine
from ruleset_lint.syntax.patterns import parse_plainly
from ruleset_lint.text import decode, encode, line_starts

PIECES = st.sampled_from(
    ["-A", "INPUT", "-p", "tcp", "--dport", "22", "--dport=22", "!", "-m", "comment", "--comment", '"a b"', '"', "\\",
     "-j", "ACCEPT", " ", "  ", "\t", "[1:2]", ":FOO", "*filter", "COMMIT", "#", "\r", "\0", "é", "-", "--", '""', '="',
     "\udcff"]
)  # fmt: skip
LINES = st.lists(PIECES, max_size=12).map(" ".join) | st.lists(PIECES, max_size=12).map("".join)
TEXTS = st.lists(LINES, max_size=8).map("\n".join)
parse_plainly("-j ACCEPT")  # makes the parser, which no example has the time for


def only(line: str) -> Node:
    return parse("x", line).lines[0].node


@given(TEXTS | st.text(max_size=200))
def test_lines_give_the_text_back(text: str) -> None:
    document = parse("x", text)
    assert "".join(document.source(line.span) for line in document.lines) == text


@given(st.binary(max_size=300))
def test_any_bytes_come_back(data: bytes) -> None:
    document = parse("x", decode(data))
    assert encode("".join(document.source(line.span) for line in document.lines)) == data


@given(LINES.filter(lambda line: line.strip(" \t") and "\n" not in line))
def test_shapes_agree_with_the_grammar(line: str) -> None:
    node = only("-A " + line)
    if isinstance(node, RuleLine):
        plain = parse_plainly("-A " + line)
        assert [item.form for item in node.pattern.items] == [item.form for item in plain]
        assert words(node) == [item.text for item in plain]


@given(LINES.filter(lambda line: "\n" not in line))
def test_spans_of_words_agree_with_words(line: str) -> None:
    document = parse("x", "[1:2] -A " + line)
    node = document.lines[0].node
    if isinstance(node, RuleLine):
        assert [word.text for word in word_spans(document, document.lines[0])] == words(node)


@needs_corpus
@pytest.mark.parametrize("row", rows("dumps/INDEX.tsv"), ids=lambda row: row["file"][-60:])
def test_a_dump_comes_back_and_agrees_with_the_grammar(row: dict[str, str]) -> None:
    document = parse(row["file"], dump(row))
    assert "".join(document.source(line.span) for line in document.lines) == document.text
    for line in document.lines[:300]:
        if isinstance(line.node, RuleLine) and line.node.counters is None:
            assert words(line.node) == [item.text for item in parse_plainly(document.content(line))]


@pytest.mark.parametrize(
    ("line", "node"),
    [
        pytest.param("*filter", TableLine("filter"), id="table"),
        pytest.param("* filter # words", TableLine("filter"), id="table with more words"),
        pytest.param(":INPUT DROP [1:2]", ChainLine("INPUT", "DROP", Counters(1, 2)), id="built-in chain"),
        pytest.param(":FOO -", ChainLine("FOO", "-", None), id="chain without counters"),
        pytest.param(": INPUT DROP [0:0]", ChainLine("INPUT", "DROP", Counters(0, 0)), id="blank behind the colon"),
        pytest.param(":INPUT DROP [0:0] foo", ChainLine("INPUT", "DROP", Counters(0, 0), ("foo",)), id="extra word"),
        pytest.param("# text", Comment(" text"), id="remark"),
        pytest.param("COMMIT", Commit(), id="commit"),
        pytest.param("\n", Blank(), id="empty"),
    ],
)
def test_lines_read(line: str, node: Node) -> None:
    assert only(line) == node


@pytest.mark.parametrize(
    ("line", "column"),
    [
        pytest.param(":FOO", 5, id="no policy"),
        pytest.param("[1:2 -A INPUT", 1, id="open counters"),
        pytest.param("   ", 1, id="blanks alone"),
        pytest.param("-A INPUT \0", 10, id="NUL"),
        pytest.param("-A INPUT -s " + "1" * 1024, 13, id="long word"),
        pytest.param("-A INPUT " + "é " * 6000, 10240, id="long line"),
        pytest.param("*", 2, id="no table"),
    ],
)
def test_bad_lines_have_a_column(line: str, column: int) -> None:
    node = only(line)
    assert isinstance(node, Unparsed)
    assert node.column == column


@pytest.mark.parametrize("line", ["[10:200] -A INPUT", "[10:200]-A INPUT"])
def test_counters_stand_before_a_rule(line: str) -> None:
    node = only(line)
    assert isinstance(node, RuleLine)
    assert (node.counters, words(node)) == (Counters(10, 200), ["-A", "INPUT"])


def test_rules_that_differ_in_values_share_a_pattern() -> None:
    one, other = (line.node for line in parse("x", "-A INPUT -s 192.0.2.1 -j ACCEPT\n-A FOO -s 10/8 -j ACCEPT\n").lines)
    assert isinstance(one, RuleLine)
    assert isinstance(other, RuleLine)
    assert one.pattern is other.pattern


def test_a_line_without_words_is_no_rule() -> None:
    with pytest.raises(UnexpectedInput):
        parse_plainly(" \t")


def test_a_line_of_one_odd_word_does_not_make_the_next_lines_rules() -> None:
    nodes = parse("test", "iptables-save\nip6tables-save\n*raw\nCOMMIT\n").nodes
    assert [type(node) for node in nodes] == [RuleLine, RuleLine, TableLine, Commit]


SIMILAR = st.builds(
    "-A {} -p tcp -m tcp --dport {} -m comment --comment {} -j {}".format,
    st.sampled_from(["INPUT", "-x", "!", "a=b", "tcp"]),
    st.sampled_from(["22", "-1", '"80"', "", "ACCEPT", "a\tb"]),
    st.sampled_from(['"a b"', "plain", '"-x"', "-x", '"a \\" b"', '""', '"!"', "tcp"]),
    st.sampled_from(["ACCEPT", "CHAIN", "LOG", "-x", '"ACCEPT"']),
)


@given(st.lists(SIMILAR | LINES.filter(lambda line: "\n" not in line), max_size=12))
def test_lines_read_one_after_the_other_agree_with_the_grammar(lines: list[str]) -> None:
    for line, node in zip(lines, parse("test", "".join(f"{line}\n" for line in lines)).nodes, strict=True):
        if isinstance(node, RuleLine) and node.pattern.items and not line.startswith("["):
            forms = [item.form for item in node.pattern.items]
            assert list(zip(forms, words(node), strict=True)) == [tuple(item) for item in parse_plainly(line)]


@given(TEXTS)
def test_lines_start_where_the_text_says(text: str) -> None:
    assert parse("test", text).starts == line_starts(text)


@pytest.mark.parametrize("start", ["*filter ", ":INPUT DROP ", "-A INPUT ", "words "])
def test_no_line_is_read_that_restore_cannot_read(start: str) -> None:
    (node,) = parse("test", start + "x " * 4_000_000 + "\n").nodes
    assert isinstance(node, Unparsed)
