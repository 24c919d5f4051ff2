"""Decisions in a row, of which the first that a packet is meant by counts. Knows no rule.

What each verdict is given to is drawn when somebody asks: whoever wants to know what comes back from a chain does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from ruleset_lint.packets.space import PacketSet, Space

COMES_BACK = ""
"""In place of a verdict: the chain's caller goes on."""


class _Decided(NamedTuple):
    """All packets that some decisions are about, and those of each verdict."""

    all: PacketSet
    verdicts: Mapping[str, PacketSet]


class Decisions:
    """Decisions of a chain, in order."""

    def __init__(self, rows: Iterable[_Decided] = ()) -> None:
        """The packets that decisions are about, in their order."""
        self._rows = list(rows)

    def append(self, packets: PacketSet, verdict: str) -> None:
        """These packets, if nothing before was about them."""
        self._rows.append(_Decided(packets, {verdict: packets}))

    def whole(self, space: Space) -> Mapping[str, PacketSet]:
        """The packets by verdict, those that come back left out."""
        rows = self._rows
        while len(rows) > 1:
            odd = rows[len(rows) & ~1 :]
            rows = [_joined(space, *pair) for pair in zip(rows[::2], rows[1::2], strict=False)] + odd
        self._rows[:] = rows
        found = rows[0].verdicts if rows else {}
        return {verdict: packets for verdict, packets in found.items() if verdict != COMES_BACK}

    def mapped(self, of: Callable[[PacketSet], PacketSet]) -> Decisions:
        """The same with each set replaced."""
        return Decisions(
            [
                _Decided(of(row.all), {verdict: of(packets) for verdict, packets in row.verdicts.items()})
                for row in self._rows
            ]
        )


def _joined(space: Space, first: _Decided, second: _Decided) -> _Decided:
    verdicts = dict(first.verdicts)
    for verdict, packets in second.verdicts.items():
        late = space.without(packets, first.all)
        verdicts[verdict] = space.either(verdicts[verdict], late) if verdict in verdicts else late
    return _Decided(space.either(first.all, second.all), verdicts)
