"""Reports: what was found, in the form that formats print and programs read. Knows no format."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import NamedTuple, overload

from ruleset_lint.lint.engine import Hit, Outcome
from ruleset_lint.lint.facts import TITLES
from ruleset_lint.lint.finding import Confidence, Fix, Place, Safety, Severity
from ruleset_lint.lint.fingerprint import fingerprint, identity
from ruleset_lint.lint.rules import RuleInfo
from ruleset_lint.syntax.document import Document
from ruleset_lint.text import Edit, Position, Span

SCHEMA = 1
"""Version of the JSON that reports are written in; it grows when a name goes or changes its meaning."""

_FRAME_BEFORE = 200
_FRAME = 600


class Frame(NamedTuple):
    """A piece of the line on which a place begins: the text, and the column (from 1) of its first character."""

    text: str
    column: int
    cut: bool


class ReportedPlace(NamedTuple):
    """A place: lines and columns count code points from 1, the end is the position behind the last one."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    note: str
    frame: Frame


class ReportedEdit(NamedTuple):
    """Replace what stands between two positions of a file by a text."""

    line: int
    column: int
    end_line: int
    end_column: int
    text: str
    path: str


class ReportedEdits(Sequence[ReportedEdit]):
    """Edits whose lines and columns are looked up when asked for: a fix may have thousands, and few are printed."""

    def __init__(self, edits: Sequence[tuple[Document[object], Edit]]) -> None:
        """Edits, each with its document."""
        self._edits = edits

    def __len__(self) -> int:
        return len(self._edits)

    @overload
    def __getitem__(self, index: int) -> ReportedEdit: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ReportedEdit]: ...
    def __getitem__(self, index: int | slice) -> ReportedEdit | Sequence[ReportedEdit]:
        if isinstance(index, slice):
            return ReportedEdits(self._edits[index])
        document, edit = self._edits[index]
        start, end = _positions(document, edit.span)
        return ReportedEdit(*start, *end, edit.text, document.path)


class ReportedFix(NamedTuple):
    """A remedy: edits, or (`emits`) the kind of file that `ruleset-lint rewrite` writes."""

    title: str
    safety: Safety
    emits: str
    edits: Sequence[ReportedEdit]


class ReportedFinding(NamedTuple):
    """A finding, at one place or, where files of a host have the same cause, at several: the others are `related`.

    `identity` is what its fingerprint is made of.
    """

    rule: str
    severity: Severity
    confidence: Confidence
    message: str
    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    related: tuple[ReportedPlace, ...]
    fix: ReportedFix | None
    identity: tuple[str, int]
    help: tuple[str, ...]
    note: str
    frame: Frame

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits that stay the same when lines move or counters change; no two in a report are equal."""
        return fingerprint(self.identity)


class SkippedRule(NamedTuple):
    """A rule that was not run on some host, and the facts it lacked there; or that gave up on a file, and why."""

    rule: str
    facts: tuple[str, ...]
    reason: str = ""


class JudgedAs(NamedTuple):
    """The releases that findings were judged for: short names, titles, and why these."""

    names: tuple[str, ...]
    titles: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """All that a run says. `suppressed` counts findings that comments silence, `not_judged` names missing facts.

    `given_up` says which rules have not judged a file because it would have taken too long, and why.
    """

    findings: tuple[ReportedFinding, ...]
    skipped: tuple[SkippedRule, ...]
    files: tuple[str, ...]
    profile: JudgedAs
    suppressed: int = 0
    not_judged: tuple[str, ...] = ()
    given_up: tuple[str, ...] = ()
    rules: tuple[RuleInfo, ...] = field(default=(), repr=False)

    def count(self, severity: Severity) -> int:
        """How many findings there are of a severity."""
        return sum(finding.severity is severity for finding in self.findings)


def report(outcomes: Sequence[Outcome], *, shown: Collection[str] | None = None) -> Report:
    """The report of one or several hosts; `shown` are the files one of which a finding must have a place in."""
    causes = [
        cause for outcome in outcomes for cause in _causes([hit for hit in outcome.hits if _is_shown(hit, shown)])
    ]
    hits = [hit for cause in causes for hit in cause]
    skipped = {(one.rule.id, one.facts, one.reason): None for outcome in outcomes for one in outcome.skipped}
    return Report(
        findings=tuple(_findings(causes)),
        skipped=tuple(SkippedRule(*one) for one in sorted(skipped)),
        files=tuple(sorted({document.path for outcome in outcomes for document in _documents(outcome)})),
        profile=_profile(outcomes),
        suppressed=sum(_is_shown(hit, shown) for outcome in outcomes for hit in outcome.suppressed),
        not_judged=tuple(_not_judged(outcomes)),
        given_up=tuple(_given_up(outcomes)),
        rules=tuple({hit.rule.id: hit.rule for hit in hits}.values()),
    )


def _is_shown(hit: Hit, shown: Collection[str] | None) -> bool:
    places = (hit.finding.place, *hit.finding.related)
    return shown is None or any(place.document.path in shown for place in places)


def _documents(outcome: Outcome) -> Iterable[Document[object]]:
    return (*outcome.host.documents, *(ruleset.document for ruleset in outcome.host.rulesets))


def _profile(outcomes: Sequence[Outcome]) -> JudgedAs:
    profiles = {known.name: known.title for outcome in outcomes for known in outcome.host.profiles}
    reasons = tuple({outcome.host.profile_reason: None for outcome in outcomes})
    return JudgedAs(
        tuple(profiles), tuple(profiles.values()), reasons[0] if len(reasons) == 1 else "each host by its own files"
    )


def _not_judged(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Facts that rules lacked, and on how many of the hosts if not on all."""
    lacking = Counter(name for outcome in outcomes for name in {name for one in outcome.skipped for name in one.facts})
    for name, title in TITLES.items():
        if lacking[name]:
            hosts = f" on {lacking[name]} of {len(outcomes)} hosts" if lacking[name] < len(outcomes) else ""
            yield title + hosts


def _given_up(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """For each reason the rules that gave up."""
    found: dict[str, dict[str, None]] = {}
    for one in (one for outcome in outcomes for one in outcome.skipped if one.reason):
        found.setdefault(one.reason, {})[one.rule.id] = None
    yield from (f"{', '.join(names)}: {reason}" for reason, names in found.items())


def _causes(hits: Sequence[Hit]) -> Iterator[list[Hit]]:
    """The hits of one host, those together of which a rule says the same in several files; in order of the first."""
    same: dict[tuple[object, ...], list[Hit]] = {}
    for hit in hits:
        same.setdefault(_said(hit), []).append(hit)
    several = {
        said: found for said, found in same.items() if len({one.finding.place.document.path for one in found}) > 1
    }
    for hit in hits:
        found = several.get(_said(hit), [hit])
        if found[0] is hit:
            yield found


def _said(hit: Hit) -> tuple[object, ...]:
    """What a hit says, but for its places."""
    finding, fix = hit.finding, hit.finding.fix
    remedy = (fix.title, fix.safety, fix.emits) if fix else None
    return hit.rule.id, hit.severity, hit.confidence, finding.message, finding.help, remedy


def _findings(causes: Iterable[Sequence[Hit]]) -> Iterator[ReportedFinding]:
    seen: Counter[str] = Counter()
    for hits in causes:
        place = hits[0].finding.place
        yield _reported(hits, identity(f"{hits[0].rule.id} {place.document.path}", place, seen))


def _reported(hits: Sequence[Hit], mark: tuple[str, int]) -> ReportedFinding:
    hit, finding = hits[0], hits[0].finding
    place = _place(finding.place)
    return ReportedFinding(
        rule=hit.rule.id,
        severity=hit.severity,
        confidence=hit.confidence,
        message=finding.message,
        path=place.path,
        line=place.line,
        column=place.column,
        end_line=place.end_line,
        end_column=place.end_column,
        related=tuple(map(_place, _related(hits))),
        fix=_fix(finding.fix, hits) if finding.fix else None,
        identity=mark,
        help=finding.help,
        note=place.note,
        frame=place.frame,
    )


def _related(hits: Sequence[Hit]) -> Iterable[Place]:
    """All places but the first, each once; those of other hits say that it is the same there."""
    others = [hit.finding.place._replace(note=hit.finding.place.note or "here too") for hit in hits[1:]]
    places = (*hits[0].finding.related, *others, *(place for hit in hits[1:] for place in hit.finding.related))
    return {(place.document.path, place.span, place.note): place for place in places}.values()


def _place(place: Place) -> ReportedPlace:
    start, end = _positions(place.document, place.span)
    return ReportedPlace(place.document.path, *start, *end, place.note, _frame(place.document, place.span.start, start))


def _positions(document: Document[object], span: Span) -> tuple[Position, Position]:
    return document.position(span.start), document.position(span.end)


def _frame(document: Document[object], offset: int, start: Position) -> Frame:
    """The line around an offset, or all of it if it is not long."""
    first = document.starts[start.line - 1]
    last = document.starts[start.line] - 1 if start.line < len(document.starts) else len(document.text)
    begin = first if last - first <= _FRAME else max(first, offset - _FRAME_BEFORE)
    end = min(last, begin + _FRAME)
    return Frame(document.text[begin:end], begin - first + 1, cut=end < last)


def _fix(fix: Fix, hits: Sequence[Hit]) -> ReportedFix:
    """The fixes of all hits as one."""
    fixes = ((hit.finding.place.document, hit.finding.fix.edits) for hit in hits if hit.finding.fix)
    edits = chain.from_iterable(zip(repeat(document), made, strict=False) for document, made in fixes)
    return ReportedFix(fix.title, fix.safety, fix.emits, ReportedEdits(list(edits)))
