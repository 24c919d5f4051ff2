"""Which chains of a table call which. Knows chains by their places among the table's chains, and no rule.

A cluster node has 40,000 chains: places are compared faster than names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import NamedTuple


class Pairs(NamedTuple):
    """The place of the chain of each rule that calls another, and the place of the other."""

    callers: Sequence[int]
    callees: Sequence[int]


@dataclass(frozen=True, eq=False)
class Calls:
    """The calls among a number of chains."""

    chains: int
    pairs: Pairs

    @cached_property
    def callees(self) -> Sequence[Sequence[int]]:
        """What each chain calls, in the order of its rules; one that is called twice is told twice."""
        found: list[list[int] | None] = [None] * self.chains
        for caller, callee in zip(*self.pairs, strict=True):
            before = found[caller]
            if before is None:
                found[caller] = [callee]
            else:
                before.append(callee)
        return [called or () for called in found]

    def called_by(self, chains: Iterable[int]) -> set[int]:
        """The chains that any of these call."""
        return set(chain.from_iterable(map(self.callees.__getitem__, chains)))

    def leading_to(self, starts: Mapping[int, str]) -> Sequence[frozenset[str]]:
        """The names of the starts from which each chain can be reached, a start itself included."""
        found = [frozenset[str]()] * self.chains
        alike: dict[frozenset[int], list[str]] = {}  # built-in chains often call the same chains
        for place, name in starts.items():
            found[place] = frozenset({name})
            alike.setdefault(frozenset(self.callees[place]), []).append(name)
        for called, names in alike.items():
            more: dict[frozenset[str], frozenset[str]] = {}  # few sets, and many chains that share them
            for place in self._below(called):
                before = found[place]
                found[place] = more.get(before) or more.setdefault(before, before.union(names))
        return found

    def _below(self, chains: Iterable[int]) -> set[int]:
        """These chains, and all that they call in some way."""
        added = set(chains)
        found = set(added)
        while added:
            added = self.called_by(added) - found
            found |= added
        return found

    def is_deeper(self, starts: Iterable[int], most: int) -> bool:
        """Whether a way from any of these has more calls than so many; a way that leads in a circle has."""
        reached = set(starts)
        for _ in range(most + 1):
            reached = self.called_by(reached)
        return bool(reached)
