"""Quotes that are never closed on their line, and comments that go on behind it. Knows no option's value.

iptables-restore takes an open quote to the end of the line; iptables-save prints a line feed inside a comment as it is.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from ruleset_lint.syntax.document import Document, Line
from ruleset_lint.syntax.iptables_save import word_spans
from ruleset_lint.syntax.nodes import Node, RuleLine
from ruleset_lint.syntax.words import is_terminated

_FURTHEST = 20  # lines behind an open comment on which its end is looked for
_CLOSED = re.compile(r'(?:[^"]*+"[^"\\\n]*+")*+[^"]*+')
_END = re.compile(r'(?:[^"\\\n]|\\.){0,1000}"(?=[ \t]+!?[ \t]?-|[ \t]*$)')


class OpenQuote(NamedTuple):
    """A line whose last word has an open quote: the word before it, and the line that closes it as a comment."""

    line: Line[Node]
    item: int
    option: str
    end: Line[Node] | None


@lru_cache(maxsize=4)
def open_quotes(document: Document[Node]) -> tuple[OpenQuote, ...]:
    """The lines with a quote that is never closed, in order."""
    return () if _CLOSED.fullmatch(document.text) else tuple(_found(document))


def _found(document: Document[Node]) -> Iterator[OpenQuote]:
    contents = document.text.split("\n")
    for number, content in enumerate(contents, 1):
        odd = content.count('"') % 2 or ('"' in content and "\\" in content)
        if not odd or is_terminated(content):
            continue
        line = document.lines[number - 1]
        words = word_spans(document, line) if isinstance(line.node, RuleLine) else []
        if words:
            option = words[-2].text.rstrip("=") if len(words) > 1 else ""
            yield OpenQuote(line, len(words) - 1, option, _end(document, contents, number, option))


def _end(document: Document[Node], contents: Sequence[str], number: int, option: str) -> Line[Node] | None:
    """The line on which a comment that was begun ends, if one does."""
    for further in range(number, min(number + _FURTHEST, len(contents))) if option == "--comment" else ():
        content = contents[further]
        if content.count('"') % 2 and not is_terminated(content) and _END.match(content):
            return document.lines[further]
        if '"' in content:
            return None
    return None
