"""Whether iptables-restore would load a ruleset: all that it refuses, as one list. Knows no fixes."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from ruleset_lint.model.combination import BACKENDS, NFT
from ruleset_lint.model.depth import too_deep
from ruleset_lint.model.loops import loops
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.table_lines import slips
from ruleset_lint.model.validity import refusals
from ruleset_lint.syntax.document import Line
from ruleset_lint.syntax.nodes import Node


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
        if way := too_deep(table):
            line = table.chains[way[-1]].line or next(iter(table.chains[way[-1]].rules)).line
            yield Break(line, f"{len(way) - 1} chains deep below {way[0]}", NFT)
