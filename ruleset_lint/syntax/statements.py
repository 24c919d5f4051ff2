"""What the lines of a sourced shell script are (iptables-config and its like). Knows not how they are read."""

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from ruleset_lint.syntax.document import Blank, Comment, Unparsed
from ruleset_lint.text import Span

TYPOGRAPHIC_QUOTES = (
    "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2039\u203a\u2032\u2033\u00ab\u00bb\u00b4\uff02\uff07"
)


class Quote(Enum):
    """How a value is quoted: not, as a whole by one kind of quotes, in part, or by letters that look like quotes."""

    NONE = "none"
    SINGLE = "single"
    DOUBLE = "double"
    MIXED = "mixed"
    TYPOGRAPHIC = "typographic"


class PieceKind(Enum):
    """What the shell does with a piece of a value: take it, put a variable's value there, or run something for it."""

    TEXT = "text"
    VARIABLE = "variable"
    CODE = "code"


class Piece(NamedTuple):
    """A piece of a value: text without its quotes, the name of a variable, or code as written."""

    kind: PieceKind
    text: str


class Assignment(NamedTuple):
    """`name=value`, `name+=value`; spans are offsets within the line."""

    name: str
    name_span: Span
    raw: str
    value_span: Span
    quote: Quote
    pieces: tuple[Piece, ...]
    append: bool = False
    exported: bool = False
    comment: str | None = None

    @property
    def value(self) -> str:
        """The value without quotes; variables stand in it as `$name`, a trailing carriage return is part of it."""
        return joined(self.pieces)


class SpacedAssignment(NamedTuple):
    """`name = value`, `name= value`, `name =value`: a command to the shell, nothing is set; `value` was meant."""

    name: str
    name_span: Span
    gap: Span
    value: str
    value_span: Span


class CommandLine(NamedTuple):
    """Anything that runs. `A=b c`: the command is `c`, and `wanted` covers `b c`, the value that was meant."""

    command: str
    command_span: Span
    assignments: tuple[Assignment, ...] = ()
    wanted: Span | None = None


class CarriageReturn(NamedTuple):
    """A line with nothing but a carriage return: the shell looks for a command of that name and goes on."""


Statement = Assignment | SpacedAssignment | CommandLine


class Statements(NamedTuple):
    """Several statements on a line: `A=1 B=2`, `A=1; B=2`."""

    statements: tuple[Statement, ...]


Node = Statement | Statements | CarriageReturn | Comment | Blank | Unparsed


def statements(node: Node) -> tuple[Statement, ...]:
    """The statements of a line."""
    match node:
        case Statements(found):
            return found
        case Assignment() | SpacedAssignment() | CommandLine():
            return (node,)
        case _:
            return ()


def joined(pieces: Iterable[Piece]) -> str:
    """The text of pieces without quotes; variables stand in it as `$name`."""
    return "".join("$" + piece.text if piece.kind is PieceKind.VARIABLE else piece.text for piece in pieces)
