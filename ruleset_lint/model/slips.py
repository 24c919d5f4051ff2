"""Statements of a service configuration that were meant to set a variable and do not. Knows no variable.

What the shell makes of each was measured with bash 5.2 and dash 0.5.12.
"""

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from ruleset_lint.model.settings import ServiceConfig
from ruleset_lint.syntax.document import Document, Line, Unparsed
from ruleset_lint.syntax.statements import (
    TYPOGRAPHIC_QUOTES,
    Assignment,
    CommandLine,
    Node,
    Quote,
    SpacedAssignment,
    Statement,
    statements,
)
from ruleset_lint.text import Span

_CODE = frozenset('"$`\\\n')
_BLANKS = " \t\r"
_LONGEST_COMMAND = 60  # characters that are shown of a command


class Mistake(Enum):
    """Why a variable is not set as it was meant."""

    QUOTES_IN_VALUE = "typographic quotes are part of the value"
    QUOTES_SPLIT = "typographic quotes do not hold the words together"
    SPACES = "blanks around the ="
    WORDS = "several words without quotes"
    UNCLOSED = "a quote that is never closed"


class Slip(NamedTuple):
    """A statement that went wrong. `name` is empty where a quote is never closed; `runs` is the command it becomes.

    `span` covers the statement from the name to the value that was meant; `value` is None where that value cannot be
    written between double quotes as it is.
    """

    mistake: Mistake
    name: str
    span: Span
    value: str | None
    runs: str = ""

    @property
    def meant(self) -> str | None:
        """The assignment that was meant, None where nobody can tell."""
        return None if self.value is None else f'{self.name}="{self.value}"'


def slips(service: ServiceConfig) -> Iterator[Slip]:
    """The statements that went wrong, in order; the shell reads nothing behind a quote that is never closed."""
    document = service.document
    for line in document.lines:
        if isinstance(line.node, Unparsed):
            if line.node.reason == "the quote is never closed":
                start = line.span.start + line.node.column - 1
                yield Slip(Mistake.UNCLOSED, "", Span(start, _end_of_line(document, start)), None)
            return
        for statement in statements(line.node):
            slip = _slip(document, line, statement)
            if slip:
                yield slip


def _slip(document: Document[Node], line: Line[Node], statement: Statement) -> Slip | None:
    match statement:
        case SpacedAssignment(name, name_span, _, value, value_span):
            span = _moved(Span(name_span.start, value_span.end), line)
            touches = document.text[line.span.start + name_span.end] == "="
            return Slip(Mistake.SPACES, name, span, _plain(value), _command(value) if touches else name)
        case CommandLine(command, _, (*_, last), Span() as wanted):
            typographic = last.quote is Quote.TYPOGRAPHIC
            text = document.source(_moved(wanted, line))
            meant = _plain(_bare(text) if typographic else text)
            mistake = Mistake.QUOTES_SPLIT if typographic else Mistake.WORDS
            return Slip(
                mistake, last.name, _moved(Span(last.name_span.start, wanted.end), line), meant, _command(command)
            )
        case Assignment() if _has_typographic_ends(statement):
            span = _moved(Span(statement.name_span.start, statement.value_span.end), line)
            return Slip(Mistake.QUOTES_IN_VALUE, statement.name, span, _plain(_bare(statement.value)))
    return None


def _command(text: str) -> str:
    return " ".join(text.split()[:1])[:_LONGEST_COMMAND]


def _has_typographic_ends(statement: Assignment) -> bool:
    value = statement.value.strip(_BLANKS)
    return bool(value) and (value[0] in TYPOGRAPHIC_QUOTES or value[-1] in TYPOGRAPHIC_QUOTES)


def _bare(text: str) -> str:
    return text.strip(_BLANKS + TYPOGRAPHIC_QUOTES + "\"'")


def _plain(value: str) -> str | None:
    return None if set(value) & _CODE else value.strip(_BLANKS)


def _moved(span: Span, line: Line[Node]) -> Span:
    return Span(span.start + line.span.start, span.end + line.span.start)


def _end_of_line(document: Document[Node], start: int) -> int:
    end = document.text.find("\n", start)
    return end if end != -1 else len(document.text)
