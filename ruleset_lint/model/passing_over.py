"""Rules that restore passes over because they are for the other address family. Knows one line at a time."""

from __future__ import annotations

from ruleset_lint.model.loading import load
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.validity import refusals
from ruleset_lint.syntax.iptables_save import parse
from ruleset_lint.text import Span


def loads_without(rule: Rule, span: Span) -> bool:
    """Whether a rule's line is one that restore takes when the text of a span is gone from it."""
    document = rule.home.document
    start, end = document.content_span(rule.line)
    line = document.text[start : span.start] + document.text[span.end : end]
    alone = parse("", f"*{rule.table}\n{line}\nCOMMIT\n" if rule.table else f"{line}\n")
    return not any(refusals(load(alone, rule.family, fragment=True)))
