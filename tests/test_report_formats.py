"""What all formats owe: nothing raw from a file, every finding, names that stay."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from made_up import TODAY, named, report_on, rule_of_word

from ruleset_lint.lint import Confidence, Configuration, Edit, Finding, Fix, Place, Safety, Severity, Span
from ruleset_lint.lint.engine import run
from ruleset_lint.lint.report import Report, report
from ruleset_lint.model.host import Host
from ruleset_lint.model.loading import load
from ruleset_lint.report import concise, github
from ruleset_lint.report.formats import FORMATS, render
from ruleset_lint.syntax.iptables_save import parse

TEXT = "*filter\n:INPUT DROP [0:0]\n-A INPUT -j DROP\nCOMMIT\n"
DROPS = rule_of_word("verdict/drops", "DROP")
HOSTILE = "a\x1b[31m\r\x00\x9b\u202e\u2028\udcff%0A,:]]>`$(id)\x7f"


def hostile_report() -> Report:
    """One finding whose every text comes from a hostile file."""

    def check(host: Host):
        document = host.rulesets[0].document
        place = Place(document, Span(2, 9), HOSTILE)
        edit = Edit(Span(0, 1), HOSTILE)
        fix = Fix(HOSTILE, (edit,), Safety.SAFE)
        yield Finding(place, HOSTILE, related=(place,), help=(HOSTILE,), fix=fix)

    host = Host(rulesets=(load(parse(HOSTILE, HOSTILE)),), profile_reason=HOSTILE)
    return report([run(host, [named("bad/texts", check, Severity.ERROR)], Configuration(), today=TODAY)])


@pytest.mark.parametrize("name", FORMATS)
def test_shows_nothing_raw(name) -> None:
    shown = render(hostile_report(), name)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e\ud800-\udfff]", shown)
    shown.encode("utf-8")


@pytest.mark.parametrize("name", FORMATS)
def test_shows_every_finding(name) -> None:
    assert render(report_on(TEXT, DROPS), name).count("DROP found") == 2


def test_concise_is_a_line_a_finding() -> None:
    expected = [
        "etc/0.rules:2:8 error verdict/drops DROP found",
        "etc/0.rules:3:13 error verdict/drops DROP found",
    ]
    assert concise.render(report_on(TEXT, DROPS)).splitlines() == expected


def test_what_is_not_proven_is_called_likely_on_every_line() -> None:
    found = report_on(TEXT, DROPS)
    likely = replace(found, findings=(found.findings[0]._replace(confidence=Confidence.LIKELY),))
    assert concise.render(likely) == "etc/0.rules:2:8 error verdict/drops DROP found (likely)\n"
    assert github.render(likely).startswith("::error title=ruleset-lint verdict/drops (likely),file=etc/0.rules,")


NAMES = (
    "rule", "severity", "confidence", "message", "path", "line", "column", "end_line", "end_column", "related", "fix",
    "fingerprint",
)  # fmt: skip


def test_json_has_the_names_of_the_library() -> None:
    found = report_on(TEXT, DROPS)
    content = json.loads(render(found, "json"))
    assert {"schema", "version", "profile", "skipped", "files", "findings"} <= set(content)
    first = content["findings"][0]
    assert {name: first[name] for name in NAMES} == {
        name: getattr(found.findings[0], name) if name != "related" else [] for name in NAMES
    }


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("plain", "plain"),
        ("50%, a:b", "50%25, a:b"),
        ("a\r\nb", r"a\x0d\x0ab"),
        ("::error::x", "::error::x"),
    ],
)
def test_github_escapes_messages(message: str, expected: str) -> None:
    found = report_on(TEXT, DROPS)
    first = found.findings[0]._replace(message=message)
    annotation = github.render(replace(found, findings=(first,)))
    assert annotation == (
        f"::error title=ruleset-lint verdict/drops,file=etc/0.rules,line=2,endLine=2,col=8,endColumn=12::{expected}\n"
    )


def test_github_escapes_paths() -> None:
    found = report_on(TEXT, DROPS)
    first = found.findings[0]._replace(path="a,b:c%d\ne", end_line=3)
    assert "file=a%2Cb%3Ac%25d\\x0ae,line=2,endLine=3::" in github.render(replace(found, findings=(first,)))


@pytest.mark.parametrize(("severity", "command"), [("warning", "warning"), ("info", "notice")])
def test_github_knows_severities(severity: str, command: str) -> None:
    found = report_on(TEXT, rule_of_word("verdict/drops", "DROP", Severity(severity)))
    assert github.render(found).startswith(f"::{command} ")
