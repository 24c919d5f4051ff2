"""Numbers in a row of bits as decision diagrams: masks, ranges, lists of codes. Knows no field, no formula, no library.

Diagrams are built from the last bit up, so that each step adds a node; what masks have in common is drawn once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

_CHUNK = 8  # bits of a mask that are drawn at once, and remembered

Drawn = TypeVar("Drawn")


class Canvas(Protocol[Drawn]):
    """What is needed to draw on."""

    @property
    def all(self) -> Drawn:
        """What holds always."""

    @property
    def none(self) -> Drawn:
        """What holds never."""

    def literal(self, variable: int) -> Drawn:
        """That a variable is set."""

    def contrary(self, of: Drawn) -> Drawn:
        """The contrary."""

    def both(self, first: Drawn, second: Drawn) -> Drawn:
        """One and the other."""

    def either(self, first: Drawn, second: Drawn) -> Drawn:
        """One or the other."""

    def choose(self, condition: Drawn, then: Drawn, other: Drawn) -> Drawn:
        """One where the condition holds, the other elsewhere."""


class Pen(Generic[Drawn]):
    """Draws on a canvas, and remembers pieces of masks. Variables are given most significant first."""

    def __init__(self, canvas: Canvas[Drawn]) -> None:
        """Nothing drawn so far."""
        self.canvas = canvas
        self._pieces: dict[tuple[int, int, int, int], Drawn] = {}

    def coded(self, variables: range, codes: Sequence[bool]) -> Drawn:
        """The numbers whose code is true; there are as many codes as numbers."""
        canvas = self.canvas
        level = [canvas.all if code else canvas.none for code in codes]
        for variable in reversed(variables):
            bit = canvas.literal(variable)
            pairs = zip(level[::2], level[1::2], strict=True)
            level = [zero if zero == one else canvas.choose(bit, one, zero) for zero, one in pairs]
        return level[0]

    def masked(self, variables: range, mask: int, value: int) -> Drawn:
        """The numbers that are as the value says where the mask has a bit."""
        if value & ~mask or value >> len(variables):
            return self.canvas.none
        result = self.canvas.all
        for start in range(0, len(variables), _CHUNK):
            stop = variables.stop - start
            first = max(variables.start, stop - _CHUNK)
            part = (mask >> start) & ((1 << (stop - first)) - 1)
            if part:
                result = self.canvas.both(self._piece(first, stop, part, (value >> start) & part), result)
        return result

    def _piece(self, first: int, stop: int, mask: int, value: int) -> Drawn:
        """The same for the variables from `first` to before `stop`."""
        key = (first, stop, mask, value)
        if key not in self._pieces:
            canvas, result = self.canvas, self.canvas.all
            for shift, variable in enumerate(reversed(range(first, stop))):
                if mask >> shift & 1:
                    bit = canvas.literal(variable)
                    result = canvas.both(bit if value >> shift & 1 else canvas.contrary(bit), result)
            self._pieces[key] = result
        return self._pieces[key]

    def between(self, variables: range, low: int, high: int) -> Drawn:
        """The numbers from `low` to `high`, both included; none if they are the wrong way round."""
        canvas = self.canvas
        least, most = max(low, 0), min(high, (1 << len(variables)) - 1)
        if least > most:
            return canvas.none
        above, below = canvas.all, canvas.all
        for shift, variable in enumerate(reversed(variables)):
            bit = canvas.literal(variable)
            zero = canvas.contrary(bit)
            above = canvas.both(bit, above) if least >> shift & 1 else canvas.either(bit, above)
            below = canvas.either(zero, below) if most >> shift & 1 else canvas.both(zero, below)
        return canvas.both(above, below)
