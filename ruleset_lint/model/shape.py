"""Shapes: what the words of a rule's pattern mean, values still taken out. Knows no values and no rule."""

from dataclasses import dataclass
from typing import NamedTuple

from ruleset_lint.netfilter.extension import Extension, Option
from ruleset_lint.syntax.patterns import Pattern

Operand = int | str  # the number of a rule's value, or a word that all rules of the shape have


class Use(NamedTuple):
    """An option as a rule uses it; `item` is the number of its word on the line."""

    option: Option
    negated: bool
    operands: tuple[Operand, ...]
    item: int


class Part(NamedTuple):
    """A match or the target of a rule. Without an entry it is unknown, and `opaque` has its words."""

    name: str
    entry: Extension | None
    uses: tuple[Use, ...]
    item: int
    opaque: tuple[Operand, ...] = ()

    def use(self, name: str) -> Use | None:
        """How the option is used, None if it is not."""
        return next((use for use in self.uses if use.option.name == name), None)


class Problem(NamedTuple):
    """What iptables refuses about the words of a shape, whatever the values are."""

    item: int
    reason: str


@dataclass(frozen=True, eq=False, slots=True)
class Shape:
    """A bound pattern. Compared by identity: a ruleset has one object a shape."""

    pattern: Pattern
    command: Use | None
    parameters: tuple[Use, ...]
    matches: tuple[Part, ...]
    target: Part | None  # a target of the catalogue
    jump: Use | None  # `-j` or `-g` with a chain, or with a target that is not in the catalogue
    problems: tuple[Problem, ...]
    unclaimed: tuple[Problem, ...] = ()  # options that only a target unknown to the catalogue could have

    def parameter(self, name: str) -> Use | None:
        """How `-s`, `-d`, `-p`, `-i`, `-o` or `-f` is used."""
        return next((use for use in self.parameters if use.option.name == name), None)

    def match(self, *names: str) -> Part | None:
        """The first match with one of the names."""
        return next((part for part in self.matches if part.name in names), None)

    @property
    def parts(self) -> tuple[Part, ...]:
        """All matches, then the target."""
        return (*self.matches, self.target) if self.target else self.matches


def is_skipped(shape: Shape, family: int) -> bool:
    """Whether restore passes over rules of the shape without a word: `-6` in IPv4, `-4` in IPv6."""
    return shape.parameter("-6" if family == 4 else "-4") is not None
