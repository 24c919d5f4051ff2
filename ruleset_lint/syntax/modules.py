"""/etc/modules and files in modules-load.d: a module a line. Knows nothing of what the modules are."""

from __future__ import annotations

import functools
from typing import NamedTuple, cast

from lark import Lark, Token, Transformer, UnexpectedInput

from ruleset_lint.syntax.document import Blank, Comment, Document, Unparsed, parse_lines
from ruleset_lint.syntax.grammars import build, span_of, too_long
from ruleset_lint.text import Span


class Parameter(NamedTuple):
    """A word behind the name; the span is an offset within the line."""

    text: str
    span: Span


class Module(NamedTuple):
    """A module to load. systemd takes the whole line as the name: a line with parameters loads nothing there."""

    name: str
    name_span: Span
    parameters: tuple[Parameter, ...] = ()


Node = Module | Comment | Blank | Unparsed


def parse(path: str, text: str) -> Document[Node]:
    """The modules of a file, line by line. `#` and `;` begin a comment where a line begins (modules-load.d(5))."""
    return parse_lines(path, text, functools.lru_cache(_parse_line))  # comments and blank lines repeat


def _parse_line(line: str) -> Node:
    if refused := too_long(line):
        return refused
    try:
        return cast("Node", _grammar().parse(line))
    except UnexpectedInput as error:
        return Unparsed((error.pos_in_stream or 0) + 1, "name of a module expected")


class _Nodes(Transformer[Token, Node]):
    """Nodes of a line from the grammar's terminals."""

    def module(self, tokens: list[Token]) -> Node:
        name, *parameters = tokens
        return Module(str(name), span_of(name), tuple(Parameter(str(token), span_of(token)) for token in parameters))

    def comment(self, tokens: list[Token]) -> Node:
        return Comment(tokens[0][1:])

    def blank(self, _tokens: list[Token]) -> Node:
        return Blank()


@functools.cache
def _grammar() -> Lark:
    return build("modules", _Nodes())
