"""The packets of a chain that no rule has taken yet, without drawing all of them. Knows no rule.

What is left after a thousand rules is a large diagram, and each rule that takes something would draw it anew. What
was taken is kept in heaps of 1, 2, 4, 8 … rules instead, and a rule's own packets, which are few, are what is led past
them: 5,000 rules that overlap at random take about half as long so (benchmarks/folding.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ruleset_lint.packets.space import PacketSet, Space


class _Heap(NamedTuple):
    """Packets that were taken in so many steps."""

    steps: int
    packets: PacketSet


@dataclass(eq=False, slots=True)
class Remaining:
    """Packets that entered, without those that were taken since."""

    space: Space
    entered: PacketSet
    _taken: list[_Heap] = field(default_factory=list)  # larger ones first
    _asked: tuple[PacketSet, PacketSet] | None = None  # what was asked last, and the answer

    def among(self, packets: PacketSet) -> PacketSet:
        """Those of some packets that remain."""
        space = self.space
        left = packets
        for heap in self._taken:
            if space.is_empty(left):
                break
            left = space.without(left, heap.packets)
        left = space.both(left, self.entered)
        self._asked = packets, left
        return left

    def take(self, packets: PacketSet) -> None:
        """They remain no longer."""
        space, heaps = self.space, self._taken
        if self._asked and packets == self._asked[1]:
            packets = self._asked[0]  # the same of those that remain, and in fewer words
        if packets == space.all:
            self.become(space.none)
        elif not space.is_empty(packets):
            heaps.append(_Heap(1, packets))
        while len(heaps) > 1 and heaps[-2].steps == heaps[-1].steps:
            second, first = heaps.pop(), heaps.pop()
            heaps.append(_Heap(2 * first.steps, space.either(first.packets, second.packets)))

    def become(self, packets: PacketSet) -> None:
        """Others are here now."""
        self.entered = packets
        self._taken.clear()

    def whole(self) -> PacketSet:
        """All that remain, drawn."""
        if self._taken:
            self.become(self.space.without(self.entered, self.space.any_of([heap.packets for heap in self._taken])))
        return self.entered
