from __future__ import annotations

import pytest
from corpus import needs_corpus, rows, unescaped

from ruleset_lint.model.loadability import breaks
from ruleset_lint.model.loading import load
from ruleset_lint.model.mending import mended
from ruleset_lint.model.typography import plain
from ruleset_lint.syntax.iptables_save import parse
from ruleset_lint.text import apply_edits

EXCEPTIONS = {
    ("nft", "-R line"): "iptables-nft-restore 1.8.9 crashes (signal 11) over what it should do",
    ("nft", "-m set no such set"): "which sets there are only the machine knows",
    ("legacy", "-m set no such set"): "which sets there are only the machine knows",
    ("nft", "very long line 9000"): "the table of the corpus has only the beginning of the line",
    ("legacy", "very long line 9000"): "the table of the corpus has only the beginning of the line",
}


@needs_corpus
@pytest.mark.parametrize("row", rows("lexical.tsv"), ids=lambda row: row["case"])
@pytest.mark.parametrize("backend", ["nft", "legacy"])
def test_odd_inputs_are_judged_like_iptables(row: dict[str, str], backend: str) -> None:
    ruleset = load(parse("x", unescaped(row["input"])), fragment=False)
    found = [one.reason for one in breaks(ruleset) if backend in one.backends]
    agrees = bool(found) == (row[f"{backend}_rc"] != "0")
    assert agrees != ((backend, row["case"]) in EXCEPTIONS), found


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        pytest.param("–A INPUT", "-A INPUT", id="dash for a hyphen"),
        pytest.param("-A INPUT –dport 22", "-A INPUT --dport 22", id="dash for two"),
        pytest.param("-A INPUT —syn", "-A INPUT --syn", id="em dash"),
        pytest.param("-A INPUT -–syn", "-A INPUT --syn", id="hyphen and dash"),
        pytest.param("-A INPUT ––syn", "-A INPUT --syn", id="two dashes"),
        pytest.param("--src-range 192.0.2.1–192.0.2.9", "--src-range 192.0.2.1-192.0.2.9", id="dash in a value"),
        pytest.param("--comment “a – b”", '--comment "a – b"', id="what was quoted stays"),
        pytest.param('--comment “a b"', '--comment "a b"', id="one quote is right already"),
        pytest.param("--comment ‘a b’", '--comment "a b"', id="single quotes"),
        pytest.param('--comment "a – “b”" –syn', '--comment "a – “b”" --syn', id="inside straight quotes"),
        pytest.param("-j\u00a0ACCEPT", "-j ACCEPT", id="no-break space"),
        pytest.param("\ufeff*filter", "*filter", id="byte order mark"),
        pytest.param("−p tcp", "-p tcp", id="minus sign"),
    ],
)
def test_typography_is_undone_outside_of_quotes(line: str, wanted: str) -> None:
    assert apply_edits(line, plain(line)) == wanted


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("*filter\r\n-A INPUT -j ACCEPT\r\nCOMMIT\r\n", [1, 2, 3], id="refused"),
        pytest.param("# a\r\n*filter\n:INPUT DROP [0:0]\r\nCOMMIT\n", [], id="remark, counters"),
        pytest.param("*filter\n-A INPUT -m comment --comment a\r\nCOMMIT\n", [], id="comment"),
        pytest.param("*filter\n-A INPUT -i lo\r\nCOMMIT\n", [2], id="interface"),
    ],
)
def test_carriage_returns_count_where_they_do_harm(text: str, lines: list[int]) -> None:
    assert sorted(mended(load(parse("x", text))).carriage_returns) == lines


@pytest.mark.parametrize("text", ["*filter\n-A INPUT -m comment --comment “a”\nCOMMIT\n", "# –\n*filter\nCOMMIT\n"])
def test_what_loads_is_not_mended(text: str) -> None:
    ruleset = load(parse("x", text))
    assert mended(ruleset).ruleset is ruleset
