"""iptables-save and -restore files, line by line. Knows which words there are, not what they mean."""

from __future__ import annotations

import re
from itertools import accumulate

from ruleset_lint.syntax.columns import LineForm, Nodes, Values
from ruleset_lint.syntax.document import Blank, Comment, Document, Line, Lines, Unparsed
from ruleset_lint.syntax.nodes import (
    CHAIN,
    CHAIN_FORM,
    ChainLine,
    Commit,
    Counters,
    Node,
    RuleLine,
    TableLine,
    chain_line,
    rule_form,
)
from ruleset_lint.syntax.patterns import Pattern, PatternReader, parse_words
from ruleset_lint.syntax.scanners import Learner, Scanner
from ruleset_lint.syntax.words import Word, split_words
from ruleset_lint.text import encode

LONGEST_LINE = 10239  # bytes; iptables-restore reads with fgets into char[10240]
LONGEST_WORD = 1023  # bytes; xtables refuses with "Parameter too long!"
_SURELY_SHORT = 255  # characters: below both bounds, however they are encoded

_COUNTERS = re.compile(r"\[([0-9]+):([0-9]+)\]")
_PLAIN_CHAINS = re.compile(r"(?::[^\s\"!-][^\s\"]{0,200} (?:-|[A-Z]{1,20}) \[[0-9]{1,20}:[0-9]{1,20}\]\n)*+")
_PLAIN_TABLE = re.compile(r"\*[a-z]+")
_BRACKET = re.compile(r"\[[^:\]]+:[^\]]+\]")  # what stands between is looked at with --counters only


class _Reader:
    """A document while it is read: a form, values and an end for each line so far, and what was learnt from them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.forms: list[LineForm[Node]] = []
        self.values: list[Values] = []
        self.starts: list[int] = [0]
        self.patterns = PatternReader()
        self.learner = Learner()
        self.rules: dict[tuple[Pattern, bool], LineForm[Node]] = {}
        self.others: dict[type, LineForm[Node]] = {}


def parse(path: str, text: str) -> Document[Node]:
    """A ruleset line by line; a line that restore's own reader refuses is Unparsed."""
    reader = _Reader(text)
    starts, learner = reader.starts, reader.learner
    scanner: Scanner | None = None
    while starts[-1] < len(text):
        if learner.is_due:
            scanner = learner.scanner()
        if text.startswith(":", starts[-1]):
            _read_chains(reader)
        if scanner:
            _scan(reader, scanner)
        if starts[-1] < len(text):
            _read_line(reader)
    return Document(path, text, Lines(Nodes(reader.forms, reader.values), starts))


def _read_chains(reader: _Reader) -> None:
    """Read chain lines as long as they are plain: a cluster node has 40,000."""
    start = reader.starts.pop()
    block = _PLAIN_CHAINS.match(reader.text, start)
    lines = block[0].splitlines(keepends=True) if block else ()
    reader.starts += accumulate(map(len, lines), initial=start)
    reader.forms += [CHAIN_FORM] * len(lines)
    reader.values += CHAIN.findall("".join(lines))


def _scan(reader: _Reader, scanner: Scanner) -> None:
    """Read lines as long as they are like lines read before."""
    ways, forms, values, starts = scanner.ways, reader.forms, reader.values, reader.starts
    start = starts[-1]
    for match in scanner.lines(reader.text, start):
        way, end = ways.get(match.lastindex), match.end()
        if way is None or end - start > _SURELY_SHORT:
            return
        form, take = way
        forms.append(form)
        values.append(take(match))
        starts.append(end)
        start = end


def _read_line(reader: _Reader) -> None:
    """Read one line word by word."""
    start = reader.starts[-1]
    line = _line_at(reader.text, start)
    node = _parse_line(reader.patterns, line)
    form, values = _as_values(reader, node)
    reader.forms.append(form)
    reader.values.append(values)
    reader.starts.append(min(start + len(line) + 1, len(reader.text)))
    reader.learner.learn(node, form, line)


def _as_values(reader: _Reader, node: Node) -> tuple[LineForm[Node], Values]:
    """A line's form and values. Rules have one form a pattern; of other nodes the fields are the values."""
    if not isinstance(node, RuleLine):
        kind = type(node)
        return reader.others.setdefault(kind, LineForm(kind, kind._make)), node
    key = (node.pattern, node.counters is not None)
    if key not in reader.rules:
        reader.rules[key] = rule_form(node.pattern, counted=key[1])
    return reader.rules[key], (*map(str, node.counters or ()), *node.values)


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
    if _PLAIN_TABLE.fullmatch(line):
        return TableLine(line[1:])
    if not line[1:].strip(" \t"):
        return Unparsed(2, "name of a table expected")
    return TableLine(parse_words(line, "table")[0].text)


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
