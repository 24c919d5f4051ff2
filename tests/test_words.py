from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruleset_lint.syntax.words import is_terminated, quote, split_words, unquote

LINES = st.text(alphabet=st.sampled_from('ab-= \t"\\!#é'), max_size=40)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("-A INPUT", ["-A", "INPUT"], id="blanks separate"),
        pytest.param("-A\tINPUT", ["-A", "INPUT"], id="tabs separate"),
        pytest.param("  -A   INPUT ", ["-A", "INPUT"], id="several blanks count as one"),
        pytest.param('--comment "a b"', ["--comment", "a b"], id="quotes hold together"),
        pytest.param("--comment 'a b'", ["--comment", "'a", "b'"], id="single quotes are letters"),
        pytest.param('--comment ab"c d"', ["--comment", "abc d"], id="an opening quote does not begin a word"),
        pytest.param('--comment "c d"ef', ["--comment", "c d", "ef"], id="a closing quote ends the word"),
        pytest.param(r'"a \" b"', ['a " b'], id="a backslash escapes inside quotes"),
        pytest.param(r"a\ b", ["a\\", "b"], id="a backslash outside is a letter"),
        pytest.param('"abc -j DROP', ["abc -j DROP"], id="an open quote takes the rest"),
        pytest.param("--dport=22", ["--dport=", "22"], id="name and value in one word"),
        pytest.param('--comment="a b"', ["--comment=", "a b"], id="name and quoted value in one word"),
        pytest.param('""', [""], id="empty quotes are a word"),
        pytest.param("a # b", ["a", "#", "b"], id="no remark behind a rule"),
    ],
)
def test_words_are_those_of_xtables(line: str, words: list[str]) -> None:
    assert [word.text for word in split_words(line)] == words


@given(LINES)
def test_words_stand_in_order_and_cover_all_but_blanks(line: str) -> None:
    found = list(split_words(line))
    ends, starts = [0, *(word.end for word in found)], [*(word.start for word in found), len(line)]
    between = "".join(line[left:right] for left, right in zip(ends, starts, strict=True))
    assert not between.strip(" \t")


@given(st.text(alphabet=st.sampled_from("ab \t\"\\'é#-"), max_size=20))
def test_a_quoted_word_reads_back(word: str) -> None:
    raw = quote(word) or '""'
    assert unquote(raw) == word


@pytest.mark.parametrize(
    ("line", "closed"),
    [('--comment "a"', True), ('--comment "a', False), ('--comment "a\\"', False), ('"a" "b', False), ("a", True)],
)
def test_an_open_quote_is_found(line: str, closed: bool) -> None:
    assert is_terminated(line) is closed
