from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import named, places, report_on, rule_of_word

from ruleset_lint.lint import Confidence, Edit, Finding, Fix, Safety, Severity
from ruleset_lint.lint.report import Frame, JudgedAs, Report
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.report import full
from ruleset_lint.report.frame import underlined

TEXT = "*filter\n:INPUT DROP [0:0]\n-A INPUT -j DROP\nCOMMIT\n"


def _check(ruleset: Ruleset):
    policy, rule = places(ruleset.document, "DROP")
    fix = Fix("remove line 3", (Edit(rule.span, ""),), Safety.SAFE)
    help_ = ("203.0.113.7:40000 > 192.0.2.10:80 SYN: dropped",)
    yield Finding(rule._replace(note="dropped here"), "dropped twice", (policy,), help_, fix, None, Confidence.LIKELY)


def judged_as(found: Report) -> Report:
    profile = JudgedAs(("el7.7",), ("EL7 from 7.7",), "iptables 1.4.21, from the header of etc/sysconfig/iptables")
    return replace(found, profile=profile, not_judged=("conntrack table", "ip6tables ruleset"))


EXPECTED = """\
etc/0.rules:3:13  error (likely)  verdict/twice
  dropped twice
      |
    3 | -A INPUT -j DROP
      |             ^^^^ dropped here
    2 | :INPUT DROP [0:0]
      |        ---- DROP is here
      = 203.0.113.7:40000 > 192.0.2.10:80 SYN: dropped
      = safe fix: remove line 3

1 error; 1 safe fix. Judged as EL7 from 7.7 (iptables 1.4.21, from the header of etc/sysconfig/iptables).
Not judged, not given: conntrack table, ip6tables ruleset.
"""
TWICE = named("verdict/twice", _check, Severity.ERROR)


def test_shows_lines_notes_help_and_fix() -> None:
    assert full.render(judged_as(report_on(TEXT, TWICE))) == EXPECTED


def test_colors_change_nothing_else() -> None:
    colored = full.render(judged_as(report_on(TEXT, TWICE)), color=True)
    assert "\x1b[1;31m^^^^\x1b[0m" in colored
    assert re.sub("\x1b\\[[0-9;]*m", "", colored) == EXPECTED


def test_shows_where_a_place_in_another_file_is() -> None:
    found = report_on(TEXT, TWICE)
    finding = found.findings[0]
    elsewhere = finding.related[0]._replace(path="etc/other")
    shown = full.render(replace(found, findings=(finding._replace(related=(elsewhere,)),)))
    assert "     --> etc/other:2:8\n    2 | :INPUT DROP" in shown


def test_shows_the_first_of_many_places() -> None:
    found = report_on(TEXT, TWICE)
    finding = found.findings[0]
    many = finding._replace(related=finding.related * (full.MOST_RELATED + 2))
    shown = full.render(replace(found, findings=(many,)))
    assert shown.count("DROP is here") == full.MOST_RELATED
    assert "      = and 2 places more\n" in shown


@pytest.mark.parametrize(
    ("severities", "expected"),
    [
        ((), "no findings in 1 file."),
        ((Severity.ERROR,), "2 errors."),
        ((Severity.ERROR, Severity.WARNING, Severity.INFO), "2 errors, 2 warnings, 2 notes."),
    ],
)
def test_counts(severities: tuple[Severity, ...], expected: str) -> None:
    rules = [rule_of_word(f"verdict/drops-{severity}", "DROP", severity) for severity in severities]
    assert full.render(report_on(TEXT, *rules)).splitlines()[-1].startswith(expected)


def test_counts_what_is_suppressed() -> None:
    text = "# ruleset-lint: ignore-file[verdict]\n" + TEXT
    shown = full.render(report_on(text, rule_of_word("verdict/drops", "DROP")))
    assert shown.startswith("no findings in 1 file; 2 suppressed.")


@pytest.mark.parametrize(
    ("line", "column", "length", "expected"),
    [
        ("-A INPUT", 4, 5, ("-A INPUT", "   ^^^^^")),
        ("-A\tINPUT", 4, 5, ("-A    INPUT", "      ^^^^^")),
        ("日本 x", 4, 1, ("日本 x", "     ^")),
        ("e\u0301 x", 4, 1, ("e\u0301 x", "  ^")),
        ("\x1b x", 3, 1, (r"\x1b x", "     ^")),
        ("a \x1b", 3, 1, (r"a \x1b", "  ^^^^")),
        ("abc", 4, 0, ("abc", "   ^")),
        ("abc", 2, None, ("abc", " ^^")),
        ("abc", 2, 99, ("abc", " ^^")),
        ("", 1, 0, ("", "^")),
        ("a" * 30 + "X" + "b" * 30, 31, 1, ("…aaaaaaX" + "b" * 11 + "…", " " * 7 + "^")),
        ("a" * 60 + "X", 61, 1, ("…" + "a" * 17 + "X", " " * 18 + "^")),
        ("X" + "b" * 60, 1, 61, ("X" + "b" * 17 + "…", "^" * 18)),
    ],
)  # fmt: skip
def test_underlines(line: str, column: int, length: int | None, expected: tuple[str, str]) -> None:
    assert underlined(Frame(line, 1, cut=False), column, length, "^", 20) == expected


def test_shows_that_a_frame_is_cut() -> None:
    assert underlined(Frame("abc", 100, cut=True), 101, 1, "^", 20) == ("…abc…", "  ^")


@given(st.text(alphabet="ab\t\x1b日\u0301\u202e", max_size=80), st.integers(1, 90), st.integers(0, 90))
def test_underlines_within_the_width(line: str, column: int, length: int) -> None:
    shown, under = underlined(Frame(line, 1, cut=False), column, length, "^", 20)
    wide = sum(unicodedata.east_asian_width(character) == "W" for character in shown)
    assert len(shown) - shown.count("\u0301") + wide <= 26
    assert len(under) <= 27


def test_shows_a_line_of_ten_megabytes_in_part() -> None:
    text = "*filter\n-A INPUT -m comment --comment " + "x" * 10_000_000 + " -j DROP\n"
    shown = full.render(report_on(text, rule_of_word("verdict/drops", "DROP")))
    assert "-j DROP" in shown
    assert len(shown) < 1000
