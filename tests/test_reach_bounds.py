"""Fixes of the rules about reachability change no verdict; rulesets that are too much are given up, and it is said."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import judged, made_host, named
from reached import SHADOWED, checked, table

from ruleset_lint.lint import Configuration, Edit, Finding, Place, Severity, Span
from ruleset_lint.lint.engine import run
from ruleset_lint.lint.report import report
from ruleset_lint.model.loading import load
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets.bounds import NotDecidedError
from ruleset_lint.packets.course import INCOMING
from ruleset_lint.packets.summary import reading_of
from ruleset_lint.packets.walking import Folded, walked
from ruleset_lint.report import full
from ruleset_lint.syntax.iptables_save import parse
from ruleset_lint.text import apply_edits


def edits(text: str, name: str) -> list[str]:
    """The lines that fixes of a rule take out."""
    return [text[edit.span.start : edit.span.end] for hit in checked(text).hits if hit.rule.id == name
            for edit in (hit.finding.fix.edits if hit.finding.fix else ())]  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "taken_out"),
    [
        (["INPUT -p tcp -j ACCEPT", "INPUT -p tcp -m state --state NEW -j ACCEPT"], 0),
        (["INPUT -p tcp -j ACCEPT", "INPUT -p tcp -m state --state NEW -j ACCEPT", "INPUT -m state --state NEW"], 1),
        (
            ["INPUT -p tcp -j ACCEPT", "INPUT -p tcp -m state --state NEW -j LOG", "INPUT -p tcp -m helper --helper a"],
            0,
        ),
        (["INPUT -p tcp -j ACCEPT", "INPUT -p tcp --syn -j ACCEPT"], 1),
    ],
)
def test_the_last_rule_that_needs_tracking_is_not_taken_out(rules: list[str], taken_out: int) -> None:
    assert len(edits(table("filter", *rules), SHADOWED)) == taken_out


@pytest.mark.parametrize(
    ("command", "taken_out"),
    [("-I INPUT -p icmp", 1), ("-I INPUT 1 -p icmp", 0), ("-D INPUT -p udp", 0), ("-P INPUT DROP", 1)],
)
def test_lines_that_others_mean_are_not_taken_out(command: str, taken_out: int) -> None:
    text = table("filter", "INPUT -p udp", "INPUT -p tcp -j ACCEPT", "INPUT -p tcp --syn -j LOG")
    assert len(edits(text.replace("COMMIT", f"{command}\nCOMMIT"), SHADOWED)) == taken_out


CONDITIONS = ("", "-p tcp", "-p udp", "-p tcp --dport 22", "-p tcp --dport 22:80", "-s 10.0.0.0/31", "-s 10.0.0.0/30",
              "! -s 10.0.0.0", "-m state --state NEW", "-m set --match-set a src", "-m limit --limit 1/s")  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(("INPUT", "INPUT", "A")),
            st.sampled_from(CONDITIONS),
            st.sampled_from(("ACCEPT", "DROP", "LOG", "RETURN", "A", "B")),
        ),
        max_size=9,
    )
)
def test_every_packet_has_the_same_verdict_without_what_fixes_take_out(rules: list[tuple[str, str, str]]) -> None:
    made = [f"{chain} {asked} -j {target}" for chain, asked, target in rules if (chain, target) != ("A", "A")]
    text = table("filter", *made)
    gone = {edit.span for hit in checked(text).hits for edit in (hit.finding.fix.edits if hit.finding.fix else ())}
    after = apply_edits(text, [Edit(span, "") for span in gone])
    before, left = loaded(text), loaded(after)
    kept = [rule.number for rule in before.live_rules if rule.line.span not in gone]
    assert same_verdicts(before, left, dict(zip([rule.number for rule in left.live_rules], kept, strict=True)))


def loaded(text: str) -> Ruleset:
    return load(parse("test", text), 4, fragment=False)


def same_verdicts(before: Ruleset, after: Ruleset, lines: dict[int, int]) -> bool:
    """Whether all packets have the same verdict; `lines` are those of rules after, and where they were before."""
    known = reading_of(before, after)
    reading = known._replace(
        place=lambda rule: rule.number if rule.home.document is before.document else lines[rule.number]
    )
    first, second = (walked(Folded(reading, one), INCOMING).verdicts for one in (before, after))
    none = known.space.none
    return all(first.get(name, none) == second.get(name, none) for name in {*first, *second})


def nested(depth: int) -> str:
    names = tuple(f"c{number}" for number in range(depth))
    jumps = (f"c{number} -j c{number + 1}" for number in range(depth - 1))
    return table("filter", "INPUT -j c0", *jumps, f"{names[-1]} -p tcp -j DROP", chains=names)


def many_paths(doublings: int) -> str:
    names = tuple(f"c{number}" for number in range(doublings + 1))
    jumps = (f"c{number} -p {name} -j c{number + 1}" for number in range(doublings) for name in ("tcp", "udp"))
    return table("filter", "INPUT -j c0", *jumps, f"{names[-1]} -p tcp -j DROP", "INPUT -p tcp -j LOG", chains=names)


def random_constants(rules: int) -> str:
    dice = random.Random(1)

    def masked() -> str:
        mask = dice.getrandbits(32)
        return f"{dice.getrandbits(32) & mask:#x}/{mask:#x}"

    def conditions() -> str:
        return f"-m mark --mark {masked()} -m ttl --ttl-gt {dice.randrange(250)} -p tcp --dport {dice.getrandbits(16)}"

    return table("filter", *(f"INPUT {conditions()} -j {dice.choice(('ACCEPT', 'DROP'))}" for _ in range(rules)))


@pytest.mark.parametrize(
    "text", [nested(10_000), many_paths(60), random_constants(3_000)], ids=["deep", "2^60", "random"]
)
def test_what_is_made_to_take_long_is_answered_or_given_up(text: str) -> None:
    start = time.process_time()
    outcome = checked(text)
    assert time.process_time() - start < 20  # 10 of them for the bound
    assert all(one.reason for one in outcome.skipped)


def test_more_rules_than_are_looked_at_are_given_up() -> None:
    outcome = checked(table("filter", "INPUT -j A", *(f"A -s 10.0.{n >> 8}.{n & 255}" for n in range(20_000))))
    given_up = {"contradiction", "dead-jump", "never-matches", "redundant", "shadowed"}
    assert {(one.rule.id, one.reason) for one in outcome.skipped} == {
        (f"reach/{name}", "more than 20000 rules") for name in given_up
    }
    assert full.render(report([outcome])).endswith("reach/shadowed: more than 20000 rules.\n")


def test_a_rule_that_gives_up_does_not_silence_others_nor_lose_what_it_found() -> None:
    def check(ruleset: Ruleset) -> Iterator[Finding]:
        if ruleset.live_rules:
            raise NotDecidedError("too much")
        yield Finding(Place(ruleset.document, Span(0, 1)), "found")

    info = named("made/up", check, Severity.ERROR)
    outcome = run(made_host(table("filter"), table("filter", "INPUT -j DROP")), [info], Configuration())
    assert [hit.finding.message for hit in outcome.hits] == ["found"]
    assert [(one.rule.id, one.facts, one.reason) for one in outcome.skipped] == [("made/up", (), "too much")]


def test_a_suppression_of_a_rule_that_gave_up_is_not_called_unused() -> None:
    def check(ruleset: Ruleset) -> Iterator[Finding]:
        yield from ()
        raise NotDecidedError("too much")

    text = "# ruleset-lint: ignore-file[made/up]\n" + table("filter")
    assert judged(text, named("made/up", check, Severity.ERROR)).hits == ()


def test_a_ruleset_without_rules_needs_no_sets() -> None:
    program = f"import sys, ruleset_lint; ruleset_lint.check_text({table('filter')!r}); print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"oxidd", "oxidd._oxidd"}.isdisjoint(ran.stdout.split())
