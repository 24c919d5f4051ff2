"""Rule lines in their normal form, as edits: comments, blank lines and all other lines stay as they are."""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.model.normal import Backend, NoNormalFormError, normal_rules
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import is_skipped
from ruleset_lint.text import Edit, apply_edits


def formatted(ruleset: Ruleset, backend: Backend) -> str:
    """The text with each rule as iptables-save would print it, counters kept.

    A rule whose addresses are lists becomes several. A rule that has no normal form but on the machine that loads it
    stays as it is, and so does one that restore passes over (`-6` among IPv4 rules).
    """
    return apply_edits(ruleset.document.text, _edits(ruleset, backend))


def _edits(ruleset: Ruleset, backend: Backend) -> Iterator[Edit]:
    for rule in ruleset.commands:
        if is_skipped(rule.shape, ruleset.family):
            continue
        try:
            lines = normal_rules(rule, backend)
        except NoNormalFormError:
            continue
        span = ruleset.document.content_span(rule.line)
        text = "\n".join(_counters(rule) + line for line in lines)
        if text != ruleset.document.source(span):
            yield Edit(span, text)


def _counters(rule: Rule) -> str:
    """`[packets:bytes] ` from before the rule, or from its `-c`."""
    counters = rule.counters
    if counters:
        return f"[{counters.packets}:{counters.bytes}] "
    use = rule.shape.parameter("-c")
    if not use:
        return ""
    numbers = [number for operand in use.operands for number in rule.text(operand).split(",")]
    return f"[{numbers[0]}:{numbers[1]}] " if len(numbers) == 2 and all(map(str.isdigit, numbers)) else ""
