"""One regular expression for all lines that look like lines read before. Knows no option's meaning.

The patterns of a ruleset make a tree of words: each line is one way through it, and the regular expression engine finds
the way in one step. A line that is none of them is read word by word, and gives the tree another way.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

from ruleset_lint.syntax.columns import LineForm, Values
from ruleset_lint.syntax.nodes import Node, RuleLine
from ruleset_lint.syntax.patterns import FREE_TEXT, MEANINGFUL, Pattern
from ruleset_lint.syntax.words import Form, split_words

_VALUE = r'([^-! "\t\0\n][^ "\t\0\n]*)'
_QUOTED = r'"([^"\\\0\n]*)"'
_COUNTERS = r"\[([0-9]{1,20}):([0-9]{1,20})\]"
_OTHER_LINE = r"[^\n]*\n?()"
# behind these, a meaningful word must not pass for a value; of the words, targets are those in capitals
_CALLING = frozenset({"-j", "-g", "--jump", "--goto"})
_DECIDING = frozenset({"-m", "-p", "--match", "--protocol"})
_MOST_WORDS = 64
_MOST_PATTERNS = 256  # the groups of them all are cleared for every line

Take = Callable[[re.Match[str]], Values]


class Way(NamedTuple):
    """How lines of a form look: a piece of the expression for each word, with a group for each value of the form."""

    pieces: tuple[str, ...]
    form: LineForm[Node]


class Scanner(NamedTuple):
    """`lines(text, start)` matches line after line; the number of the last group says which way, 0 or another: none.

    `ways` has the form of each way, and what takes the values out of a match.
    """

    lines: Callable[[str, int], Iterator[re.Match[str]]]
    ways: dict[int | None, tuple[LineForm[Node], Take]]


class _Branch:
    """A place in the tree: the pieces that may come next, and the way that ends here."""

    def __init__(self, depth: int = 0) -> None:
        self.depth = depth
        self.next: dict[str, _Branch] = {}
        self.way: Way | None = None


class Learner:
    """Collects the ways of a document, and says when a new scanner is worth its making."""

    def __init__(self) -> None:
        """Nothing learnt so far."""
        self.ways: dict[tuple[str, ...], Way] = {}
        self.seen: set[tuple[Pattern, bool, bool]] = set()
        self.examples: list[tuple[Pattern, LineForm[Node], str]] = []  # of ways to come, for few files
        self.unscanned = 0  # lines read word by word since the last scanner was made
        self.fresh = False  # whether there is more to know than then

    def learn(self, node: Node, form: LineForm[Node], line: str) -> None:
        """Remember how a line looks that was read word by word."""
        self.unscanned += 1
        if not isinstance(node, RuleLine):
            return
        key = (node.pattern, node.counters is not None, '"' in line)
        if key not in self.seen and len(self.ways) + len(self.examples) < _MOST_PATTERNS:
            self.seen.add(key)
            self.examples.append((node.pattern, form, line))
            self.fresh = True

    @property
    def is_due(self) -> bool:
        """Whether lines read word by word have cost more than a new scanner does."""
        return self.fresh and self.unscanned > 64 + 8 * (len(self.ways) + len(self.examples))

    def scanner(self) -> Scanner | None:
        """A scanner of all ways known so far; None if there are none."""
        ways = (rule_way(*example) for example in self.examples)
        self.ways.update((way.pieces, way) for way in ways if way)
        self.examples.clear()
        self.unscanned, self.fresh = 0, False
        return make_scanner(tuple(self.ways.values())) if self.ways else None


def make_scanner(ways: Sequence[Way]) -> Scanner:
    """The scanner of lines that go one of these ways."""
    root = _Branch()
    for way in ways:
        branch = root
        for piece in way.pieces:
            branch = branch.next.setdefault(piece, _Branch(branch.depth + 1))
        branch.way = way
    found: dict[int | None, tuple[LineForm[Node], Take]] = {}
    expression, _ = _expression(root, (), 1, found)
    return Scanner(re.compile(f"{expression}|{_OTHER_LINE}").finditer, found)


def _expression(
    branch: _Branch, groups: tuple[int, ...], free: int, found: dict[int | None, tuple[LineForm[Node], Take]]
) -> tuple[str, int]:
    """The expression of all that may come behind a place, and the number of the next free group.

    `groups` are the numbers of the values before it. The last group of a way is empty: its number tells the way.
    """
    parts = []
    if branch.way:
        found[free] = branch.way.form, _take(groups)
        parts.append(r"\n()")
        free += 1
    # words before values: a value may look like a word, and not the other way round
    for piece in sorted(branch.next, key=lambda piece: "(" in piece):
        own = range(free, free + re.compile(piece).groups)
        behind, free = _expression(branch.next[piece], (*groups, *own), own.stop, found)
        parts.append((" " if branch.depth else "") + piece + behind)
    return (parts[0] if len(parts) == 1 else "(?:" + "|".join(parts) + ")"), free


def _take(groups: tuple[int, ...]) -> Take:
    if len(groups) > 1:
        return itemgetter(*groups)
    return lambda match: tuple([match[group] for group in groups])


def rule_way(pattern: Pattern, form: LineForm[Node], line: str) -> Way | None:
    """The way of rule lines that look like this one; None if it is not simple enough."""
    counters = re.match(_COUNTERS + " ", line)
    rule = line[counters.end() :] if counters else line
    words = list(split_words(rule))
    raw = [rule[word.start : word.end] for word in words]
    simple = " ".join(raw) == rule and not any(word.form is Form.ASSIGNMENT for word in words)
    if not rule.startswith("-") or not simple or not len(words) == len(pattern.items) <= _MOST_WORDS:
        return None  # one that does not start with a dash could be a table line
    before = ["", *raw]
    pieces = [
        re.escape(text) if item.text is not None else _group(text, before[number])
        for number, (item, text) in enumerate(zip(pattern.items, raw, strict=True))
    ]
    pieces = [_COUNTERS, *pieces] if counters else pieces
    if not re.fullmatch(" ".join(pieces), line):
        return None
    return Way(tuple(pieces), form)


def _group(text: str, before: str) -> str:
    """The group for a value that looks like this one; only free text may be quoted."""
    if before in FREE_TEXT and text.startswith('"'):
        return _QUOTED
    if before in _CALLING:
        return _none_of(word for word in MEANINGFUL if word.isupper()) + _VALUE
    return (_none_of(MEANINGFUL) if before in _DECIDING else "") + _VALUE


def _none_of(words: Iterable[str]) -> str:
    return f"(?!(?:{'|'.join(sorted(map(re.escape, words)))})[ \\n])"
