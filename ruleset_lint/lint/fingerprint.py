"""Fingerprints: names of findings that outlive moved lines and counters. Knows no rule."""

from __future__ import annotations

import bisect
import re
from collections import Counter
from functools import lru_cache
from importlib import import_module

from ruleset_lint.lint.finding import Place
from ruleset_lint.syntax.document import Document
from ruleset_lint.syntax.nodes import TableLine
from ruleset_lint.text import encode

_LONGEST = 20_000
# counters before a rule, behind a chain, and as an option
_COUNTERS = re.compile(
    r"^\[[0-9]+:[0-9]+\][ \t]*|[ \t]*\[[0-9]+:[0-9]+\]$|[ \t](?:-c|--set-counters)[ \t]+[0-9]+[ \t]+[0-9]+"
)


def identity(key: str, place: Place, seen: Counter[str]) -> tuple[str, int]:
    """A key (rule and file), the table and the line's text; and which of several equals it is, by `seen`."""
    document = place.document
    text = "\n".join((key, _table_at(document, place.span.start), _normal_line(document, place.span.start)))
    seen[text] += 1
    return text, seen[text]


def fingerprint(identity: tuple[str, int]) -> str:
    """32 hexadecimal digits of an identity. Few formats print them: what makes them is imported when asked for."""
    text, number = identity
    digest: str = import_module("hashlib").sha256(encode(f"{text}\n{number}")).hexdigest()
    return digest[:32]


def _normal_line(document: Document[object], offset: int) -> str:
    """The line without counters, its blanks made one."""
    line = document.position(offset).line
    start = document.starts[line - 1]
    end = document.starts[line] if line < len(document.starts) else len(document.text)
    content = document.text[start : min(end, start + _LONGEST)]
    return " ".join(_COUNTERS.sub("", content.strip()).split())


def _table_at(document: Document[object], offset: int) -> str:
    """The table whose lines surround an offset of a ruleset; "" elsewhere."""
    starts, names = _tables(document)
    index = bisect.bisect_right(starts, offset) - 1
    return names[index] if index >= 0 else ""


@lru_cache(maxsize=64)
def _tables(document: Document[object]) -> tuple[list[int], list[str]]:
    found = [document.lines[number - 1] for number in document.numbers(TableLine)]
    return [line.span.start for line in found], [line.node.name for line in found if isinstance(line.node, TableLine)]
