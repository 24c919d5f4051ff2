from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import judged, rule_of_word

from ruleset_lint.lint import Edit, Fix, Place, RuleInfo, Safety, Span
from ruleset_lint.lint.engine import Hit
from ruleset_lint.rewrite.fixes import MOST_ROUNDS, FixRun, apply_fixes, choose
from ruleset_lint.text import apply_edits

PATH = "etc/0.rules"


def replacing(word: str, safety: Safety = Safety.SAFE) -> Callable[[Place], Fix]:
    return lambda place: Fix(f"write {word}", (Edit(place.span, word),), safety)


def inserting(text: str) -> Callable[[Place], Fix]:
    return lambda place: Fix(f"insert {text}", (Edit(Span(place.span.start, place.span.start), text),), Safety.SAFE)


def fixed(text: str, *rules: RuleInfo, unsafe: bool = False) -> FixRun:
    def check(texts: Mapping[str, str]) -> Sequence[Hit]:
        return judged(texts.get(PATH, text), *rules).hits

    return apply_fixes(check, unsafe=unsafe)


def after(run: FixRun) -> str | None:
    return run.changes[0].after if run.changes else None


def test_all_fixes_are_made() -> None:
    run = fixed("# old old\n# old\n", rule_of_word("a/old", "old", fix=replacing("new")))
    assert after(run) == "# new new\n# new\n"
    assert [(one.rule, one.path, one.line) for one in run.applied] == [
        ("a/old", PATH, 1),
        ("a/old", PATH, 1),
        ("a/old", PATH, 2),
    ]
    assert run.left == ()


@pytest.mark.parametrize(
    ("safety", "unsafe", "expected"),
    [
        (Safety.SAFE, False, "# new\n"),
        (Safety.UNSAFE, False, None),
        (Safety.UNSAFE, True, "# new\n"),
        (Safety.MANUAL, True, None),
    ],
)
def test_grade_decides(safety: Safety, unsafe: bool, expected: str | None) -> None:
    run = fixed("# old\n", rule_of_word("a/old", "old", fix=replacing("new", safety)), unsafe=unsafe)
    assert after(run) == expected
    assert len(run.left) == (expected is None)


def test_fix_without_edits_is_left() -> None:
    run = fixed("# old\n", rule_of_word("a/old", "old", fix=lambda _place: Fix("rewrite", emits="sysctl")))
    assert (run.changes, len(run.left)) == ((), 1)


def test_of_two_fixes_of_one_place_the_second_sees_what_the_first_made() -> None:
    rules = rule_of_word("a/old", "old", fix=replacing("newer")), rule_of_word("b/old", "old", fix=replacing("newest"))
    assert after(fixed("# old\n", *rules)) == "# newer\n"


def test_fix_may_need_another_round() -> None:
    rules = rule_of_word("a/one", "one", fix=replacing("two")), rule_of_word("b/two", "two", fix=replacing("three"))
    assert after(fixed("# one\n", *rules)) == "# three\n"


def test_rules_that_disagree_are_given_up_after_some_rounds() -> None:
    rules = rule_of_word("a/one", "one", fix=replacing("two")), rule_of_word("b/two", "two", fix=replacing("one"))
    run = fixed("# one\n", *rules)
    assert len(run.applied) == MOST_ROUNDS
    assert [hit.rule.id for hit in run.clashes] == ["a/one"]


def test_nothing_is_inserted_twice_for_one_cause() -> None:
    rules = [rule_of_word(f"{name}/old", "old", fix=inserting("# done\n")) for name in "ab"]
    hits = judged("# x\nold\n", *rules).hits
    assert len(choose(hits)) == 1


def test_files_that_are_not_asked_for_stay() -> None:
    info = rule_of_word("a/old", "old", fix=replacing("new"))
    run = apply_fixes(lambda _texts: judged("# old\n", info).hits, paths=lambda _path: False)
    assert run.changes == ()
    assert run.clashes == ()


@given(st.lists(st.sampled_from(["old", "x", "old old", "\n"]), max_size=12).map(" ".join))
def test_what_is_chosen_never_overlaps(text: str) -> None:
    rules = [rule_of_word("a/old", "old", fix=replacing("new")), rule_of_word("b/old", "old", fix=inserting("x "))]
    chosen = choose(judged(text, *rules).hits)
    apply_edits(text, [edit for hit in chosen if hit.finding.fix for edit in hit.finding.fix.edits])
    assert len({hit.finding.place.span for hit in chosen}) == len(chosen)
