"""The blocks of a document, one a table, and what they tell: fragment or not, and the family. Loads nothing."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import cast

from ruleset_lint.netfilter.hooks import is_builtin
from ruleset_lint.syntax.columns import LineForm, at_lines
from ruleset_lint.syntax.document import Document, Line
from ruleset_lint.syntax.iptables_save import words
from ruleset_lint.syntax.nodes import ChainLine, Commit, Node, RuleLine, TableLine

NO_TABLE = ""  # the table of a snippet that has no table line


@dataclass(frozen=True, eq=False)
class Block:
    """A table in the file: its `*table` line, its COMMIT, and the lines between, whose numbers begin behind `start`.

    `declaring` are the numbers of the lines that declare a chain.
    """

    document: Document[Node]
    table: str
    first: Line[Node] | None
    commit: Line[Node] | None
    start: int
    end: int
    declaring: Sequence[int]

    @property
    def nodes(self) -> Sequence[Node]:
        """What the lines between say."""
        return self.document.nodes[self.start : self.end]

    @property
    def lines(self) -> Sequence[Line[Node]]:
        """The lines between."""
        return self.document.lines[self.start : self.end]

    @cached_property
    def declared(self) -> Sequence[tuple[str, str, int]]:
        """Name, policy and line number of the chains that are declared, in order; one may be declared twice."""
        # values begin with name and policy, whatever the form of a chain line is
        values = cast("Sequence[tuple[str, str]]", at_lines(self.declaring, self.document.nodes.values))
        return list(zip(map(itemgetter(0), values), map(itemgetter(1), values), self.declaring, strict=True))

    @property
    def has_commands(self) -> bool:
        """Whether the block does more than declare."""
        return any(form.kind is RuleLine for form in self.document.nodes.forms[self.start : self.end])

    def commands(self) -> Iterator[tuple[LineForm[Node], Sequence[int]]]:
        """The forms of the rules between, each with the numbers of its lines."""
        between = self.document.nodes.between(self.start, self.end)
        return ((form, numbers) for form, numbers in between if form.kind is RuleLine)


def blocks(document: Document[Node]) -> tuple[Block, ...]:
    """The blocks in order. Lines that stand in no table make one too, if they declare or command anything."""
    found = list(_all_blocks(document))
    return tuple(block for block in found if block.first or block.declaring or block.has_commands)


def _all_blocks(document: Document[Node]) -> Iterator[Block]:
    declaring = document.numbers(ChainLine)
    first: Line[Node] | None = None
    start = 0
    for number in document.numbers(TableLine, Commit):
        line = document.lines[number - 1]
        ended = isinstance(line.node, Commit)
        inside = _between(declaring, start, number - 1)
        yield Block(document, _table(first), first, line if ended else None, start, number - 1, inside)
        first, start = (None if ended else line), number
    end = len(document.nodes)
    yield Block(document, _table(first), first, None, start, end, _between(declaring, start, end))


def _table(first: Line[Node] | None) -> str:
    return first.node.name if first and isinstance(first.node, TableLine) else NO_TABLE


def _between(numbers: Sequence[int], start: int, end: int) -> Sequence[int]:
    return numbers[bisect_right(numbers, start) : bisect_right(numbers, end)]


def looks_like_fragment(found: Sequence[Block]) -> bool:
    """Whether a document of these blocks is meant for `--noflush`.

    So it is without a table line; if no table declares or fills a built-in chain; and if one table fills only chains of
    its own that it declares, as ufw's before.rules do beside a whole nat table.
    """
    if not any(block.first for block in found):
        return any(block.declaring or block.has_commands for block in found)
    tables: dict[str, list[Block]] = {block.table: [] for block in found if block.first}
    for block in found:
        if block.table in tables:
            tables[block.table].append(block)
    whole = {name for name, parts in tables.items() if any(map(_touches_builtin, parts))}
    if not whole:
        return any(block.has_commands for parts in tables.values() for block in parts)
    return any(_fills_own(parts) for name, parts in tables.items() if name not in whole)


def _fills_own(parts: Sequence[Block]) -> bool:
    return any(block.declaring for block in parts) and any(block.has_commands for block in parts)


def _touches_builtin(block: Block) -> bool:
    """Whether a block declares or fills a built-in chain."""
    if any(is_builtin(block.table, name) for name, _, _ in block.declared):
        return True
    commands = (node for node in block.nodes if isinstance(node, RuleLine))
    return any(is_builtin(block.table, word) for node in commands for word in words(node)[1:2])


def family_of(path: str, text: str) -> int:
    """The family that a file's first line, its name or its addresses tell; 4 if nothing does."""
    header = re.search(r"^# Generated by (ip6?)tables", text[:4096], re.MULTILINE)
    if header:
        return 6 if header[1] == "ip6" else 4
    name = path.rsplit("/", 1)[-1]
    if re.search(r"(ip6|v6|(?<![0-9])6\.rules|ipv6)", name):
        return 6
    return (
        6 if re.search(r"--icmpv6-type|-p (?:ipv6-icmp|icmpv6)|icmp6-|-[sd] [0-9a-f]*:[0-9a-f:]*", text[:65536]) else 4
    )
