"""modprobe.conf and files in modprobe.d: the commands of modprobe.d(5). Knows nothing of what modules mean."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple, cast

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken

from ruleset_lint.syntax.document import Blank, Comment, Document, Line, Unparsed
from ruleset_lint.syntax.grammars import build, too_long
from ruleset_lint.text import Span

_JOINED_LINES = re.compile(r"(?:[^\n\\]++|\\.|\\\Z)*+\n?", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class Word(NamedTuple):
    """A word with its backslashes resolved; the span (offsets within the line) is that of the word as written."""

    text: str
    span: Span


class Option(NamedTuple):
    """`name=value` or a name alone; `hashsize = 9` is three options (`hashsize`, `=`, `9`), as it is for the kernel."""

    name: str
    name_span: Span
    value: str | None
    value_span: Span | None
    span: Span


class Options(NamedTuple):
    """`options module name=value …`."""

    module: Word
    options: tuple[Option, ...]


class Alias(NamedTuple):
    """`alias pattern module`; modprobe passes over what follows."""

    pattern: Word
    module: Word
    ignored: tuple[Word, ...] = ()


class Blacklist(NamedTuple):
    """`blacklist module`; modprobe passes over what follows."""

    module: Word
    ignored: tuple[Word, ...] = ()


class Install(NamedTuple):
    """`install module command`: a shell command runs instead of the module being loaded."""

    module: Word
    command: Word


class Remove(NamedTuple):
    """`remove module command`: a shell command runs instead of the module being removed."""

    module: Word
    command: Word


class Softdep(NamedTuple):
    """`softdep module pre: … post: …`: modules to load before and after, where there are such."""

    module: Word
    before: tuple[Word, ...]
    after: tuple[Word, ...]


class Weakdep(NamedTuple):
    """`weakdep module other …`: modules that the module may ask for (kmod 33 and later)."""

    module: Word
    modules: tuple[Word, ...]


class Include(NamedTuple):
    """`include path` or `config path`: read by module-init-tools, passed over by kmod."""

    command: str
    words: tuple[Word, ...]


Node = Options | Alias | Blacklist | Install | Remove | Softdep | Weakdep | Include | Comment | Blank | Unparsed


def parse(path: str, text: str) -> Document[Node]:
    """The commands of a file. A line that a backslash continues is one Line over several lines of text."""
    lines = []
    parse_line = functools.lru_cache(_parse_line)  # comments and blank lines repeat
    start, number = 0, 1
    while start < len(text):
        match = _JOINED_LINES.match(text, start)
        end = match.end() if match else len(text)
        piece = text[start:end]
        lines.append(Line(number, Span(start, end), parse_line(piece.removesuffix("\n"))))
        number += piece.count("\n")
        start = end
    return Document(path, text, tuple(lines))


def _parse_line(line: str) -> Node:
    if refused := too_long(line):
        return refused
    try:
        return cast("Node", _grammar().parse(line))
    except UnexpectedInput as error:
        if isinstance(error, UnexpectedToken) and error.token.type == "$END":
            return Unparsed(len(line) + 1, "the command wants more words")
        wanted = "a command of modprobe.d expected: options, alias, blacklist, install, …"
        return Unparsed((error.pos_in_stream or 0) + 1, wanted)


def _resolved(text: str) -> str:
    return _ESCAPE.sub(lambda match: "" if match[1] == "\n" else match[1], text)


def _word(token: Token) -> Word:
    start = token.start_pos or 0
    return Word(_resolved(token), Span(start, start + len(token)))


def _option(token: Token) -> Option:
    """An option as the kernel takes it apart: a `=` in front belongs to the name, quotes around a value fall off."""
    text, span = _word(token)
    equals = text.find("=", 1)
    if equals == -1:
        return Option(text.strip('"'), span, None, None, span)
    behind = span.start + token.find("=", 1)
    name_span, value_span = Span(span.start, behind), Span(behind + 1, span.end)
    return Option(text[:equals].strip('"'), name_span, text[equals + 1 :].strip('"'), value_span, span)


class _Nodes(Transformer[Token, Node]):
    """Nodes of a line from the grammar's terminals; the first is the command."""

    def options(self, tokens: list[Token]) -> Node:
        return Options(_word(tokens[1]), tuple(map(_option, tokens[2:])))

    def alias(self, tokens: list[Token]) -> Node:
        return Alias(_word(tokens[1]), _word(tokens[2]), tuple(map(_word, tokens[3:])))

    def blacklist(self, tokens: list[Token]) -> Node:
        return Blacklist(_word(tokens[1]), tuple(map(_word, tokens[2:])))

    def install(self, tokens: list[Token]) -> Node:
        return Install(_word(tokens[1]), _word(tokens[2]))

    def remove(self, tokens: list[Token]) -> Node:
        return Remove(_word(tokens[1]), _word(tokens[2]))

    def softdep(self, tokens: list[Token]) -> Node:
        found: dict[str, list[Word]] = {"": [], "pre:": [], "post:": []}
        kind = ""
        for word in map(_word, tokens[2:]):
            kind = word.text if word.text in found else kind
            if word.text != kind:
                found[kind].append(word)
        return Softdep(_word(tokens[1]), tuple(found["pre:"]), tuple(found["post:"]))

    def weakdep(self, tokens: list[Token]) -> Node:
        return Weakdep(_word(tokens[1]), tuple(map(_word, tokens[2:])))

    def include(self, tokens: list[Token]) -> Node:
        return Include(str(tokens[0]), tuple(map(_word, tokens[1:])))

    def comment(self, tokens: list[Token]) -> Node:
        return Comment(tokens[0][1:])

    def blank(self, _tokens: list[Token]) -> Node:
        return Blank()


@functools.cache
def _grammar() -> Lark:
    return build("modprobe", _Nodes())
