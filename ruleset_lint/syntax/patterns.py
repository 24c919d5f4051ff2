"""Patterns of rule lines: the words that rules have in common, their values taken out. Knows no option's meaning.

A ruleset of 100,000 rules has a few dozen patterns. A pattern is parsed once, by the first line that has it, with Lark
where it takes a grammar to split the line; of every other line only the values are read.
"""

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from typing import NamedTuple, cast

from ruleset_lint.syntax.words import Form, Word, split_words

# Words that stay in the pattern because they decide what other words mean, whatever place they stand in. Others may do
# so too (a match from a third party, a protocol by number): those are values, and the binding looks at them.
MEANINGFUL = frozenset({
    "all", "ah", "dccp", "esp", "gre", "icmp", "icmp6", "icmpv6", "ipv6-icmp", "mh", "sctp", "tcp", "udp", "udplite",
    "addrtype", "bpf", "cgroup", "cluster", "comment", "connbytes", "connlabel", "connlimit", "connmark", "conntrack",
    "cpu", "devgroup", "dscp", "dst", "ecn", "eui64", "frag", "hashlimit", "hbh", "helper", "hl", "ipcomp", "iprange",
    "ipv6header", "ipvs", "length", "limit", "mac", "mark", "multiport", "nfacct", "osf", "owner", "physdev",
    "pkttype", "policy", "quota", "rateest", "realm", "recent", "rpfilter", "rt", "set", "socket", "srh", "state",
    "statistic", "string", "tcpmss", "time", "tos", "ttl", "u32", "ACCEPT", "AUDIT", "CHECKSUM", "CLASSIFY",
    "CLUSTERIP", "CONNMARK", "CONNSECMARK", "CT", "DNAT", "DNPT", "DROP", "DSCP", "ECN", "HL", "HMARK", "IDLETIMER",
    "LED", "LOG", "MARK", "MASQUERADE", "NETMAP", "NFLOG", "NFQUEUE", "NOTRACK", "QUEUE", "RATEEST", "REDIRECT",
    "REJECT", "RETURN", "SECMARK", "SET", "SNAT", "SNPT", "SYNPROXY", "TCPMSS", "TCPOPTSTRIP", "TEE", "TOS", "TPROXY",
    "TRACE", "TTL", "ULOG",
})  # fmt: skip
FREE_TEXT = ("--comment", "--log-prefix")  # their value is a value, whatever it looks like
# Words between single blanks, quoted as a whole or not at all: nobody splits them in another way.
_PLAIN = re.compile(r'(?:[^ \t"]++|"[^"\\]*+")(?: (?:[^ \t"]++|"[^"\\]*+"))*+')

Pick = Callable[[list[str]], tuple[str, ...]]


class Item(NamedTuple):
    """A word of a pattern; `text` is None where each rule has its own."""

    form: Form
    text: str | None


class Pattern:
    """The words that rules have in common. Patterns are compared by identity: a document has one a shape."""

    __slots__ = ("items",)

    def __init__(self, items: tuple[Item, ...]) -> None:
        """The words of a rule, one of a kind or a value."""
        self.items = items


class PatternReader:
    """Reads rule lines, and remembers their patterns from line to line.

    `words` are those that stay in patterns; a word that is not among them counts as a value, until the look at the
    values finds that it is an option.
    """

    def __init__(self) -> None:
        """Nothing read so far."""
        self.words: dict[str, str] = {word: word for word in MEANINGFUL}
        self.patterns: dict[tuple[str | None, ...], tuple[Pattern, Pick]] = {}

    def read(self, line: str) -> tuple[Pattern, tuple[str, ...]]:
        """The pattern of a line of words, and the values that fill it."""
        found = self._regular(line) if '"' not in line else self._quoted(line)
        return found or self._any(line)

    def _regular(self, line: str) -> tuple[Pattern, tuple[str, ...]] | None:
        """A line whose words stand between single blanks, and whose pattern is known; else None."""
        pieces = line.split(" ")
        known = self.patterns.get(tuple(map(self.words.get, pieces)))
        if known is None:
            return None
        values = known[1](pieces)
        return None if _are_suspect(values) else (known[0], values)

    def _quoted(self, line: str) -> tuple[Pattern, tuple[str, ...]] | None:
        """The same, where comments and log prefixes are quoted."""
        pieces, texts = _quoted_pieces(line)
        known = self.patterns.get(tuple(map(self.words.get, pieces))) if pieces else None
        if known is None:
            return None
        pattern, pick = known
        others = list(filter(None, pick(pieces)))
        if len(others) + len(texts) != len(pick(pieces)) or _are_suspect(others):
            return None
        for place, text in texts:
            pieces[place] = text
        return pattern, pick(pieces)

    def _any(self, line: str) -> tuple[Pattern, tuple[str, ...]]:
        """Any line: word by word as restore splits it."""
        items = list(settled(split_words(line)))
        stays = [item.form is not Form.VALUE or item.text in self.words for item in items]
        key = tuple(item.text if kept else None for item, kept in zip(items, stays, strict=True))
        self.words.update({word: word for word in key if word})
        if key not in self.patterns:
            self.patterns[key] = _pattern(line, items, key), _pick(key)
        return self.patterns[key][0], self.patterns[key][1]([item.text or "" for item in items])


def parse_plainly(line: str) -> tuple[Item, ...]:
    """Each word of a rule line by the grammar alone: what the way over patterns must agree with.

    Raises lark.UnexpectedInput for a line without a word.
    """
    return tuple(settled(parse_words(line, "rule")))


def parse_words(line: str, start: str) -> list[Word]:
    """The words of a line by the grammar, which is imported when a line needs it: most rulesets have none that does."""
    parse: Callable[[str, str], list[Word]] = import_module("ruleset_lint.syntax.word_grammar").parse_words
    return parse(line, start)


def settled(words: Iterable[Word]) -> Iterator[Item]:
    """Words as items, the one behind `--comment` or `--log-prefix` being a value whatever it looks like."""
    before = ("", "")
    for form, text, _, _ in words:
        free = before[1] in FREE_TEXT and not before[0].startswith("-")
        yield Item(Form.VALUE if free else form, text)
        before = (before[1], text)


def _are_suspect(values: Sequence[str]) -> bool:
    """Whether one of the values may be more than a value: an option, a negation, what doubled blanks leave, a tab."""
    joined = "\0" + "\0".join(values)
    return "\0-" in joined or "\0!" in joined or "\0\0" in joined or joined[-1] == "\0" or "\t" in joined


def _quoted_pieces(line: str) -> tuple[list[str], list[tuple[int, str]]]:
    """The words of a line, an empty one for each quoted text, and the texts by place; none if it is not that simple."""
    parts = line.split('"')
    if "\\" in line or len(parts) % 2 == 0:
        return [], []
    pieces = parts[0].split(" ")
    texts = []
    for text, after in zip(parts[1::2], parts[2::2], strict=True):
        behind_option = pieces[-1] == "" and pieces[-2:-1] and pieces[-2] in FREE_TEXT
        if not behind_option or not (after == "" or after[0] == " "):
            return [], []
        texts.append((len(pieces) - 1, text))
        pieces += after.split(" ")[1:]
    return pieces, texts


def _pattern(line: str, items: Sequence[Item], key: tuple[str | None, ...]) -> Pattern:
    parsed = items if _PLAIN.fullmatch(line) or not key else parse_plainly(line)
    return Pattern(tuple(item._replace(text=kept) for item, kept in zip(parsed, key, strict=True)))


def _pick(key: tuple[str | None, ...]) -> Pick:
    """What takes the values out of a line's words."""
    holes = [place for place, kept in enumerate(key) if kept is None]
    if len(holes) > 1:
        return cast("Pick", operator.itemgetter(*holes))
    return lambda pieces: tuple([pieces[hole] for hole in holes])
