from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import TODAY, judged, made_host, named, places, rule_of_word, said

from ruleset_lint.lint import Configuration, Finding, Safety, Severity
from ruleset_lint.lint.engine import run
from ruleset_lint.lint.suppression import suppressions
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.syntax import assignments, iptables_save, modprobe, modules, sysctl
from ruleset_lint.text import apply_edits

DROPS = rule_of_word("verdict/drops", "DROP")
LOGS = rule_of_word("noise/logs", "LOG")
D = "-A INPUT -j DROP\n"
UNKNOWN = "lint/unknown-suppression"
IGNORE = "# ruleset-lint: ignore[verdict/drops]\n"


def drops(text: str) -> list[int]:
    """The lines on which verdict/drops still speaks."""
    return [int(line.split()[0]) for line in said(judged(text, DROPS)) if "verdict/drops:" in line]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (IGNORE + D, []),
        ("# ruleset-lint: ignore[verdict] because\n" + D, []),
        ("#ruleset-lint:ignore[ noise , verdict/drops ]because\n" + D, []),
        (IGNORE + D + D, [3]),
        (IGNORE + "# why\n" + "# ruleset-lint: ignore[noise]\n" + D, []),
        (IGNORE + "\n" + D, [3]),
        ("# ruleset-lint: ignore[noise]\n" + D, [2]),
        ("# see ruleset-lint: ignore[verdict]\n" + D, [2]),
        (D + "# ruleset-lint: ignore-file[verdict]\n" + D, []),
        (D + "# ruleset-lint: disable[verdict]\n" + D + D + "# ruleset-lint: enable[verdict]\n" + D, [1, 6]),
        ("# ruleset-lint: disable[verdict]\n" + D, []),
        ("# ruleset-lint: disable[verdict, noise]\n" + D + "# ruleset-lint: enable[noise]\n" + D, []),
        ("# ruleset-lint: disable[verdict]\n" + D + "# ruleset-lint: enable\n" + D, [4]),
        ('-A INPUT -m comment --comment "ruleset-lint: ignore[verdict]" -j DROP\n' + D, [2]),
        ('-A INPUT -m comment --comment "the office; ruleset-lint: ignore[verdict]" -j DROP\n', []),
        ("-A INPUT -m comment --comment ruleset-lint:ignore[verdict] -j DROP\n", []),
        ("# ruleset-lint: ignore[verdict] until=2026-06-01\n" + D, []),
        ("# ruleset-lint: ignore[verdict] until=2026-05-31 the move\n" + D, [2]),
        ("# ruleset-lint: ignore[verdict] until=tomorrow\n" + D, [2]),
        ("# ruleset-lint: ignore\n" + D, [2]),
        (IGNORE, []),
    ],
)  # fmt: skip
def test_silences_places(text: str, left: list[int]) -> None:
    assert drops(text) == left


def test_counts_what_it_silences() -> None:
    assert len(judged(IGNORE + D, DROPS).suppressed) == 1


def _both_drops(ruleset: Ruleset):
    first, second = places(ruleset.document, "DROP")
    yield Finding(first, "two drops", related=(second,))


BOTH = named("verdict/drops", _both_drops, Severity.ERROR)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (D + D, ["1 verdict/drops: two drops"]),
        (IGNORE + D + D, ["3 verdict/drops: two drops"]),
        (D + IGNORE + D, ["1 verdict/drops: two drops"]),
        (IGNORE + D + IGNORE + D, []),
    ],
    ids=["none", "first place", "related place", "all places"],
)
def test_a_finding_goes_with_its_last_place(text: str, expected: list[str]) -> None:
    assert said(judged(text, BOTH)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (IGNORE + "-A INPUT\n", "1 lint/unused-suppression: ignore silences nothing of verdict/drops"),
        (IGNORE + IGNORE + D, "1 lint/unused-suppression: ignore silences nothing of verdict/drops"),
        ("# ruleset-lint: ignore-file[verdict]\n", "1 lint/unused-suppression: ignore-file silences nothing of verdict",
         ),
        (
            "# ruleset-lint: ignore[verdict/dorps]\n" + "-A INPUT\n",
            "1 lint/unknown-suppression: no rule or category verdict/dorps, did you mean verdict/drops",
        ),
        (
            "# ruleset-lint: ignore\n",
            "1 lint/unknown-suppression: ignore names no rule, write ignore[category/name] or ignore[category]",
        ),
        ("# ruleset-lint: enable\n", "1 lint/unknown-suppression: enable ends nothing that is disabled"),
        (
            "# ruleset-lint: ingore[verdict]\n",
            f"1 {UNKNOWN}: ingore is no word of a suppression, there are ignore, ignore-file, disable, enable",
        ),
        (
            "# ruleset-lint: ignore[verdict] until=2026-02-30\n",
            "1 lint/unknown-suppression: until=2026-02-30 is no date, write until=2027-01-31",
        ),
        (
            "# ruleset-lint: ignore[verdict] until=2026-05-31\n",
            "1 lint/expired-suppression: ignore of verdict was to end on 2026-05-31",
        ),
    ],
)  # fmt: skip
def test_reports_suppressions(text: str, expected: str) -> None:
    found = said(judged(text, DROPS))
    assert expected.partition(" ")[2] in [line.partition(" ")[2] for line in found if "lint/" in line]
    assert len(found) == 1


@pytest.mark.parametrize(
    "comment",
    ["# ruleset-lint: ignore[noise]\n", "# ruleset-lint writes this\n", "# ruleset-lint: made by hand\n"],
    ids=["rule not selected", "prose", "prose with colon"],
)
def test_leaves_alone(comment: str) -> None:
    selected = Configuration(select=("verdict", "lint"))
    assert said(judged(comment + "-A INPUT\n", DROPS, LOGS, configuration=selected)) == []


def test_leaves_alone_names_of_skipped_rules() -> None:
    def check(conntrack: object):
        yield from ()

    info = named("size/table", check, Severity.ERROR)
    assert said(judged("# ruleset-lint: ignore[size/table]\n# ruleset-lint: ignore[size]\n", info)) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (IGNORE + "-A INPUT\n", "-A INPUT\n"),
        ("# ruleset-lint: ignore[noise, verdict/drops] why\n" + D, "# ruleset-lint: ignore[verdict/drops] why\n" + D),
        ('-A INPUT -m comment --comment "ruleset-lint: ignore[noise]" -j LOG2\n', "-A INPUT -j LOG2\n"),
        ('-A INPUT -m comment --comment "a \\" b - ruleset-lint: ignore[noise] c"\n',
         '-A INPUT -m comment --comment "a \\" b"\n'),
        ('-A INPUT -m comment --comment x --comment "ruleset-lint: ignore[noise]"\n', None),
        ("# ruleset-lint: ignore[noise] until=2026-01-01\n" + "-A INPUT\n", "-A INPUT\n"),
    ],
)  # fmt: skip
def test_takes_unused_suppressions_out(text: str, expected: str | None) -> None:
    (finding,) = [hit.finding for hit in judged(text, DROPS, LOGS).hits]
    assert finding.fix is None or finding.fix.safety is Safety.SAFE
    assert (apply_edits(text, finding.fix.edits) if finding.fix else None) == expected


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (assignments.parse, '# ruleset-lint: ignore[x/y]\nIPTABLES_MODULES=""\n'),
        (sysctl.parse, "# ruleset-lint: ignore[x/y]\nnet.ipv4.ip_forward = 1\n"),
        (sysctl.parse, "; ruleset-lint: ignore[x/y]\nnet.ipv4.ip_forward = 1\n"),
        (modprobe.parse, "# ruleset-lint: ignore[x/y]\noptions nf_conntrack \\\n hashsize=1\n"),
        (modules.parse, "# ruleset-lint: ignore[x/y]\nnf_conntrack\n"),
        (iptables_save.parse, "# ruleset-lint: ignore[x/y]\n*filter\n"),
    ],
    ids=["assignments", "sysctl #", "sysctl ;", "modprobe", "modules", "rules"],
)
def test_is_read_in_every_format(parse, text: str) -> None:
    document = parse("file", text)
    (found,) = suppressions(document)
    assert (found.names, found.scopes) == (("x/y",), (document.lines[1].span,))


def test_many_suppressions_take_no_time_that_grows_with_their_square() -> None:
    text = "".join(f"# ruleset-lint: disable[verdict]\n# ruleset-lint: ignore[a{n}]\n{D}" for n in range(5000))
    outcome = run(made_host(text), [DROPS], Configuration(), today=TODAY)
    assert len(outcome.suppressed) == 5000


@given(st.text(alphabet='#;:[]-, "\\\n=AZignoredsablf 0x', max_size=80))
def test_reads_any_text(text: str) -> None:
    text = f"# ruleset-lint:{text}\n-A INPUT -m comment --comment ruleset-lint:{text}\n"
    for hit in judged(text, DROPS).hits:
        assert apply_edits(text, hit.finding.fix.edits if hit.finding.fix else ()) is not None
