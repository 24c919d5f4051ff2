"""Suppressions: comments that silence rules at places. Knows how they are written, not which rules there are."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple, cast

from ruleset_lint.syntax.document import Comment, Document, Line
from ruleset_lint.syntax.iptables_save import word_spans
from ruleset_lint.syntax.nodes import Node, RuleLine
from ruleset_lint.syntax.words import Word
from ruleset_lint.text import Edit, Span

MARK = "ruleset-lint:"
_VERBS = ("ignore", "ignore-file", "disable", "enable")
_HEAD = re.compile(r"[ \t]*[#;]+[ \t]*(?=ruleset-lint:)")
_DIRECTIVE = re.compile(r"ruleset-lint:[ \t]*([A-Za-z-]{1,40})[ \t]*(?:\[([^\]\n]*)\])?")
_UNTIL = r"(?<![^ \t,;(])until=([^\s,;)\"]*)"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"


class Suppression(NamedTuple):
    """A suppression: the rules and categories it names, and for each of them the text whose places it silences.

    `span` is where it stands, `list_span` the text between its brackets, `removal` the edits that take it out.
    `until` is its last day. `problem` says what is wrong with its form; such a suppression silences nothing.
    """

    document: Document[object]
    verb: str
    names: tuple[str, ...]
    span: Span
    list_span: Span
    removal: tuple[Edit, ...]
    scopes: tuple[Span, ...] = ()
    until: date | None = None
    problem: str = ""

    def is_expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return self.until is not None and self.until < today


class _Found(NamedTuple):
    """A suppression and the index of the line it stands on."""

    line: int
    suppression: Suppression


def suppressions(document: Document[object]) -> tuple[Suppression, ...]:
    """All suppressions of a document, in its order."""
    if MARK not in document.text:
        return ()
    found = [
        _Found(index, made)
        for index, line in enumerate(document.lines)
        if document.text.find(MARK, *line.span) >= 0 and (made := _read_line(document, line))
    ]
    return tuple(_scoped(document, found))


def _read_line(document: Document[object], line: Line[object]) -> Suppression | None:
    if isinstance(line.node, Comment):
        head = _HEAD.match(document.text, *line.span)
        return _read(document, head.end(), line.span.end, (Edit(line.span, ""),)) if head else None
    return _read_in_rule(document, line) if isinstance(line.node, RuleLine) else None


def _read_in_rule(document: Document[object], line: Line[object]) -> Suppression | None:
    """The suppression in a rule's `--comment`; its removal leaves what stands before it in the comment."""
    words = word_spans(cast("Document[Node]", document), cast("Line[Node]", line))
    for number, word in enumerate(words):
        if number and words[number - 1].text == "--comment" and MARK in word.text:
            start = document.text.find(MARK, line.span.start + word.start, line.span.start + word.end)
            end = line.span.start + word.end - (document.text[line.span.start + word.end - 1] == '"')
            if start >= 0:
                return _read(document, start, end, _rule_removal(line.span.start, words, number))
    return None


def _rule_removal(start: int, words: Sequence[Word], number: int) -> tuple[Edit, ...]:
    word = words[number]
    rest = word.text[: word.text.index(MARK)].rstrip(" \t-,;:(")
    if rest:
        quoted = '"' + rest.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return (Edit(Span(start + word.start, start + word.end), quoted),)
    loads = [other.text for other in words[number - 3 : number - 1]] == ["-m", "comment"]
    only = sum(other.text == "--comment" for other in words) == 1
    if not (loads and only) or number < 4:
        return ()
    return (Edit(Span(start + words[number - 4].end, start + word.end), ""),)


def _read(document: Document[object], start: int, end: int, removal: tuple[Edit, ...]) -> Suppression | None:
    found = _DIRECTIVE.match(document.text, start, end)
    if not found or (found[2] is None and found[1] not in _VERBS):
        return None
    names = tuple(name for piece in (found[2] or "").split(",") if (name := piece.strip(" \t")))
    until, problem = _until(document.text[found.end() : end])
    list_span = Span(*found.span(2)) if found[2] is not None else Span(found.end(), found.end())
    span = Span(start, start + len(document.text[start:end].rstrip()))
    problem = problem or _problem(found[1], names)
    return Suppression(document, found[1], names, span, list_span, removal, until=until, problem=problem)


def _until(rest: str) -> tuple[date | None, str]:
    found = re.search(_UNTIL, rest)
    if not found:
        return None, ""
    try:
        if re.fullmatch(_DATE, found[1]):
            return date.fromisoformat(found[1]), ""
    except ValueError:
        pass
    return None, f"until={found[1][:20]} is no date, write until=2027-01-31"


def _problem(verb: str, names: tuple[str, ...]) -> str:
    if verb not in _VERBS:
        return f"{verb} is no word of a suppression, there are {', '.join(_VERBS)}"
    if not names and verb != "enable":
        return f"{verb} names no rule, write {verb}[category/name] or {verb}[category]"
    return ""


def _scoped(document: Document[object], found: Sequence[_Found]) -> Iterator[Suppression]:
    """The suppressions with what they silence; an `enable` that ends nothing has a problem."""
    ends = _block_ends(found)
    last = len(document.text) + 1
    below = _lines_below(document)
    for index, made in found:
        match made.verb:
            case "ignore":
                yield _everywhere(made, below[index])
            case "ignore-file":
                yield _everywhere(made, Span(0, last))
            case "disable":
                spans = (Span(made.span.start, ends.get((made, name), last)) for name in made.names)
                yield made._replace(scopes=tuple(spans))
            case "enable" if (made, "") not in ends:
                yield made._replace(problem=made.problem or "enable ends nothing that is disabled")
            case _:
                yield made


def _everywhere(made: Suppression, scope: Span) -> Suppression:
    return made._replace(scopes=(scope,) * len(made.names))


def _lines_below(document: Document[object]) -> list[Span]:
    """For each line the first line from there on that is no comment: a rule itself, the rule under its comments."""
    below: list[Span] = []
    scope = Span(len(document.text), len(document.text) + 1)
    for line in reversed(document.lines):
        scope = scope if isinstance(line.node, Comment) else line.span
        below.append(scope)
    return below[::-1]


def _block_ends(found: Iterable[_Found]) -> dict[tuple[Suppression, str], int]:
    """Where each name of a `disable` ends, and (with the name "") each `enable` that ends one.

    An `enable` without a list ends all.
    """
    ends: dict[tuple[Suppression, str], int] = {}
    opened: dict[str, list[Suppression]] = {}
    for _, made in found:
        if made.verb == "disable":
            for name in made.names:
                opened.setdefault(name, []).append(made)
        elif made.verb == "enable":
            for name in made.names or tuple(opened):
                closed = opened.pop(name, [])
                ends.update({(block, name): made.span.start for block in closed})
                ends.update({(made, ""): made.span.start} if closed else {})
    return ends
