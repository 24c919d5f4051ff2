"""Interface names told apart by the patterns that a ruleset asks of them. Knows no rule and no sets.

All names that the same patterns mean are one class; the empty name, where there is no interface, is one of them.
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ruleset_lint.packets.formula import interface_matches

_ALWAYS = ("+", "")  # all names, and where there is none
_LONGEST = 15  # bytes; IFNAMSIZ of include/uapi/linux/if.h is 16 and counts the NUL
_USUAL = ("eth0", "eth1", "eth2", "eth3", "ens3", "wlan0", "other0")
_ENDINGS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Names(NamedTuple):
    """A name of each class, by number, in the order of the alphabet; no pattern means the one of `other`."""

    patterns: frozenset[str]
    names: tuple[str, ...]
    other: int

    @property
    def bits(self) -> int:
        """How many bits the number of a class takes."""
        return max(1, (len(self.names) - 1).bit_length())

    def codes(self, pattern: str) -> tuple[bool, ...]:
        """For each number of that many bits whether the pattern means its class; unused ones stand for `other`."""
        if pattern not in self.patterns and pattern not in _ALWAYS:
            raise ValueError(f"interface {pattern!r} is asked for, but was not named when the space was made")
        meant = [interface_matches(pattern, name) for name in self.names]
        return (*meant, *[meant[self.other]] * ((1 << self.bits) - len(meant)))

    def number(self, name: str) -> int:
        """The number of the class of a name."""
        if name in self.names:
            return self.names.index(name)
        meant = {pattern for pattern in self.patterns if interface_matches(pattern, name)}
        return next(
            (
                number
                for number, other in enumerate(self.names)
                if other and meant == {pattern for pattern in self.patterns if interface_matches(pattern, other)}
            ),
            self.other,
        )

    def name(self, number: int) -> str:
        """A name of the class with a number."""
        return self.names[number if number < len(self.names) else self.other]


def classes(patterns: Iterable[str]) -> Names:
    """The classes of names that these patterns of `-i` and `-o` tell apart."""
    asked = frozenset({*patterns, "lo"}).difference(_ALWAYS)
    endless = sorted(pattern for pattern in asked if pattern.endswith("+"))
    exact = asked.difference(endless)
    found = {"", *exact}
    for pattern in endless:
        found.update(itertools.islice(_unnamed(pattern, exact, endless), 1))
    other = next(name for name in _candidates() if not any(interface_matches(pattern, name) for pattern in asked))
    names = tuple(sorted({*found, other}))
    return Names(asked, names, names.index(other))


def _unnamed(pattern: str, exact: frozenset[str], endless: list[str]) -> Iterator[str]:
    """Names that the pattern means, and no longer pattern and no exact one; there may be none."""
    beginning = pattern[:-1]
    longer = [other for other in endless if len(other) > len(pattern) and other.startswith(beginning)]
    for name in _endings(beginning):
        if name not in exact and not any(interface_matches(other, name) for other in longer):
            yield name


def _endings(beginning: str) -> Iterator[str]:
    """Names with a beginning, the usual numbers first; all that one or two letters more can make."""
    room = _LONGEST - len(beginning.encode("utf-8", "surrogateescape"))
    for length in range(1, min(room, 2) + 1):
        for letters in itertools.product(_ENDINGS, repeat=length):
            yield beginning + "".join(letters)
    yield beginning


def _candidates() -> Iterator[str]:
    yield from _USUAL
    for number in itertools.count():
        yield f"other{number}"
        yield f"x{number}"
        yield from (f"{letter}{number}" for letter in _ENDINGS[10:])
        yield from (f"{chr(0x3B1 + number)}{letter}" for letter in _ENDINGS)
