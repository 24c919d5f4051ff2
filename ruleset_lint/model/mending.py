"""A ruleset as its author meant it: without typographic characters and carriage returns. Knows no rule.

One such character can hide a whole table from restore; what else is wrong with a file is judged without it.
"""

from functools import lru_cache
from typing import NamedTuple

from ruleset_lint.model.loadability import breaks
from ruleset_lint.model.loading import load
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.typography import has_typography, plain
from ruleset_lint.syntax.document import Line
from ruleset_lint.syntax.iptables_save import LONGEST_LINE, parse, words
from ruleset_lint.syntax.nodes import Node, RuleLine
from ruleset_lint.text import Edit, Span, apply_edits


class Mended(NamedTuple):
    """The ruleset after mending, and by line number the edits that mend what restore stumbles over."""

    ruleset: Ruleset
    typography: dict[int, tuple[Edit, ...]]
    carriage_returns: dict[int, tuple[Edit, ...]]
    refused: frozenset[int] = frozenset()  # of these, the lines that are refused today


@lru_cache(maxsize=4)
def mended(ruleset: Ruleset) -> Mended:
    """What a ruleset is without typography and carriage returns where restore stumbles over them."""
    text = ruleset.document.text
    if "\r" not in text and not has_typography(text):
        return Mended(ruleset, {}, {})
    refused = {found.line.number for found in breaks(ruleset)}
    typography: dict[int, tuple[Edit, ...]] = {}
    returns: dict[int, tuple[Edit, ...]] = {}
    for line in ruleset.document.lines:
        start, end = ruleset.document.content_span(line)
        content = text[start:end]
        edits = plain(content, start) if line.number in refused and len(content) <= LONGEST_LINE else ()
        if edits:
            typography[line.number] = edits
        if content.endswith("\r") and (line.number in refused or _is_misread(line)):
            returns[line.number] = (Edit(Span(end - 1, end), ""),)
    if not typography and not returns:
        return Mended(ruleset, {}, {})
    changes = (edit for found in (typography, returns) for several in found.values() for edit in several)
    document = parse(ruleset.document.path, apply_edits(text, changes))
    return Mended(load(document, ruleset.family), typography, returns, frozenset(refused))


def _is_misread(line: Line[Node]) -> bool:
    """Whether a carriage return becomes part of a value that says something: an interface, a log prefix, a string."""
    if not isinstance(line.node, RuleLine):
        return False
    found = words(line.node)
    return len(found) > 1 and found[-1].endswith("\r") and found[-2] != "--comment" and found[-1] != "\r"
