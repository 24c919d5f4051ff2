"""Running rules over a host. Knows no particular rule."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

from ruleset_lint.lint.configuration import Configuration
from ruleset_lint.lint.facts import SUPPRESSIONS, combinations, missing
from ruleset_lint.lint.finding import Confidence, Finding, Place, Severity
from ruleset_lint.lint.rules import RuleInfo
from ruleset_lint.lint.selection import is_excluded, is_ignored, names_of, selected
from ruleset_lint.lint.silencing import Silencer, SuppressionUse, silencer, uses, without
from ruleset_lint.lint.suppression import suppressions
from ruleset_lint.model.host import Host
from ruleset_lint.packets.bounds import NotDecidedError
from ruleset_lint.syntax.document import Document


class Hit(NamedTuple):
    """A finding with what the engine knows of it: the rule, the severity and the confidence that count."""

    rule: RuleInfo
    finding: Finding
    severity: Severity
    confidence: Confidence


class Skipped(NamedTuple):
    """A rule that was not run, and the facts it lacked; or one that gave up on a file, and why."""

    rule: RuleInfo
    facts: tuple[str, ...]
    reason: str = ""


class Outcome(NamedTuple):
    """What rules found on one host. `suppressed` are the hits that comments silence, as they were before."""

    host: Host
    hits: tuple[Hit, ...]
    skipped: tuple[Skipped, ...]
    suppressed: tuple[Hit, ...] = ()


def run(host: Host, rules: Sequence[RuleInfo], configuration: Configuration, *, today: date | None = None) -> Outcome:
    """Those of the rules that the configuration selects, on a host; findings in the order of their places.

    `today` decides which suppressions are over; None takes the day in UTC.
    """
    chosen = selected(rules, configuration)
    lacking = [Skipped(info, facts) for info in chosen if (facts := missing(info.needs, host, configuration))]
    judging = [info for info in chosen if not missing(info.needs, host, configuration) and not _is_own(info)]
    given_up: list[Skipped] = []
    hits = list(_once(_one_a_cause([hit for info in judging for hit in _hits(info, host, configuration, given_up)])))
    comments = [made for document in _documents(host, hits) for made in suppressions(document)]
    silence = silencer(comments, day := today or datetime.now(UTC).date())
    used = frozenset(
        use for hit in hits if silence for place in _places(hit) for use in uses(place, _names(hit), silence)
    )
    sure = [info for info in judging if all(info is not one.rule for one in given_up)]
    use = SuppressionUse(tuple(comments), used, names_of(rules), _judged_names(sure, rules), day)
    own = [hit for info in chosen if _is_own(info) for hit in _own_hits(info, use, host, configuration)]
    kept, suppressed = _split([*hits, *own], silence, configuration)
    skipped = (*lacking, *given_up)
    return Outcome(host, tuple(sorted(kept, key=_order)), skipped, tuple(sorted(suppressed, key=_order)))


def _is_own(info: RuleInfo) -> bool:
    """Whether a rule judges the suppressions of the others, and so comes after them."""
    return info.needs == (SUPPRESSIONS,)


def _hits(info: RuleInfo, host: Host, configuration: Configuration, given_up: list[Skipped]) -> Iterator[Hit]:
    """What a rule finds; `given_up` gets what it could not decide within its bounds."""
    for facts in combinations(info.needs, host, configuration):
        try:
            for finding in info.check(**facts):
                yield _judged(info, finding, host, configuration)
        except NotDecidedError as error:
            given_up.append(Skipped(info, (), str(error)))


def _own_hits(info: RuleInfo, use: SuppressionUse, host: Host, configuration: Configuration) -> Iterator[Hit]:
    for finding in info.check(use):
        yield _judged(info, finding, host, configuration)


def _judged(info: RuleInfo, finding: Finding, host: Host, configuration: Configuration) -> Hit:
    severity = finding.severity or info.severity
    confidence = finding.confidence
    if finding.by_absence and not host.complete:
        confidence = Confidence.LIKELY
        severity = Severity.WARNING if severity is Severity.ERROR else severity
    chosen = dict(configuration.severity)
    severity = chosen.get(info.id, chosen.get(info.category, severity))
    return Hit(info, finding, severity, confidence)


def _judged_names(judging: Sequence[RuleInfo], rules: Iterable[RuleInfo]) -> frozenset[str]:
    """Names of which all rules were run."""
    others = {info.category for info in rules if info not in judging}
    return names_of(judging) - others


def _one_a_cause(hits: Sequence[Hit]) -> Iterator[Hit]:
    """Without the findings whose rule yields to another that speaks of the same line."""
    specific = {other for hit in hits for other in hit.rule.yields_to}
    spoken = {(hit.rule.id, _line(hit.finding.place)) for hit in hits if hit.rule.id in specific}
    for hit in hits:
        if not any((other, _line(hit.finding.place)) in spoken for other in hit.rule.yields_to):
            yield hit


def _line(place: Place) -> tuple[str, int]:
    return place.document.path, place.document.position(place.span.start).line


def _once(hits: Iterable[Hit]) -> Iterator[Hit]:
    """Without what a rule says twice because it was given its facts in several combinations."""
    seen = set()
    for hit in hits:
        place = hit.finding.place
        key = (hit.rule.id, place.document.path, place.span, hit.finding.message)
        if key not in seen:
            seen.add(key)
            yield hit


def _documents(host: Host, hits: Iterable[Hit]) -> Iterator[Document[object]]:
    """All documents that are known of, each once."""
    read = (*host.documents, *(ruleset.document for ruleset in host.rulesets))
    spoken_of = (place.document for hit in hits for place in _places(hit))
    return iter({id(document): document for document in (*read, *spoken_of)}.values())


def _places(hit: Hit) -> tuple[Place, ...]:
    return (hit.finding.place, *hit.finding.related)


def _names(hit: Hit) -> tuple[str, str]:
    return hit.rule.id, hit.rule.category


def _split(hits: Iterable[Hit], silence: Silencer, configuration: Configuration) -> tuple[list[Hit], list[Hit]]:
    """The hits that have a place left, with these places; and those that comments silence altogether."""
    if not (silence or configuration.exclude or configuration.per_file_ignores):
        return list(hits), []
    kept: list[Hit] = []
    suppressed: list[Hit] = []
    for hit in hits:
        allowed = [place for place in _places(hit) if not _is_out(hit, place, configuration)]
        silenced = [place for place in allowed if uses(place, _names(hit), silence)]
        if not allowed:
            continue
        if len(silenced) == len(allowed):
            suppressed.append(hit)
        else:
            gone = [place for place in _places(hit) if place not in allowed or place in silenced]
            kept.append(_left(hit, gone))
    return kept, suppressed


def _is_out(hit: Hit, place: Place, configuration: Configuration) -> bool:
    path = place.document.path
    return is_excluded(path, configuration) or is_ignored(hit.rule, path, configuration)


def _left(hit: Hit, gone: Sequence[Place]) -> Hit:
    finding = without(hit.finding, gone) if gone else hit.finding
    return hit._replace(finding=finding or hit.finding)


def _order(hit: Hit) -> tuple[str, int, int, str]:
    place = hit.finding.place
    return place.document.path, place.span.start, hit.severity.rank, hit.rule.id
