"""The packets of a chain that no rule has taken yet, without drawing all of them. Knows no rule.

What is left after a thousand rules is a large diagram, and each rule that takes something would draw it anew. What
was taken is kept in heaps of 1, 2, 4, 8 … rules instead, and a rule's own packets, which are few, are what is led past
them. Who can say which few rules may take one of the packets asks those alone, and nothing else is drawn.
"""

from collections.abc import Callable
from typing import NamedTuple

from ruleset_lint.packets.space import PacketSet, Space

Draw = Callable[[], PacketSet]

_FEW = 48  # rules that are asked one by one rather than in heaps


class _Heap(NamedTuple):
    """Packets that were taken in so many steps."""

    steps: int
    packets: PacketSet


class _Taken(NamedTuple):
    """Packets that are taken, if nothing before took them, and which of all packets come back; None: none."""

    packets: Draw
    back: Draw | None


class Remaining:
    """Packets that entered, without those that were taken since. Rules may be known by numbers."""

    def __init__(self, space: Space, entered: PacketSet) -> None:
        """Nothing taken so far."""
        self.space = space
        self.entered = entered
        self._heaps: list[_Heap] = []  # larger ones first
        self._waiting: list[_Taken] = []  # in no heap yet
        self._sent: list[_Taken] = []  # some come back: never in a heap
        self._rules: dict[int, _Taken] = {}  # by number
        self._others = 0  # steps without a number
        self._asked: tuple[PacketSet, PacketSet] | None = None  # what was asked last, and the answer

    def among(self, packets: PacketSet, near: int | None = None) -> PacketSet:
        """Those of some packets that remain; `near`: as bits the numbers of all rules that may take one of them."""
        space = self.space
        left = space.both(packets, self.entered) if near is not None else packets
        taking = self._near(near) if near is not None and not self._others else None
        if taking is None:
            self._draw()
            for heap in self._heaps:
                if space.is_empty(left):
                    break
                left = space.without(left, heap.packets)
        for taken in self._sent if taking is None else taking:
            if space.is_empty(left):
                break
            left = self._past(left, taken)
        if near is None:
            left = space.both(left, self.entered)
        self._asked = packets, left
        return left

    def _near(self, near: int) -> list[_Taken] | None:
        """The rules with these numbers; None if they are many."""
        found: list[_Taken] = []
        while near:
            bit = near & -near
            near ^= bit
            taken = self._rules.get(bit.bit_length() - 1)
            if taken is not None:
                found.append(taken)
                if len(found) > _FEW:
                    return None
        return found

    def _past(self, packets: PacketSet, taken: _Taken) -> PacketSet:
        """Those of the packets that a rule does not take."""
        space, matched = self.space, taken.packets()
        if taken.back is None:
            return space.without(packets, matched)
        away = space.both(packets, matched)
        if space.is_empty(away):
            return packets
        return space.either(space.without(packets, matched), space.both(away, taken.back()))

    def take(self, packets: PacketSet) -> None:
        """They remain no longer."""
        if self._asked and packets == self._asked[1]:
            packets = self._asked[0]  # the same of those that remain, and in fewer words
        if packets == self.space.all:
            self.become(self.space.none)
        elif not self.space.is_empty(packets):
            self._draw()
            self._pile(packets)
            self._others += 1

    def take_later(self, number: int | None, packets: Draw, back: Draw | None = None) -> None:
        """They remain no longer, but for those that come back; drawn when somebody asks for what is left."""
        taken = _Taken(packets, back)
        (self._waiting if back is None else self._sent).append(taken)
        if number is None:
            self._others += 1
        else:
            self._rules[number] = taken

    def become(self, packets: PacketSet) -> None:
        """Others are here now."""
        self.entered = packets
        for kept in (self._heaps, self._waiting, self._sent):
            kept.clear()
        self._rules.clear()
        self._others = 0

    def whole(self) -> PacketSet:
        """All that remain, drawn."""
        space = self.space
        self._draw()
        if self._heaps or self._sent:
            left = space.without(self.entered, space.any_of([heap.packets for heap in self._heaps]))
            for taken in self._sent:
                left = self._past(left, taken)
            self.become(left)
        return self.entered

    def _draw(self) -> None:
        waiting, self._waiting = self._waiting, []
        for taken in waiting:
            self._pile(taken.packets())

    def _pile(self, packets: PacketSet) -> None:
        space, heaps = self.space, self._heaps
        heaps.append(_Heap(1, packets))
        while len(heaps) > 1 and heaps[-2].steps == heaps[-1].steps:
            second, first = heaps.pop(), heaps.pop()
            heaps.append(_Heap(2 * first.steps, space.either(first.packets, second.packets)))
