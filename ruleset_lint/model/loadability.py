"""Whether iptables-restore would load a ruleset: all that it refuses, as one list. Knows no fixes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from ruleset_lint.model.combination import BACKENDS, LEGACY
from ruleset_lint.model.loops import loops
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.table_lines import slips
from ruleset_lint.model.validity import refusals
from ruleset_lint.netfilter.hooks import is_builtin
from ruleset_lint.syntax.document import Line
from ruleset_lint.syntax.iptables_save import ChainLine, Node


class Break(NamedTuple):
    """Something that keeps restore from loading the file: the line, why, and with which backends."""

    line: Line[Node]
    reason: str
    backends: frozenset[str] = BACKENDS


def breaks(ruleset: Ruleset) -> Iterator[Break]:
    """All that keeps restore from loading the ruleset, as far as the file tells: not of names, sets, modules."""
    for refusal in refusals(ruleset):
        yield Break(refusal.line, refusal.reason, refusal.backends)
    for fault in ruleset.faults:
        yield Break(fault.line, fault.reason)
    for framing in slips(ruleset):
        yield Break(framing.line, f"table or COMMIT: {framing.slip.value}", framing.backends)
    for table in ruleset.tables.values():
        for circle in islice(loops(table), 1):
            line = table.chains[circle[0]].line or next(iter(table.chains[circle[0]].rules)).line
            yield Break(line, "chain loop: " + " > ".join((*circle, circle[0])))
    yield from _declared_twice(ruleset)


def _declared_twice(ruleset: Ruleset) -> Iterator[Break]:
    for block in ruleset.blocks:
        seen: set[str] = set()
        for line in block.lines:
            if isinstance(line.node, ChainLine) and not is_builtin(block.table, line.node.name):
                if line.node.name in seen:
                    yield Break(line, f"chain {line.node.name} is there already", LEGACY)
                seen.add(line.node.name)
