"""What the lines of an iptables-save file are. Knows not how they are read."""

from __future__ import annotations

import re
from typing import NamedTuple

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
    return ChainLine(match[1], match[2], Counters(int(match[3]), int(match[4])))
