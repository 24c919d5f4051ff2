"""Typographic characters in a restore line, and what their author meant. Knows no rule.

Word processors and web pages turn `--` into a dash, `"` into curly quotes and blanks into no-break spaces. Inside a
quoted value they are text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruleset_lint.text import Edit, Span

_DASHES = "\u2010-\u2015\u2212"
_CURLY = "\u201c\u201d"
_SINGLE = "\u2018\u2019"
_BLANKS = "\u00a0"
_MARK = "\ufeff"
# patterns are compiled when they are needed: few rulesets have such characters
_ANY = f"[{_DASHES}{_CURLY}{_SINGLE}{_BLANKS}{_MARK}]"
# a straight quoted value, a value between curly quotes, an option, any other character that counts
_PIECE = (
    r'(?P<straight>"(?:[^"\\]|\\.)*(?:"|\\?\Z))'
    f'|(?P<curly>[{_CURLY}][^"{_CURLY}]*["{_CURLY}]|{_SINGLE[0]}[^{_SINGLE}]*{_SINGLE[1]})'
    f"|(?:(?<=[ \t{_BLANKS}{_MARK}])|\\A)(?P<option>-?[{_DASHES}][{_DASHES}-]?(?=[A-Za-z]))"
    f"|(?P<other>{_ANY})"
)


def has_typography(text: str) -> bool:
    """Whether a text has one of the characters at all."""
    return not text.isascii() and re.search(_ANY, text) is not None


def plain(line: str, start: int = 0) -> tuple[Edit, ...]:
    """The edits that make typographic characters outside of quotes plain, on a line that begins at `start`."""
    return tuple(_edits(line, start)) if has_typography(line) else ()


def _edits(line: str, start: int) -> Iterator[Edit]:
    for match in re.finditer(_PIECE, line):
        first, last = match.start() + start, match.end() + start
        if match["curly"]:
            # a straight quote at either end is right already
            yield from (Edit(Span(at, at + 1), '"') for at in (first, last - 1) if line[at - start] != '"')
        elif match["option"]:
            short = re.match(r"[A-Za-z0-9](?![A-Za-z0-9-])", line[match.end() :])
            yield Edit(Span(first, last), "-" if short else "--")
        elif match["other"]:
            yield Edit(Span(first, last), _replacement(match["other"]))


def _replacement(character: str) -> str:
    if character == _MARK:
        return ""
    if character in _BLANKS:
        return " "
    if character in _CURLY:
        return '"'
    return "'" if character in _SINGLE else "-"
