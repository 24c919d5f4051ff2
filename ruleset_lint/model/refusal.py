"""Refusals: what iptables-restore does not take, why, and what kind of mistake it is. Knows not how they are found."""

from enum import Enum
from typing import NamedTuple

from ruleset_lint.model.combination import BACKENDS
from ruleset_lint.syntax.document import Line
from ruleset_lint.syntax.nodes import Node


class Kind(Enum):
    """What a refusal is about."""

    LINE = "line"  # not a line that restore's reader takes
    WORDS = "words"  # an option that is not there, or not with these words
    REMARK = "remark"  # a `#` that is not the first character of its line
    NEGATION = "negation"  # `-s ! x`
    VALUE = "value"  # does not read
    LIMIT = "limit"  # reads, and is too long, too large or too small
    TOGETHER = "together"  # options that exclude or want each other
    PROTOCOL = "protocol"  # wants another protocol
    PLACE = "place"  # not in this table or hook
    CHAIN = "chain"  # name or policy of a chain
    NAT_POLICY = "nat policy"  # DROP as a policy in the nat table
    ORDER = "order"  # not after the lines before: a chain that is there already, a rule that is not


class Refusal(NamedTuple):
    """What is refused: the line, the number of the wrong word on it (None: the line), why, and by which backends."""

    line: Line[Node]
    item: int | None
    reason: str
    kind: Kind
    backends: frozenset[str] = BACKENDS
    option: str = ""  # whose value it is
