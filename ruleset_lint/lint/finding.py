"""Findings: what is wrong, where, how bad, how sure, and what mends it. Knows no rule."""

from enum import StrEnum
from typing import NamedTuple

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.syntax.document import Document, Line
from ruleset_lint.text import Edit, Span


class Severity(StrEnum):
    """How bad: an error breaks or opens something; information fails nothing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Confidence(StrEnum):
    """How sure: proven holds on every profile considered; likely on some, or as far as can be told."""

    PROVEN = "proven"
    LIKELY = "likely"


class Safety(StrEnum):
    """What a fix may change: nothing that any packet or setting notices; something; only a person can tell."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    MANUAL = "manual"


class Place(NamedTuple):
    """A span of a document, and what is to be said of it."""

    document: Document[object]
    span: Span
    note: str = ""


class Fix(NamedTuple):
    """A remedy: edits to the document of the finding's primary place, or the kind of file that the rewriter emits."""

    title: str
    edits: tuple[Edit, ...] = ()
    safety: Safety = Safety.UNSAFE
    emits: str = ""  # "raw", "sysctl", "modprobe", "modules-load", "iptables-config", "apply"


class Finding(NamedTuple):
    """One cause, at one primary place, with any number of related ones.

    `help` are further lines: a packet that shows it, what happens then. `severity` None takes the rule's. `by_absence`:
    it fires because something is missing, so in a part of a machine it is likely, and a warning at most.
    """

    place: Place
    message: str
    related: tuple[Place, ...] = ()
    help: tuple[str, ...] = ()
    fix: Fix | None = None
    severity: Severity | None = None
    confidence: Confidence = Confidence.PROVEN
    by_absence: bool = False


def at_rule(ruleset: Ruleset, rule: Rule, note: str = "") -> Place:
    """The place of a rule of a ruleset."""
    return Place(ruleset.document, ruleset.span(rule), note)


def at_line(document: Document[object], line: Line[object], note: str = "") -> Place:
    """The place of a whole line, its line ending left out."""
    return Place(document, document.content_span(line), note)
