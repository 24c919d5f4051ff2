"""What the lines of an iptables-save file are. Knows not how they are read."""

import re
from typing import NamedTuple, cast

from ruleset_lint.syntax.columns import LineForm, Values
from ruleset_lint.syntax.document import Blank, Comment, Unparsed
from ruleset_lint.syntax.patterns import Pattern

CHAIN = re.compile(r":([^\s\"!-][^\s\"]*) (-|[A-Z]+) \[([0-9]+):([0-9]+)\]")


class Counters(NamedTuple):
    """Packets and bytes that a rule or a policy has seen."""

    packets: int
    bytes: int


class TableLine(NamedTuple):
    """The beginning of a table: `*filter`."""

    name: str


class ChainLine(NamedTuple):
    """`:INPUT DROP [0:0]`; the policy of a user chain is `-`. `extra` holds words that restore passes over."""

    name: str
    policy: str
    counters: Counters | None
    extra: tuple[str, ...] = ()


class Commit(NamedTuple):
    """The end of a table."""


class RuleLine(NamedTuple):
    """A command line: its pattern, the words that fill the pattern's holes, and the counters before it."""

    pattern: Pattern
    values: tuple[str, ...]
    counters: Counters | None


Node = TableLine | ChainLine | Commit | RuleLine | Comment | Blank | Unparsed


def chain_line(match: re.Match[str]) -> ChainLine:
    """The node of a line that CHAIN matches."""
    return _chain(match.groups())


def _chain(values: Values) -> ChainLine:
    name, policy, packets, size = cast("tuple[str, ...]", values)
    return ChainLine(name, policy, Counters(int(packets[:20]), int(size[:20])))  # 64 bits have no more digits


CHAIN_FORM: LineForm[Node] = LineForm(ChainLine, _chain)
"""Chain lines that CHAIN matches; their values are its groups."""


def rule_form(pattern: Pattern, *, counted: bool) -> LineForm[Node]:
    """The form of rules of a pattern; packets and bytes come before the values of the pattern."""

    def plain(values: Values) -> RuleLine:
        return RuleLine(pattern, cast("tuple[str, ...]", values), None)

    def with_counters(values: Values) -> RuleLine:
        packets, size, *others = cast("tuple[str, ...]", values)
        return RuleLine(pattern, tuple(others), Counters(int(packets), int(size)))

    return LineForm(RuleLine, with_counters if counted else plain)
