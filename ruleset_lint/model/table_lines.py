"""Tables and COMMIT as iptables-restore goes through a file's lines. Knows no rule.

Outside a table it takes `*table`, `#` in the first column and empty lines; inside, COMMIT ends the table
(iptables-restore.c of iptables 1.8.9).
"""

import re
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from ruleset_lint.model.combination import BACKENDS, LEGACY
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.syntax.document import Blank, Comment, Document, Line, Unparsed
from ruleset_lint.syntax.nodes import Commit, Node, TableLine
from ruleset_lint.syntax.patterns import Pattern

_DISGUISED = re.compile(r"[ \t\r]*commit\b(?![ \t]*[!-]).{0,200}", re.IGNORECASE | re.DOTALL)


class Slip(Enum):
    """What is wrong with the frame of a table."""

    OUTSIDE = "outside"  # a line that stands in no table
    UNFINISHED = "unfinished"  # a table without COMMIT
    DISGUISED = "disguised"  # COMMIT in a form that restore does not take
    NO_LINE_END = "no line end"  # COMMIT at the end of the file without a newline


class Framing(NamedTuple):
    """A slip: the line that is wrong, and the line of the table, if one is open. `end` is the next table's line."""

    slip: Slip
    line: Line[Node]
    table: Line[Node] | None
    end: Line[Node] | None = None
    backends: frozenset[str] = BACKENDS


def slips(ruleset: Ruleset) -> Iterator[Framing]:
    """What restore refuses about tables and COMMIT. A snippet without any table line is meant for another's table."""
    document = ruleset.document
    if ruleset.fragment and not document.numbers(TableLine):
        return
    table: Line[Node] | None = None
    for number in _framing_lines(ruleset):
        line = document.lines[number - 1]
        match line.node:
            case TableLine():
                if table:
                    yield Framing(Slip.UNFINISHED, table, table, line)
                table = line
            case Commit() if table:
                if not document.text.endswith("\n", *line.span):
                    yield Framing(Slip.NO_LINE_END, line, table, backends=LEGACY)
                table = None
            case Blank() | Comment():
                continue
            case _ if table and is_disguised_commit(document, line):
                yield Framing(Slip.DISGUISED, line, table)
                table = None
            case _ if not table:
                yield Framing(Slip.OUTSIDE, line, None)
    if table:
        yield Framing(Slip.UNFINISHED, table, table)


def _framing_lines(ruleset: Ruleset) -> list[int]:
    """The numbers of all lines but chains and plain commands inside a table, which say nothing about where it ends."""
    numbers = set(ruleset.document.numbers(TableLine, Commit, Comment, Blank, Unparsed))
    odd = {shape for shape in ruleset.command_shapes if not _begins_plainly(shape.pattern)}
    numbers.update(command.number for command in ruleset.commands if odd and command.shape in odd)
    numbers.update(*(range(block.start + 1, block.end + 1) for block in ruleset.blocks if not block.first))
    return sorted(numbers)


def _begins_plainly(pattern: Pattern) -> bool:
    """Whether the first word of a line is an option, so that it cannot be COMMIT in disguise."""
    return bool(pattern.items and pattern.items[0].text and pattern.items[0].text.startswith("-"))


def is_disguised_commit(document: Document[Node], line: Line[Node]) -> bool:
    """Whether a line says COMMIT, but not in the one form that restore takes."""
    start, end = line.span
    if end - start > 240 or isinstance(line.node, Commit):
        return False
    return bool(_DISGUISED.fullmatch(document.content(line)))
