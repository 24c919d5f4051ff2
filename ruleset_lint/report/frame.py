"""A line of a file with a part underlined, as wide as a terminal shows it. Knows no report."""

import functools
import itertools
import unicodedata
from typing import NamedTuple

from ruleset_lint.lint.report import Frame
from ruleset_lint.text import safe

_TAB = "    "
_CUT = "…"


class _Cell(NamedTuple):
    """What is shown for one character, and how many columns it takes."""

    text: str
    width: int


def underlined(frame: Frame, column: int, length: int | None, mark: str, width: int) -> tuple[str, str]:
    """The line, cut around the part if it is too long, and a line of marks under the part.

    The part begins at `column` (of the whole line, from 1); `length` None lets it go on to the end of the line.
    """
    cells = [_cell(character) for character in frame.text]
    start = min(max(column - frame.column, 0), len(cells))
    end = len(cells) if length is None else min(start + length, len(cells))
    first, last = _window([cell.width for cell in cells], start, max(width, 20))
    before = _CUT if first or frame.column > 1 else ""
    after = _CUT if last < len(cells) or frame.cut else ""
    line = before + "".join(cell.text for cell in cells[first:last]) + after
    indent = len(before) + _width(cells[first:start])
    return line, " " * indent + mark * max(_width(cells[start : min(end, last)]), 1)


def _window(widths: list[int], start: int, width: int) -> tuple[int, int]:
    """The characters to show: all, or as many as fit, with a third of the room for what stands before the part."""
    total = list(itertools.accumulate(widths, initial=0))
    if total[-1] <= width:
        return 0, len(widths)
    room = width - 2 * len(_CUT)
    begin = min(max(total[start] - room // 3, 0), max(total[-1] - room, 0))
    first = next(index for index, done in enumerate(total) if done >= begin)
    last = max(index for index, done in enumerate(total) if done - total[first] <= room)
    return min(first, start), last


def _width(cells: list[_Cell]) -> int:
    return sum(cell.width for cell in cells)


@functools.lru_cache(maxsize=1 << 12)
def _cell(character: str) -> _Cell:
    if character == "\t":
        return _Cell(_TAB, len(_TAB))
    shown = safe(character)
    if len(shown) != 1:
        return _Cell(shown, len(shown))
    if character.isascii():
        return _Cell(character, 1)
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return _Cell(character, 0)
    return _Cell(character, 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1)
