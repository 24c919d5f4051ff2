"""Scanners: one regular expression for all lines of a pattern. Knows no option's meaning.

Most lines of a large ruleset look like one shortly before. A scanner reads such a line in one step of the regular
expression engine; a line that no scanner takes is read word by word, and gives the next scanner.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ruleset_lint.syntax.nodes import CHAIN, Node, chain_line, counted_rule_line, plain_rule_line
from ruleset_lint.syntax.patterns import FREE_TEXT, MEANINGFUL, Pattern
from ruleset_lint.syntax.words import Form, split_words

_VALUE = r'([^-! "\t\0\n][^ "\t\0\n]*)'
_QUOTED = r'"([^"\\\0\n]*)"'
_COUNTERS = r"\[([0-9]{1,20}):([0-9]{1,20})\] "
# behind these, a meaningful word must not pass for a value
_DECIDING = frozenset({"-j", "-g", "-m", "-p", "--jump", "--goto", "--match", "--protocol"})
_MOST_FOLLOWERS = 6
_NOT_MEANINGFUL = "(?!(?:" + "|".join(sorted(map(re.escape, MEANINGFUL))) + r")[ \n])"


@dataclass(slots=True, eq=False)
class Scanner:
    """Reads lines that look alike, line ending included; `followers` read what came behind such lines, latest first."""

    match: Callable[[str, int], re.Match[str] | None]
    node: Callable[[re.Match[str]], Node]
    followers: list[Scanner] = field(default_factory=list)

    def precedes(self, follower: Scanner) -> None:
        """Remember what has come behind."""
        if follower in self.followers:
            self.followers.remove(follower)
        self.followers.insert(0, follower)
        del self.followers[_MOST_FOLLOWERS:]


def starting_scanner() -> Scanner:
    """Reads nothing; what follows it, and itself, is the scanner of `:CHAIN policy [0:0]` lines."""
    chains = Scanner(re.compile(CHAIN.pattern + "\n").match, chain_line)
    chains.precedes(chains)
    return Scanner(re.compile("(?!)").match, chain_line, [chains])


def rule_scanner(pattern: Pattern, line: str) -> Scanner | None:
    """The scanner of rule lines that look like this one; None if it is not simple enough."""
    counters = re.match(_COUNTERS, line)
    rule = line[counters.end() :] if counters else line
    words = list(split_words(rule))
    raw = [rule[word.start : word.end] for word in words]
    simple = " ".join(raw) == rule and not any(word.form is Form.ASSIGNMENT for word in words)
    if not rule.startswith("-") or not simple or len(words) != len(pattern.items):  # else it could read a table line
        return None
    before = ["", *raw]
    pieces = [
        re.escape(text) if item.text is not None else _group(text, before[number])
        for number, (item, text) in enumerate(zip(pattern.items, raw, strict=True))
    ]
    expression = re.compile((_COUNTERS if counters else "") + " ".join(pieces) + "\n")
    build = counted_rule_line if counters else plain_rule_line
    made = Scanner(expression.match, functools.partial(build, pattern))
    return made if made.match(line + "\n", 0) else None


def _group(text: str, before: str) -> str:
    """The group for a value that looks like this one; only free text may be quoted."""
    if before in FREE_TEXT and text.startswith('"'):
        return _QUOTED
    return (_NOT_MEANINGFUL if before in _DECIDING else "") + _VALUE
