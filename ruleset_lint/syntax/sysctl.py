"""sysctl.conf and files in sysctl.d: keys and values. Knows how a key is spelled, not which keys there are."""

from __future__ import annotations

import functools
from typing import NamedTuple, cast

from lark import Lark, Token, Transformer, UnexpectedInput

from ruleset_lint.syntax.document import Blank, Comment, Document, Unparsed, parse_lines
from ruleset_lint.syntax.grammars import build, span_of, too_long
from ruleset_lint.syntax.sysctl_keys import normal_key
from ruleset_lint.text import Span

__all__ = ["Assignment", "Exclusion", "Node", "normal_key", "parse"]


class Assignment(NamedTuple):
    """`key = value`; spans are offsets within the line. `may_fail` is the dash before the key."""

    key: str
    key_span: Span
    value: str
    value_span: Span
    may_fail: bool = False

    @property
    def name(self) -> str:
        """The key in its dotted spelling."""
        return normal_key(self.key)


class Exclusion(NamedTuple):
    """`-key`: patterns of other lines do not set this key (sysctl.d(5))."""

    key: str
    key_span: Span

    @property
    def name(self) -> str:
        """The key in its dotted spelling."""
        return normal_key(self.key)


Node = Assignment | Exclusion | Comment | Blank | Unparsed


def parse(path: str, text: str) -> Document[Node]:
    """The settings of a file, line by line; a line that sysctl passes over with a warning is Unparsed."""
    return parse_lines(path, text, functools.lru_cache(_parse_line))  # comments and blank lines repeat


def _parse_line(line: str) -> Node:
    if refused := too_long(line):
        return refused
    try:
        return cast("Node", _grammar().parse(line))
    except UnexpectedInput as error:
        return Unparsed((error.pos_in_stream or 0) + 1, "`key = value` expected")


class _Nodes(Transformer[Token, Node]):
    """Nodes of a line from the grammar's terminals."""

    def assignment(self, tokens: list[Token]) -> Node:
        by_type = {token.type: token for token in tokens}
        key = by_type["KEY"]
        behind = span_of(by_type["EQUAL"]).end
        value = by_type.get("VALUE") or Token("VALUE", "", behind)
        return Assignment(str(key), span_of(key), str(value), span_of(value), "DASH" in by_type)

    def exclusion(self, tokens: list[Token]) -> Node:
        return Exclusion(str(tokens[1]), span_of(tokens[1]))

    def comment(self, tokens: list[Token]) -> Node:
        return Comment(tokens[0][1:])

    def blank(self, _tokens: list[Token]) -> Node:
        return Blank()


@functools.cache
def _grammar() -> Lark:
    return build("sysctl", _Nodes())
