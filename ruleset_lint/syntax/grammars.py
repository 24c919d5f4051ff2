"""Building the Lark grammars, and what all formats that use them have in common. Knows no format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from lark import Lark, Token, Transformer

from ruleset_lint.resources import resource
from ruleset_lint.syntax.document import Unparsed
from ruleset_lint.text import Span

Result = TypeVar("Result")

LONGEST_LINE = 16384  # characters, continuation lines included; sysctl.conf(5): a value has 4096 at most


def build(name: str, transformer: Transformer[Token, Result], start: Sequence[str] = ("start",)) -> Lark:
    """The grammar of a file in `grammar/`. Keep what it gives: building takes some milliseconds.

    Lark's own cache is not used: it unpickles a file with a predictable name in the temporary folder.
    """
    grammar = (resource("grammar") / f"{name}.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", start=list(start), transformer=transformer)


def too_long(line: str) -> Unparsed | None:
    """What is to be said of a line that no parser should see."""
    return (
        Unparsed(LONGEST_LINE + 1, f"line longer than {LONGEST_LINE} characters") if len(line) > LONGEST_LINE else None
    )


def span_of(token: Token) -> Span:
    """Where a token stands within its line."""
    start = token.start_pos or 0
    return Span(start, start + len(token))
