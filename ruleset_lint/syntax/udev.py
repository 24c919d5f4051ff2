"""Files of udev's rules.d: what a line is, not what its keys mean."""

from __future__ import annotations

from typing import NamedTuple

from ruleset_lint.syntax.document import Blank, Comment, Document, parse_lines


class Rule(NamedTuple):
    """A rule, or a part of one that goes on over several lines."""

    text: str


Node = Rule | Comment | Blank


def parse(path: str, text: str) -> Document[Node]:
    """The lines of a file; `#` begins a comment where a line begins (udev(7))."""
    return parse_lines(path, text, _parse_line)


def _parse_line(line: str) -> Node:
    said = line.strip(" \t\r")
    if not said:
        return Blank()
    return Comment(said[1:]) if said.startswith("#") else Rule(said)
