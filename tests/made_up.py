"""Hosts of one file and rules of one word: a rule speaks wherever its word stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date

from ruleset_lint.lint import Configuration, Finding, Fix, Place, RuleInfo, Severity, Span
from ruleset_lint.lint.engine import Outcome, run
from ruleset_lint.lint.report import Report, report
from ruleset_lint.lint.selection import all_rules
from ruleset_lint.model.host import Host
from ruleset_lint.model.loading import load
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.syntax.document import Document
from ruleset_lint.syntax.iptables_save import parse

TODAY = date(2026, 6, 1)


def made_host(*texts: str, complete: bool = False) -> Host:
    rulesets = tuple(load(parse(f"etc/{number}.rules", text)) for number, text in enumerate(texts))
    return Host(rulesets=rulesets, complete=complete)


def places(document: Document[object], word: str) -> list[Place]:
    found = (match.span() for match in re.finditer(rf"\b{re.escape(word)}\b", document.text))
    return [Place(document, Span(*span), f"{word} is here") for span in found]


def rule_of_word(
    name: str,
    word: str,
    severity: Severity = Severity.ERROR,
    *,
    yields_to: tuple[str, ...] = (),
    fix: Callable[[Place], Fix] | None = None,
) -> RuleInfo:
    """A rule `category/name` with a finding for each time that the word stands in a ruleset."""

    def check(ruleset: Ruleset) -> Iterator[Finding]:
        for place in places(ruleset.document, word):
            yield Finding(place, f"{word} found", fix=fix(place) if fix else None)

    return named(name, check, severity, yields_to)


def named(
    name: str, check: Callable[..., Iterator[Finding]], severity: Severity, yields_to: tuple[str, ...] = ()
) -> RuleInfo:
    category, _, last = name.replace("-", "_").partition("/")
    check.__module__, check.__name__ = f"rules.{category}.{last}", last
    return RuleInfo(check, severity, yields_to)


LINT_RULES = tuple(info for info in all_rules() if info.category == "lint")


def judged(text: str, *rules: RuleInfo, configuration: Configuration | None = None) -> Outcome:
    return run(made_host(text), (*rules, *LINT_RULES), configuration or Configuration(), today=TODAY)


def said(outcome: Outcome) -> list[str]:
    """Line number, rule and message of the findings."""
    return [f"{one.line} {one.rule}: {one.message}" for one in report([outcome]).findings]


def report_on(text: str, *rules: RuleInfo) -> Report:
    return report([judged(text, *rules)])
