"""Which places suppressions silence, and which suppressions do. Knows no rule."""

import bisect
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from ruleset_lint.lint.finding import Finding, Place
from ruleset_lint.lint.suppression import Suppression
from ruleset_lint.text import Span

Use = tuple[Suppression, str]
"""A suppression and one of the names it lists."""


class _Layer(NamedTuple):
    """Spans of one kind of suppression for one name in one document: in order, and none overlaps another."""

    starts: list[int]
    spans: list[Span]
    suppressions: list[Suppression]


class SuppressionUse(NamedTuple):
    """All suppressions of a run, which names of them silenced a place, and the names that are known and were judged."""

    found: tuple[Suppression, ...]
    used: frozenset[Use]
    known: frozenset[str]
    judged: frozenset[str]
    today: date

    @property
    def readable(self) -> tuple[Suppression, ...]:
        """Those that count today."""
        return tuple(made for made in self.found if not made.problem and not made.is_expired(self.today))

    @property
    def expired(self) -> tuple[Suppression, ...]:
        """Those whose last day is over."""
        return tuple(made for made in self.found if not made.problem and made.is_expired(self.today))

    def is_unused(self, made: Suppression, name: str) -> bool:
        """Whether all rules that the name stands for were run, and it silenced none of their findings."""
        return bool(made.scopes) and name in self.judged and (made, name) not in self.used


_Key = tuple[int, str, str]
Silencer = Mapping[_Key, _Layer]


def silencer(found: Iterable[Suppression], today: date) -> Silencer:
    """Suppressions that count on a day, so arranged that places can be looked up."""
    layers: dict[_Key, _Layer] = {}
    working = (made for made in found if made.scopes and not made.problem and not made.is_expired(today))
    for made in working:
        for name, span in zip(made.names, made.scopes, strict=True):
            layer = layers.setdefault((id(made.document), name, made.verb), _Layer([], [], []))
            if not layer.spans or span.start >= layer.spans[-1].end:  # else a second one says it again
                layer.starts.append(span.start)
                layer.spans.append(span)
                layer.suppressions.append(made)
    return layers


def uses(place: Place, names: Sequence[str], silence: Silencer) -> list[Use]:
    """The suppressions that silence a place for one of the names."""
    found = []
    for name in names if silence else ():
        for verb in ("ignore", "disable", "ignore-file"):
            layer = silence.get((id(place.document), name, verb))
            made = _covering(layer, place.span.start) if layer else None
            if made:
                found.append((made, name))
    return found


def _covering(layer: _Layer, offset: int) -> Suppression | None:
    index = bisect.bisect_right(layer.starts, offset) - 1
    return layer.suppressions[index] if index >= 0 and offset < layer.spans[index].end else None


def without(finding: Finding, silenced: Sequence[Place]) -> Finding | None:
    """The finding with the places that are left, the first of them its primary one; None if none is."""
    left = [place for place in (finding.place, *finding.related) if place not in silenced]
    if not left:
        return None
    fix = finding.fix if left[0].document is finding.place.document else None
    return finding._replace(place=left[0], related=tuple(left[1:]), fix=fix)
