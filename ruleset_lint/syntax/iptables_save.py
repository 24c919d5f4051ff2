"""iptables-save and -restore files, line by line. Knows which words there are, not what they mean."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lark import UnexpectedInput

from ruleset_lint.syntax.document import Blank, Comment, Document, Line, Lines, Unparsed
from ruleset_lint.syntax.nodes import CHAIN, ChainLine, Commit, Counters, Node, RuleLine, TableLine, chain_line
from ruleset_lint.syntax.patterns import Pattern, PatternReader, parse_words
from ruleset_lint.syntax.scanners import Scanner, rule_scanner, starting_scanner
from ruleset_lint.syntax.words import Word, split_words
from ruleset_lint.text import encode

LONGEST_LINE = 10239  # bytes; iptables-restore reads with fgets into char[10240]
LONGEST_WORD = 1023  # bytes; xtables refuses with "Parameter too long!"
_SURELY_SHORT = 255  # characters: below both bounds, however they are encoded

_COUNTERS = re.compile(r"\[([0-9]+):([0-9]+)\]")
_BRACKET = re.compile(r"\[[^:\]]+:[^\]]+\]")  # what stands between is looked at with --counters only


@dataclass(slots=True)
class _Reader:
    """What is remembered from line to line."""

    start: Scanner
    patterns: PatternReader = field(default_factory=PatternReader)
    scanners: dict[tuple[Pattern, bool, bool], Scanner | None] = field(default_factory=dict)

    def scanner_behind(self, before: Scanner, node: Node, line: str) -> Scanner:
        """The scanner of a line that was read word by word: from now on tried behind lines like the one before."""
        if not isinstance(node, RuleLine):
            return self.start
        key = (node.pattern, line.startswith("["), '"' in line)
        if key not in self.scanners:
            self.scanners[key] = rule_scanner(node.pattern, line)
        found = self.scanners[key]
        if found:
            before.precedes(found)
        return found or self.start


def parse(path: str, text: str) -> Document[Node]:
    """A ruleset line by line; a line that restore's own reader refuses is Unparsed."""
    nodes: list[Node] = []
    starts = [0]
    reader = _Reader(starting_scanner())
    scanner = reader.start
    while starts[-1] < len(text):
        start = starts[-1]
        for follower in scanner.followers:
            match = follower.match(text, start)
            if match and match.end() - start <= _SURELY_SHORT:
                nodes.append(follower.node(match))
                starts.append(match.end())
                scanner = follower
                break
        else:
            line = _line_at(text, start)
            nodes.append(_parse_line(reader.patterns, line))
            starts.append(min(start + len(line) + 1, len(text)))
            scanner = reader.scanner_behind(scanner, nodes[-1], line)
    return Document(path, text, Lines(nodes, starts))


def _line_at(text: str, start: int) -> str:
    end = text.find("\n", start)
    return text[start:] if end == -1 else text[start:end]


def words(rule: RuleLine) -> list[str]:
    """The words of a rule, unquoted, in order."""
    values = iter(rule.values)
    return [next(values) if item.text is None else item.text for item in rule.pattern.items]


def word_spans(document: Document[Node], line: Line[Node]) -> list[Word]:
    """The words of a rule line with their places (offsets within the line)."""
    content = document.content(line)
    bracket = _BRACKET.match(content)
    offset = bracket.end() if bracket else 0
    return [word._replace(start=word.start + offset, end=word.end + offset) for word in split_words(content[offset:])]


def _parse_line(reader: PatternReader, line: str) -> Node:
    first = line[:1]
    if first in ("-", "["):
        plain = len(line) <= _SURELY_SHORT and "\0" not in line
        return _rule(reader, line) if plain else _odd_rule(reader, line)
    if first == "#":
        return Comment(line[1:])
    if len(line) > LONGEST_LINE:
        return _too_long()
    if first == ":":
        return _chain(line)
    if line == "COMMIT":
        return Commit()
    if not line:
        return Blank()
    return _table(line) if first == "*" else _odd_rule(reader, line)


def _table(line: str) -> Node:
    try:
        (name, *_) = parse_words(line, "table")
    except UnexpectedInput:
        return Unparsed(2, "name of a table expected")
    return TableLine(str(name.text))


def _chain(line: str) -> Node:
    match = CHAIN.fullmatch(line)
    if match:
        return chain_line(match)
    found = line[1:].split()
    if len(found) < 2:
        return Unparsed(len(line) + 1, "policy expected: a target, or - for a chain of one's own")
    name, policy, *rest = found
    counters = _COUNTERS.fullmatch(rest[0]) if rest else None
    return ChainLine(name, policy, _counters(counters), tuple(rest[1:] if counters else rest))


def _odd_rule(reader: PatternReader, line: str) -> Node:
    """A rule that restore's reader may refuse whatever its words mean."""
    if "\0" in line:
        return Unparsed(line.index("\0") + 1, "NUL byte: iptables-restore reads the line only up to here")
    if len(line) > LONGEST_LINE or len(encode(line)) > LONGEST_LINE:
        return _too_long()
    if not line.strip(" \t"):
        return Unparsed(1, "blanks on a line of their own: iptables-restore wants the line empty")
    long = next((word for word in split_words(line) if len(encode(word.text)) > LONGEST_WORD), None)
    if long:
        return Unparsed(long.start + 1, f"word longer than {LONGEST_WORD} bytes")
    return _rule(reader, line)


def _too_long() -> Unparsed:
    reason = f"line longer than the {LONGEST_LINE} bytes that iptables-restore reads at once"
    return Unparsed(LONGEST_LINE + 1, reason)


def _rule(reader: PatternReader, line: str) -> Node:
    counters = None
    if line[0] == "[":
        bracket = _BRACKET.match(line)
        if not bracket:
            return Unparsed(1, "counters are [packets:bytes]")
        counters = _COUNTERS.match(line)
        line = line[bracket.end() :].lstrip(" ")
    pattern, values = reader.read(line)
    return RuleLine(pattern, values, _counters(counters))


def _counters(match: re.Match[str] | None) -> Counters | None:
    return Counters(int(match[1][:20]), int(match[2][:20])) if match else None
