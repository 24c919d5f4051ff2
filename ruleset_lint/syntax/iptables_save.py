"""iptables-save and -restore files: lines and the shapes of rules. Knows which words there are, not what they mean.

A ruleset of 100,000 rules has a few dozen patterns: a rule's words with the values taken out. Lark parses a pattern
once; a rule is a pattern and its values.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, cast

from lark import Lark, Token, Transformer, UnexpectedInput

from ruleset_lint.resources import resource
from ruleset_lint.syntax.document import Blank, Comment, Document, Line, Unparsed, parse_lines
from ruleset_lint.syntax.words import Form, Word, classify, split_words, unquote
from ruleset_lint.text import encode

LONGEST_LINE = 10239  # bytes; iptables-restore reads with fgets into char[10240]
LONGEST_WORD = 1023  # bytes; xtables refuses with "Parameter too long!"

# Words that stay in the pattern because they decide what other words mean, whatever place they stand in. Others may do
# so too (a match from a third party, a protocol by number): those are values, and the binding looks at them.
_MEANINGFUL = frozenset({
    "all", "ah", "dccp", "esp", "gre", "icmp", "icmp6", "icmpv6", "ipv6-icmp", "mh", "sctp", "tcp", "udp",
    "udplite", "addrtype", "bpf", "cgroup", "cluster", "comment", "connbytes", "connlabel", "connlimit", "connmark",
    "conntrack", "cpu", "dscp", "dst", "ecn", "eui64", "frag", "hashlimit", "hbh", "helper", "hl", "iprange",
    "ipv6header", "length", "limit", "mac", "mark", "multiport", "osf", "owner", "physdev", "pkttype", "policy",
    "quota", "realm", "recent", "rpfilter", "rt", "set", "socket", "state", "statistic", "string", "tcpmss", "time",
    "tos", "ttl", "u32", "ACCEPT", "AUDIT", "CHECKSUM", "CLASSIFY", "CONNMARK", "CONNSECMARK", "CT", "DNAT", "DROP",
    "DSCP", "ECN", "HL", "HMARK", "IDLETIMER", "LED", "LOG", "MARK", "MASQUERADE", "NETMAP", "NFLOG", "NFQUEUE",
    "NOTRACK", "QUEUE", "RATEEST", "REDIRECT", "REJECT", "RETURN", "SECMARK", "SET", "SNAT", "SYNPROXY", "TCPMSS",
    "TCPOPTSTRIP", "TEE", "TOS", "TPROXY", "TRACE", "TTL", "ULOG",
})  # fmt: skip
_COUNTERS = re.compile(r"\[([0-9]+):([0-9]+)\]")
_BRACKET = re.compile(r"\[[^:\]]+:[^\]]+\]")  # what stands between is looked at with --counters only
_CHAIN = re.compile(r":([^\s\"!-][^\s\"]*) (-|[A-Z]+) \[([0-9]+):([0-9]+)\]")
_SIMPLE = re.compile(r'"[^"]*"|[^ "]+')
_FREE_TEXT = ("--comment", "--log-prefix")  # their value is a value, whatever it looks like


class Counters(NamedTuple):
    """Packets and bytes that a rule or a policy has seen."""

    packets: int
    bytes: int


class TableLine(NamedTuple):
    """The beginning of a table: `*filter`."""

    name: str


class ChainLine(NamedTuple):
    """`:INPUT DROP [0:0]`; the policy of a user chain is `-`. `extra` holds words that restore passes over."""

    name: str
    policy: str
    counters: Counters | None
    extra: tuple[str, ...] = ()


class Commit(NamedTuple):
    """The end of a table."""


class Item(NamedTuple):
    """A word of a pattern; `text` is None where each rule has its own."""

    form: Form
    text: str | None


@dataclass(frozen=True, eq=False, slots=True)
class Pattern:
    """The words that rules have in common. Patterns are compared by identity: a document has one a shape."""

    items: tuple[Item, ...]


class RuleLine(NamedTuple):
    """A command line: its pattern, the words that fill the pattern's holes, and the counters before it."""

    pattern: Pattern
    values: tuple[str, ...]
    counters: Counters | None


Node = TableLine | ChainLine | Commit | RuleLine | Comment | Blank | Unparsed


class _Words(dict[str, str | None]):
    """Words seen so far: themselves if they stay in the pattern, None if they are values. Forgets when it is large."""

    def __missing__(self, word: str) -> str | None:
        if len(self) > 100_000:
            self.clear()
        text = word.strip('"')
        stays = text in _MEANINGFUL or text == "!" or (text.startswith("-") and text != "-")
        self[word] = kept = text if stays else None
        return kept


class _Reader(NamedTuple):
    """What is remembered from line to line."""

    patterns: dict[tuple[str | None, ...], Pattern]
    words: _Words


def parse(path: str, text: str) -> Document[Node]:
    """A ruleset line by line; a line that restore's own reader refuses is Unparsed."""
    return parse_lines(path, text, functools.partial(_parse_line, _Reader({}, _Words())))


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


def parse_plainly(line: str) -> tuple[Item, ...]:
    """Each word of a rule line by the grammar alone: what the way over patterns must agree with.

    Raises lark.UnexpectedInput for a line without a word.
    """
    return tuple(_settled(_items(line, "rule")))


def _parse_line(reader: _Reader, line: str) -> Node:
    first = line[:1]
    if first in ("-", "["):
        plain = len(line) <= LONGEST_WORD // 4 and "\0" not in line
        return _rule(reader, line) if plain else _odd_rule(reader, line)
    if first == ":":
        return _chain(line)
    if first == "#":
        return Comment(line[1:])
    if line == "COMMIT":
        return Commit()
    if not line:
        return Blank()
    return _table(line) if first == "*" else _odd_rule(reader, line)


def _table(line: str) -> Node:
    try:
        (name, *_) = _items(line, "table")
    except UnexpectedInput:
        return Unparsed(2, "name of a table expected")
    return TableLine(name.text or "")


def _chain(line: str) -> Node:
    match = _CHAIN.fullmatch(line)
    if match:
        return ChainLine(match[1], match[2], Counters(int(match[3]), int(match[4])))
    found = line[1:].split()
    if len(found) < 2:
        return Unparsed(len(line) + 1, "policy expected: a target, or - for a chain of one's own")
    name, policy, *rest = found
    counters = _COUNTERS.fullmatch(rest[0]) if rest else None
    return ChainLine(name, policy, _counters(counters), tuple(rest[1:] if counters else rest))


def _odd_rule(reader: _Reader, line: str) -> Node:
    """A rule that restore's reader may refuse whatever its words mean."""
    if "\0" in line:
        return Unparsed(line.index("\0") + 1, "NUL byte: iptables-restore reads the line only up to here")
    if len(line) > LONGEST_LINE or len(encode(line)) > LONGEST_LINE:
        return Unparsed(
            LONGEST_LINE + 1, f"line longer than the {LONGEST_LINE} bytes that iptables-restore reads at once"
        )
    if not line.strip(" \t"):
        return Unparsed(1, "blanks on a line of their own: iptables-restore wants the line empty")
    long = next((word for word in split_words(line) if len(encode(word.text)) > LONGEST_WORD), None)
    if long:
        return Unparsed(long.start + 1, f"word longer than {LONGEST_WORD} bytes")
    return _rule(reader, line)


def _rule(reader: _Reader, line: str) -> Node:
    counters = None
    if line[0] == "[":
        bracket = _BRACKET.match(line)
        if not bracket:
            return Unparsed(1, "counters are [packets:bytes]")
        counters = _COUNTERS.match(line)
        line = line[bracket.end() :].lstrip(" ")
    pieces: list[str] = [] if not line else line.split(" ") if '"' not in line else _SIMPLE.findall(line)
    if _is_irregular(line, pieces):
        pieces, key = _irregular(line)
    else:
        key = tuple(map(reader.words.__getitem__, pieces))
        pieces = list(map(unquote, pieces)) if '"' in line else pieces
    pattern = reader.patterns.get(key)
    if pattern is None:
        pattern = reader.patterns[key] = _pattern(line, key)
    values = tuple([piece for piece, kept in zip(pieces, key, strict=True) if kept is None])
    return RuleLine(pattern, values, _counters(counters))


def _is_irregular(line: str, pieces: list[str]) -> bool:
    """Whether the words are not simply what stands between single blanks, here and there in quotes."""
    return (
        "  " in line
        or "\t" in line
        or line[-1:] == " "
        or line[:1] == " "
        or "\\" in line
        or "=" in line
        or "--comment -" in line
        or "--log-prefix -" in line
        or ('"' in line and (" ".join(pieces) != line or ' "-' in line))
    )


def _irregular(line: str) -> tuple[list[str], tuple[str | None, ...]]:
    """Words, and what of them stays in the pattern, of a line with quotes, tabs, doubled blanks or `--name=value`."""
    items = list(_settled(Item(word.form, word.text) for word in split_words(line)))
    stays = (item.form is not Form.VALUE or item.text in _MEANINGFUL for item in items)
    return [item.text or "" for item in items], tuple(
        item.text if kept else None for item, kept in zip(items, stays, strict=True)
    )


def _pattern(line: str, key: tuple[str | None, ...]) -> Pattern:
    items = parse_plainly(line) if line else ()
    return Pattern(tuple(item._replace(text=kept) for item, kept in zip(items, key, strict=True)))


def _settled(items: Iterable[Item]) -> Iterator[Item]:
    """The items, the word behind `--comment` or `--log-prefix` being a value whatever it looks like."""
    before = ("", "")
    for item in items:
        free = before[1] in _FREE_TEXT and not before[0].startswith("-")
        yield Item(Form.VALUE, item.text) if free else item
        before = (before[1], item.text or "")


def _counters(match: re.Match[str] | None) -> Counters | None:
    return Counters(int(match[1][:20]), int(match[2][:20])) if match else None


class _Items(Transformer[Token, list[Item]]):
    """Words of a line as the grammar's terminals give them."""

    def rule(self, tokens: list[Token]) -> list[Item]:
        return [Item(word.form, word.text) for token in tokens for word in classify(token, 0)]

    table = rule


def _items(line: str, start: str) -> list[Item]:
    """The words of a line by the grammar. Raises lark.UnexpectedInput for a line without a word."""
    # the transformer makes a list of what the parser's type calls a tree
    return cast("list[Item]", _grammar().parse(line, start=start))


@functools.cache
def _grammar() -> Lark:
    grammar = (resource("grammar") / "iptables_save.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", start=["table", "rule"], transformer=_Items())
