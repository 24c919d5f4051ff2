"""Running rules over a host. Knows no particular rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ruleset_lint.lint.configuration import Configuration
from ruleset_lint.lint.facts import combinations, missing
from ruleset_lint.lint.finding import Confidence, Finding, Severity
from ruleset_lint.lint.rules import RuleInfo
from ruleset_lint.model.host import Host


@dataclass(frozen=True, slots=True)
class Hit:
    """A finding with what the engine knows of it: the rule, the severity and the confidence that count."""

    rule: RuleInfo
    finding: Finding
    severity: Severity
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class Skipped:
    """A rule that was not run, and the facts it lacked."""

    rule: RuleInfo
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What rules found on one host."""

    host: Host
    hits: tuple[Hit, ...]
    skipped: tuple[Skipped, ...]


def run(host: Host, rules: Sequence[RuleInfo], configuration: Configuration) -> Outcome:
    """All rules on a host, findings in the order of their places."""
    hits = [hit for info in rules for hit in _hits(info, host, configuration)]
    lacking = [Skipped(info, facts) for info in rules if (facts := missing(info.needs, host, configuration))]
    kept = sorted(_one_a_cause(hits), key=_order)
    return Outcome(host, tuple(kept), tuple(lacking))


def _hits(info: RuleInfo, host: Host, configuration: Configuration) -> Iterator[Hit]:
    for facts in combinations(info.needs, host, configuration):
        for finding in info.check(**facts):
            yield _judged(info, finding, host, configuration)


def _judged(info: RuleInfo, finding: Finding, host: Host, configuration: Configuration) -> Hit:
    severity = finding.severity or info.severity
    confidence = finding.confidence
    if finding.by_absence and not host.complete:
        confidence = Confidence.LIKELY
        severity = Severity.WARNING if severity is Severity.ERROR else severity
    chosen = dict(configuration.severity)
    severity = chosen.get(info.id, chosen.get(info.category, severity))
    return Hit(info, replace(finding, severity=severity, confidence=confidence), severity, confidence)


def _one_a_cause(hits: Sequence[Hit]) -> Iterator[Hit]:
    """Without the findings whose rule yields to another that speaks of the same place."""
    places = {(hit.rule.id, hit.finding.place.document.path, hit.finding.place.span) for hit in hits}
    for hit in hits:
        place = hit.finding.place
        if not any((other, place.document.path, place.span) in places for other in hit.rule.yields_to):
            yield hit


def _order(hit: Hit) -> tuple[str, int, int, str]:
    place = hit.finding.place
    return place.document.path, place.span.start, hit.severity.rank, hit.rule.id
