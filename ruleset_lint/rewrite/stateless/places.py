"""State tests taken out of the rules that stay: answered for packets that open a connection. Knows no copy.

What is left of a line stays byte for byte. A rule whose test such packets do not pass goes as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Part, Use
from ruleset_lint.packets.sketch import Answer, state_answer
from ruleset_lint.rewrite.conditions import STATE_TESTS
from ruleset_lint.rewrite.specialise import tests_state
from ruleset_lint.syntax.iptables_save import word_spans
from ruleset_lint.syntax.words import Form, Word
from ruleset_lint.text import Edit, Span


def answered(ruleset: Ruleset) -> Iterator[Edit]:
    """Edits that leave no state test in any rule."""
    for rule in ruleset.where(tests_state):
        tests = [part for part in rule.shape.matches if part.name in STATE_TESTS]
        if all(state_answer(rule, part, "NEW") is Answer.YES for part in tests):
            yield from _without(ruleset, rule, tests)
        else:
            yield Edit(rule.line.span, "")


def _without(ruleset: Ruleset, rule: Rule, tests: Sequence[Part]) -> Iterator[Edit]:
    """Edits that take matches out of a rule, each word with the blanks before it."""
    words = word_spans(ruleset.document, rule.line)
    start = ruleset.document.content_span(rule.line).start
    taken = {number for part in tests for number in _words(words, part)}
    for number in sorted(taken):
        begin = words[number - 1].end
        yield Edit(Span(start + begin, start + words[number].end), "")


def _words(words: Sequence[Word], part: Part) -> Iterator[int]:
    """The numbers of a match's words: `-m name`, and its options with what belongs to them."""
    yield from (part.item - 1, part.item)
    for use in part.uses:
        yield from _option_words(words, use)


def _option_words(words: Sequence[Word], use: Use) -> Iterator[int]:
    negated = words[use.item - 1].form is Form.NEGATION
    yield from range(use.item - negated, use.item + len(use.operands) + 1)
