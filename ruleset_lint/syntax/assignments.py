"""iptables-config and its like: shell scripts that are sourced for their variables. Knows the shell, not the variables.

Words behind an assignment turn it into the environment of a command: `A=b c` runs `c` and leaves `A` unset, and so do
blanks around the `=`. Typographic quotes are letters to the shell. Code (`if`, `&&`, here-documents) is seen as
commands and not followed, and the assignments in its branches count as made.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import cast

from lark import Lark, Token, Transformer, UnexpectedInput

from ruleset_lint.syntax.document import Blank, Comment, Document, Line, Unparsed
from ruleset_lint.syntax.grammars import build, span_of, too_long
from ruleset_lint.syntax.statements import (
    TYPOGRAPHIC_QUOTES,
    Assignment,
    CarriageReturn,
    CommandLine,
    Node,
    Piece,
    PieceKind,
    Quote,
    SpacedAssignment,
    Statement,
    Statements,
    joined,
    statements,
)
from ruleset_lint.text import Span

__all__ = [
    "TYPOGRAPHIC_QUOTES",
    "Assignment",
    "CarriageReturn",
    "CommandLine",
    "Node",
    "Piece",
    "PieceKind",
    "Quote",
    "SpacedAssignment",
    "Statement",
    "Statements",
    "parse",
    "statements",
]

_LOGICAL_LINE = re.compile(
    r"""(?:[^\n'"\\#]++|'[^']*+'|"(?:[^"\\]++|\\.)*+"|\\.|\\\Z|(?<=[^ \t\n;&|()<>])\#|\#[^\n]*+)*+""", re.DOTALL
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEAD = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\+?)=")
_EXPANSION = (
    r"\$\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)\}|\$(?P<bare>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<code>\$\([^()]*\)|\$\{[^{}]*\}|`[^`]*`)"
)
_QUOTED = r"""'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|\\(?P<escaped>.)"""
# compiled when there is a value to take apart: most runs see none
_PIECE = rf"""(?s:{_QUOTED}|{_EXPANSION}|(?P<text>[^'"\\$`]+|.))"""
_QUOTED_PIECE = rf"""(?s:\\(?P<escaped>[\\$`"\n])|{_EXPANSION}|(?P<text>[^\\$`]+|.))"""


def parse(path: str, text: str) -> Document[Node]:
    """The statements of a script. A line that quotes or a backslash continue is one Line over several lines of text.

    A quote that is never closed makes its line Unparsed: the shell gives up there, and the lines after it are shown as
    if it did not.
    """
    lines = []
    parse_line = functools.lru_cache(_parse_line)  # comments and blank lines repeat
    start, number = 0, 1
    while start < len(text):
        end = _line_end(text, start)
        piece = text[start:end]
        lines.append(Line(number, Span(start, end), parse_line(piece.removesuffix("\n"))))
        number += piece.count("\n")
        start = end
    return Document(path, text, tuple(lines))


def _line_end(text: str, start: int) -> int:
    match = _LOGICAL_LINE.match(text, start)
    end = match.end() if match else start
    closed = text.startswith("\n", end) or end == len(text)
    newline = end if closed else text.find("\n", start)
    return newline + 1 if 0 <= newline < len(text) else len(text)


def _parse_line(line: str) -> Node:
    if refused := too_long(line):
        return refused
    if line == "\r":
        return CarriageReturn()
    try:
        return cast("Node", _grammar().parse(line))
    except UnexpectedInput as error:
        offset = error.pos_in_stream or 0
        quote = line[offset : offset + 1] in ("'", '"')
        return Unparsed(offset + 1, "the quote is never closed" if quote else "not a statement that the shell takes")


def _pieces(raw: str, pattern: str = _PIECE) -> Iterator[Piece]:
    for match in re.finditer(pattern, raw):
        kind, text = match.lastgroup, match[match.lastgroup or 0]
        if kind == "double":
            yield from _pieces(text, _QUOTED_PIECE)
        elif kind in ("braced", "bare"):
            yield Piece(PieceKind.VARIABLE, text)
        elif kind == "code":
            yield Piece(PieceKind.CODE, text)
        elif kind != "escaped" or text != "\n":
            yield Piece(PieceKind.TEXT, text)


def _quote(raw: str) -> Quote:
    visible = raw.rstrip("\r")
    if visible and (visible[0] in TYPOGRAPHIC_QUOTES or visible[-1] in TYPOGRAPHIC_QUOTES):
        return Quote.TYPOGRAPHIC
    kinds = {match.lastgroup for match in re.finditer(_PIECE, visible)}
    if not kinds & {"single", "double"}:
        return Quote.NONE
    whole = re.fullmatch(_PIECE, visible)
    return Quote(whole.lastgroup) if whole and whole.lastgroup in ("single", "double") else Quote.MIXED


def _assignment(token: Token, *, exported: bool = False) -> Assignment:
    span = span_of(token)
    head = _HEAD.match(token)
    name, plus, equals = (head[1], head[2], head.end()) if head else ("", "", 0)
    raw = token[equals:]
    name_span, value_span = Span(span.start, span.start + len(name)), Span(span.start + equals, span.end)
    return Assignment(name, name_span, raw, value_span, _quote(raw), tuple(_pieces(raw)), plus == "+", exported)


def _command(before: list[Token], words: list[Token]) -> CommandLine:
    assignments = tuple(map(_assignment, before))
    end = span_of(words[-1]).end - words[-1].endswith("\r")
    wanted = Span(assignments[-1].value_span.start, end) if assignments else None
    return CommandLine(joined(_pieces(words[0])), span_of(words[0]), assignments, wanted)


def _spaced(before: list[Token], words: list[Token]) -> SpacedAssignment | None:
    """The assignment that was meant by an empty one with words behind it, or by a name with `=` behind it."""
    head = _HEAD.fullmatch(before[0]) if len(before) == 1 else None
    if head and words[0].type == "WORD" and words[0] != "\r":
        return _meant(head[1], span_of(before[0]).start, words, span_of(words[0]).start)
    if before or not words[1:] or not _NAME.fullmatch(words[0]) or not re.match("=(?!=)", words[1]):
        return None
    behind = span_of(words[1]).start + 1
    rest = words[2:]
    if len(words[1]) > 1:
        return _meant(words[0], span_of(words[0]).start, [Token("WORD", words[1][1:], behind), *rest], behind)
    return _meant(words[0], span_of(words[0]).start, rest, span_of(rest[0]).start if rest else behind)


def _meant(name: str, start: int, words: list[Token], behind: int) -> SpacedAssignment:
    name_span = Span(start, start + len(name))
    end = span_of(words[-1]).end - words[-1].endswith("\r") if words else behind
    value = " ".join(joined(_pieces(word)) for word in words).rstrip("\r")
    return SpacedAssignment(str(name), name_span, Span(name_span.end, behind), value, Span(behind, max(behind, end)))


class _Nodes(Transformer[Token, Node]):
    """Nodes of a line from the grammar's terminals."""

    def start(self, children: list[tuple[Statement, ...] | Token]) -> Node:
        comment = next((child[1:] for child in children if isinstance(child, Token)), None)
        found = tuple(statement for child in children if not isinstance(child, Token) for statement in child)
        if not found:
            return Blank() if comment is None else Comment(comment)
        if len(found) > 1:
            return Statements(found)
        return found[0]._replace(comment=comment) if isinstance(found[0], Assignment) else found[0]

    def assignments(self, tokens: list[Token]) -> tuple[Statement, ...]:
        return tuple(map(_assignment, tokens))

    def command(self, tokens: list[Token]) -> tuple[Statement, ...]:
        count = next(number for number, token in enumerate(tokens) if token.type != "ASSIGNMENT")
        before, words = tokens[:count], tokens[count:]
        return (_spaced(before, words) or _command(before, words),)

    def export(self, tokens: list[Token]) -> tuple[Statement, ...]:
        command, *words = tokens
        before = [token for token in words[:1] if token.type == "ASSIGNMENT"]
        spaced = _spaced(before, words[len(before) :]) if len(words) > 1 else None
        if spaced:
            return (spaced,)
        found = tuple(_assignment(token, exported=True) for token in words if token.type == "ASSIGNMENT")
        return found or (_command([], [command, *words]),)


@functools.cache
def _grammar() -> Lark:
    return build("assignments", _Nodes())
