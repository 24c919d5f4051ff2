"""What a service configuration runs beside setting variables. Knows not whether that is wanted."""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.model.settings import ServiceConfig
from ruleset_lint.model.slips import Mistake, slips
from ruleset_lint.netfilter.service_config import family_of
from ruleset_lint.syntax.statements import Assignment, CommandLine, PieceKind, Statement, statements
from ruleset_lint.text import Span

_SETTING = {"export", "readonly", "declare", "typeset", "unset", ":", "true"}  # these set, or do nothing


def code(service: ServiceConfig) -> Iterator[Span]:
    """Where commands stand, and values with `$(…)` in them; a line that was meant to set a variable is none."""
    meant = {slip.span.start for slip in slips(service) if slip.mistake is not Mistake.WORDS or family_of(slip.name)}
    for line in service.document.lines:
        start = line.span.start
        for statement in statements(line.node):
            span = _code(statement)
            if span and start + _beginning(statement) not in meant:
                yield Span(start + span.start, start + span.end)


def _code(statement: Statement) -> Span | None:
    match statement:
        case CommandLine(command, span) if command not in _SETTING:
            return span
        case Assignment(_, _, _, value_span, _, pieces) if any(one.kind is PieceKind.CODE for one in pieces):
            return value_span
    return None


def _beginning(statement: Statement) -> int:
    """Where a slip of the statement would begin."""
    if isinstance(statement, CommandLine):
        before = statement.assignments
        return before[-1].name_span.start if before else statement.command_span.start
    return statement.name_span.start
