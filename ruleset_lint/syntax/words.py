r"""Words of a restore line as xtables splits them (iptables 1.8.9, xshared.c `add_param_to_argv`). Knows no option.

Separators are blank and tab; only `"` quotes; `\` escapes only inside quotes; a closing quote ends the word, an opening
one does not begin a new one; a quote that is never closed takes the rest of the line.
"""

import re
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

_WORD = re.compile(r'[^ \t"]*"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[^ \t"]+', re.DOTALL)
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_ASSIGNMENT = re.compile(r"(--[^=]+=)(.*)", re.DOTALL)


class Form(Enum):
    """What getopt makes of a word by its look alone."""

    NEGATION = "negation"
    OPTION = "option"
    ASSIGNMENT = "assignment"  # `--name=`; the word after it is its value
    VALUE = "value"


class Word(NamedTuple):
    """A word without its quotes, and where it stands, quotes included (offsets within the line)."""

    form: Form
    text: str
    start: int
    end: int


def split_words(line: str) -> Iterator[Word]:
    """The words of a line; `--name=value` gives two."""
    for match in _WORD.finditer(line):
        yield from classify(match[0], match.start())


def classify(raw: str, start: int) -> Iterator[Word]:
    """One raw word with its quotes, as one or two words."""
    text = unquote(raw)
    end = start + len(raw)
    if text == "!":
        yield Word(Form.NEGATION, text, start, end)
    elif assignment := _ASSIGNMENT.fullmatch(text):
        middle = min(start + raw.index("=") + 1, end)
        yield Word(Form.ASSIGNMENT, assignment[1], start, middle)
        yield Word(Form.VALUE, assignment[2], middle, end)
    elif text.startswith("-") and text != "-":
        yield Word(Form.OPTION, text, start, end)
    else:
        yield Word(Form.VALUE, text, start, end)


def unquote(raw: str) -> str:
    """A raw word without quotes and escapes."""
    if '"' not in raw:
        return raw
    head, _, quoted = raw.partition('"')
    return head + _ESCAPE.sub(r"\1", _without_closing_quote(quoted))


def _without_closing_quote(quoted: str) -> str:
    escapes = len(quoted) - 1 - len(quoted[:-1].rstrip("\\"))
    return quoted[:-1] if quoted.endswith('"') and escapes % 2 == 0 else quoted


def is_terminated(line: str) -> bool:
    """Whether every quote of the line is closed."""
    return not line.count('"') or all(_is_closed(match[0]) for match in _WORD.finditer(line))


def _is_closed(raw: str) -> bool:
    quoted = raw.partition('"')[2]
    return '"' not in raw or quoted != _without_closing_quote(quoted)


def quote(word: str) -> str:
    """A word as restore reads it back, in quotes where it needs them.

    Raises ValueError for a word with a line break or a NUL byte, which would end the line or the word.
    """
    if "\n" in word or "\0" in word:
        raise ValueError("line break or NUL byte in a word")
    if word and not re.search(r"[\s\"'\\]", word):
        return word
    return '"' + re.sub(r'(["\\])', r"\\\1", word) + '"'
