from __future__ import annotations

from collections.abc import Iterator

import pytest
from made_up import judged, made_host, named, places, rule_of_word, said

from ruleset_lint.lint import Confidence, Configuration, Finding, Severity
from ruleset_lint.lint.engine import run
from ruleset_lint.lint.selection import path_matches
from ruleset_lint.model.ruleset import Ruleset

TEXT = "*filter\n-A INPUT -j DROP\n-A INPUT -j LOG\nCOMMIT\n"
DROPS = rule_of_word("verdict/drops", "DROP")
LOGS = rule_of_word("noise/logs", "LOG", Severity.INFO)


@pytest.mark.parametrize(
    ("select", "ignore", "expected"),
    [
        ((), (), ["verdict/drops", "noise/logs"]),
        (("noise",), (), ["noise/logs"]),
        (("noise/logs",), (), ["noise/logs"]),
        ((), ("noise",), ["verdict/drops"]),
        (("noise",), ("noise/logs",), []),
        (("noise/logs",), ("noise",), ["noise/logs"]),
        (("noise",), ("noise",), []),
    ],
)
def test_selects_by_id_before_category(select: tuple[str, ...], ignore: tuple[str, ...], expected: list[str]) -> None:
    outcome = judged(TEXT, DROPS, LOGS, configuration=Configuration(select=select, ignore=ignore))
    assert [hit.rule.id for hit in outcome.hits] == expected


def test_orders_findings_by_place() -> None:
    assert said(judged(TEXT, LOGS, DROPS)) == ["2 verdict/drops: DROP found", "3 noise/logs: LOG found"]


def test_names_the_facts_that_a_skipped_rule_lacks() -> None:
    def check(conntrack: object, sysctl: object) -> Iterator[Finding]:
        yield from ()

    outcome = judged(TEXT, named("size/table", check, Severity.ERROR))
    assert [(one.rule.id, one.facts) for one in outcome.skipped] == [("size/table", ("conntrack", "sysctl"))]


def test_lets_the_more_specific_rule_speak_of_a_line() -> None:
    general = rule_of_word("verdict/input", "INPUT", yields_to=("verdict/drops",))
    assert said(judged(TEXT, general, DROPS)) == ["2 verdict/drops: DROP found", "3 verdict/input: INPUT found"]


def test_lets_the_general_rule_speak_when_the_specific_one_is_ignored() -> None:
    general = rule_of_word("verdict/input", "INPUT", yields_to=("verdict/drops",))
    outcome = judged(TEXT, general, DROPS, configuration=Configuration(ignore=("verdict/drops",)))
    assert len(outcome.hits) == 2


def test_says_once_what_several_combinations_of_facts_give() -> None:
    def check(v4: Ruleset, ruleset: Ruleset) -> Iterator[Finding]:
        yield from (Finding(place, "found") for place in places(v4.document, "DROP"))

    outcome = run(made_host(TEXT, TEXT), [named("verdict/twice", check, Severity.ERROR)], Configuration())
    assert len(outcome.hits) == 1


@pytest.mark.parametrize(
    ("complete", "expected"),
    [(False, (Severity.WARNING, Confidence.LIKELY)), (True, (Severity.ERROR, Confidence.PROVEN))],
    ids=["part of a machine", "whole machine"],
)
def test_absence_is_no_error_in_a_part_of_a_machine(complete: bool, expected: tuple[Severity, Confidence]) -> None:
    def check(ruleset: Ruleset) -> Iterator[Finding]:
        yield Finding(places(ruleset.document, "DROP")[0], "nothing accepts", by_absence=True)

    info = named("verdict/absent", check, Severity.ERROR)
    (hit,) = run(made_host(TEXT, complete=complete), [info], Configuration()).hits
    assert (hit.severity, hit.confidence) == expected


@pytest.mark.parametrize("name", ["verdict/drops", "verdict"])
def test_configuration_has_the_last_word_on_severity(name: str) -> None:
    configuration = Configuration(severity=((name, Severity.INFO),))
    assert judged(TEXT, DROPS, configuration=configuration).hits[0].severity is Severity.INFO


@pytest.mark.parametrize(
    "configuration",
    [
        Configuration(exclude=("etc",)),
        Configuration(per_file_ignores=(("*.rules", ("verdict",)),)),
        Configuration(per_file_ignores=(("etc/0.rules", ("verdict/drops",)),)),
    ],
    ids=["exclude", "category in files", "rule in a file"],
)
def test_leaves_out_places_in_files(configuration: Configuration) -> None:
    assert said(judged(TEXT, DROPS, configuration=configuration)) == []


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.rules", "hosts/web/etc/a.rules", True),
        ("etc/*.rules", "hosts/web/etc/a.rules", True),
        ("hosts/*.rules", "hosts/web/etc/a.rules", False),
        ("hosts/**/*.rules", "hosts/web/etc/a.rules", True),
        ("web", "hosts/web/etc/a.rules", True),
        ("/etc", "hosts/web/etc/a.rules", False),
        ("/etc", "/etc/a.rules", True),
        ("./hosts", "hosts/web/etc/a.rules", True),
        ("w?b", "hosts/web/a", True),
        ("eb", "hosts/web/a", False),
        ("", "a", False),
        ("/".join(["**", "a*a*a*a*b"] * 40), "a/" * 400, False),
    ],
)
def test_matches_paths(pattern: str, path: str, expected: bool) -> None:
    assert path_matches(path, pattern) is expected
