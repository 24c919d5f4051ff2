"""What a rule says with one match or target, and the words that iptables-save makes of it. Knows no extension.

A writer takes a value's text and the family and gives the text as it is printed, quotes included, or None where save
leaves the option out. It raises ValueError for a value that has no normal form (a host name, a user by name).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ruleset_lint.netfilter.text_values import verbatim

Writer = Callable[[str, int], "str | None"]


class Said(NamedTuple):
    """An option by its canonical name, and its words."""

    option: str
    negated: bool
    words: tuple[str, ...]


class Saying(NamedTuple):
    """All that a rule says with one match or target; `backend` is "nft" or "legacy"."""

    name: str
    said: tuple[Said, ...]
    family: int
    backend: str

    def find(self, *options: str) -> Said | None:
        """The last use of one of the options."""
        return next((said for said in reversed(self.said) if said.option in options), None)

    def has(self, option: str) -> bool:
        """Whether the option is used."""
        return self.find(option) is not None

    def text(self, option: str, default: str = "") -> str:
        """The first word of the option, `default` if it is not used."""
        said = self.find(option)
        return said.words[0] if said and said.words else default


Printer = Callable[[Saying], "list[str]"]


class Field(NamedTuple):
    """An option where save prints it, how each of its words is written, and the option that save writes for it."""

    option: str
    writers: tuple[Writer, ...] = ()
    shown: str = ""


def field(option: str, *writers: Writer, shown: str = "") -> Field:
    """A field; without a writer its words are printed as they are."""
    return Field(option, writers, shown)


def print_fields(saying: Saying, fields: Sequence[Field]) -> list[str]:
    """The words of the options that are used, in the order of the fields."""
    words: list[str] = []
    for wanted in fields:
        words += print_field(saying, wanted)
    return words


def print_field(saying: Saying, wanted: Field) -> list[str]:
    """`! --option value`; nothing if the option is not used or save leaves it out."""
    said = saying.find(wanted.option)
    if not said:
        return []
    written = []
    for number, word in enumerate(said.words):
        writer = wanted.writers[number] if number < len(wanted.writers) else verbatim
        written.append(writer(word, saying.family))
    if None in written:
        return []
    return [*negation(said), wanted.shown or wanted.option, *(text for text in written if text is not None)]


def negation(said: Said | None) -> list[str]:
    """`!` where an option is negated."""
    return ["!"] if said and said.negated else []
