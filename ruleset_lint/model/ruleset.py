"""Rulesets: tables, chains and rules as restore would load them. Knows not what becomes of a packet."""

import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from operator import attrgetter, itemgetter
from typing import NamedTuple, cast

from ruleset_lint.model.blocks import Block
from ruleset_lint.model.calls import Calls, Pairs
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.shape import Operand, Shape, is_skipped
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS
from ruleset_lint.syntax.document import Document, Line
from ruleset_lint.syntax.nodes import Node, RuleLine
from ruleset_lint.text import Span

_number = attrgetter("number")
_shape: Callable[[Rule], Shape] = itemgetter(Rule._fields.index("shape"))
_values: Callable[[Rule], tuple[str, ...]] = itemgetter(Rule._fields.index("values"))


class Chain(NamedTuple):
    """A chain: its policy (`-` for a chain of one's own), its rules in order, the line that declares it (0: none)."""

    name: str
    policy: str
    rules: tuple[Rule, ...]
    document: Document[Node]
    number: int = 0

    @property
    def line(self) -> Line[Node] | None:
        """The line that declares it."""
        return self.document.lines[self.number - 1] if self.number else None


_rules: Callable[[Chain], tuple[Rule, ...]] = itemgetter(Chain._fields.index("rules"))
chain_of: Callable[[Iterable[object]], Chain] = partial(tuple.__new__, Chain)
"""A chain of its five fields, as Chain._make gives it: a cluster node has 40,000."""


@dataclass(frozen=True, eq=False)
class Table:
    """A table: its chains by name. `known` are the calls of its rules where they are known before."""

    name: str
    line: Line[Node] | None
    chains: Mapping[str, Chain]
    known: Pairs | None = None

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of all chains, chain by chain."""
        return tuple(itertools.chain.from_iterable(map(_rules, self.chains.values())))

    @cached_property
    def by_shape(self) -> Mapping[Shape, Sequence[Rule]]:
        """The same, by shape."""
        found: defaultdict[Shape, list[Rule]] = defaultdict(list)
        deque(map(list.append, map(found.__getitem__, map(_shape, self.rules)), self.rules), maxlen=0)
        return dict(found)

    @cached_property
    def callers(self) -> Mapping[str, tuple[Rule, ...]]:
        """The rules that jump or go to a chain, by its name."""
        calling = self._calling
        found: dict[str, list[Rule]] = {}
        for rule in self.rules if calling else ():
            operand = calling.get(rule.shape)
            if operand is not None:
                found.setdefault(rule.text(operand), []).append(rule)
        return {name: tuple(rules) for name, rules in found.items()}

    @cached_property
    def callees(self) -> Mapping[str, Sequence[str]]:
        """The chains that a chain's rules jump or go to, by its name, each once."""
        names = tuple(self.chains)
        called = self.calls.callees
        return {
            name: tuple(map(names.__getitem__, dict.fromkeys(below))) for name, below in zip(names, called, strict=True)
        }

    @cached_property
    def calls(self) -> Calls:
        """Which chains call which, by their places in `chains`."""
        return Calls(len(self.chains), self.known or self._pairs())

    def _pairs(self) -> Pairs:
        calling, places = self._calling, dict(zip(self.chains, itertools.count(), strict=False))
        found: list[tuple[int, int]] = []
        for place, chain in enumerate(self.chains.values() if calling else ()):
            for shape, values, _, _, _ in chain.rules:
                operand = calling.get(shape)
                if operand is not None:
                    below = places.get(operand if isinstance(operand, str) else values[operand])
                    found += [(place, below)] if below is not None else ()
        return Pairs([caller for caller, _ in found], [callee for _, callee in found])

    @cached_property
    def _calling(self) -> Mapping[Shape, Operand]:
        """What rules of a shape jump or go to that is not a target of the catalogue."""
        return {shape: jump.operands[0] for shape in self.by_shape if (jump := shape.jump) and jump.operands}

    @cached_property
    def hooks(self) -> Mapping[str, frozenset[str]]:
        """The built-in chains from which a chain can be reached, itself included."""
        return dict(zip(self.chains, self.calls.leading_to(self._builtin), strict=True))

    def is_deeper(self, most: int) -> bool:
        """Whether some way from a built-in chain has more calls than so many; a way that leads in a circle has."""
        return self.calls.is_deeper(self._builtin, most)

    @cached_property
    def _builtin(self) -> Mapping[int, str]:
        """The built-in chains by their places in `chains`."""
        names = tuple(self.chains)
        return {names.index(name): name for name in BUILTIN_CHAINS.get(self.name, ()) if name in self.chains}

    def reached_from(self, chain: str) -> tuple[str, ...]:
        """A chain and all chains below it, each once, in the order in which they are met."""
        seen = {chain: None} if chain in self.chains else {}
        waiting = list(seen)
        callees = self.callees
        while waiting:
            for name in callees[waiting.pop()]:
                if name not in seen:
                    seen[name] = None
                    waiting.append(name)
        return tuple(seen)


class Fault(NamedTuple):
    """What restore refuses because of what the lines before have, or have not, made.

    `item` is the number of the word that is wrong; `chain` the name of a chain that is not declared at this place.
    """

    line: Line[Node]
    item: int
    reason: str
    chain: str = ""


@dataclass(frozen=True, eq=False)
class Ruleset:
    """A ruleset of one family, with the document it comes from. A fragment is meant for `--noflush`."""

    document: Document[Node]
    family: int
    fragment: bool
    blocks: tuple[Block, ...]
    tables: Mapping[str, Table]
    live_rules: tuple[Rule, ...]
    commands: tuple[Rule, ...] = ()  # all command lines, in the file's order; `chain` is empty where a line names none
    faults: tuple[Fault, ...] = ()

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """All rules of the file, in its order, those that were deleted again included."""
        adding = {shape for shape in self.command_shapes if _adds(shape, self.family)}
        return tuple(command for command in self.commands if command.shape in adding)

    @cached_property
    def command_shapes(self) -> frozenset[Shape]:
        """The shapes of all command lines."""
        all_live = len(self.commands) == len(self.live_rules)  # each command added a rule that is still there
        return frozenset(self.by_shape) if all_live else frozenset(map(_shape, self.commands))

    @cached_property
    def by_shape(self) -> Mapping[Shape, tuple[Rule, ...]]:
        """The rules that are loaded, by shape."""
        found: dict[Shape, tuple[Rule, ...]] = {}
        for table in self.tables.values():
            for shape, rules in table.by_shape.items():
                found[shape] = found.get(shape, ()) + tuple(rules)
        return found

    @cached_property
    def places(self) -> Mapping[Shape, Sequence[tuple[str, str]]]:
        """The chains that have rules of a shape, each with its table before it."""
        found: defaultdict[Shape, list[tuple[str, str]]] = defaultdict(list)
        for table in self.tables.values():
            for name, chain in table.chains.items():
                for shape in set(map(_shape, chain.rules)):
                    found[shape].append((table.name, name))
        return dict(found)

    @cached_property
    def has_counters(self) -> bool:
        """Whether a rule of the file has counters."""
        nodes = self.document.nodes
        forms = (numbers for form, numbers in nodes.by_form.items() if form.kind is RuleLine)
        return any(cast("RuleLine", nodes[numbers[0] - 1]).counters for numbers in forms)  # all of a form, or none

    def where(self, wanted: Callable[[Shape], bool]) -> Iterator[Rule]:
        """The rules whose shape is wanted, in the file's order. Asks once a shape, not once a rule."""
        found = [rules for shape, rules in self.by_shape.items() if wanted(shape)]
        # the rules of a chain, and so of a shape, may have been inserted in any order
        return iter(sorted(itertools.chain.from_iterable(found), key=_number))

    @cached_property
    def _filled(self) -> dict[Shape, list[str]]:
        return {}

    @cached_property
    def _texts(self) -> dict[tuple[Shape, int], str]:
        return {}

    def column(self, shape: Shape, operand: Operand) -> Sequence[str]:
        """The texts that an operand has in the rules of a shape, in the order of `by_shape`."""
        rules = self.by_shape.get(shape, ())
        if isinstance(operand, str):
            return [operand] * len(rules)
        if shape not in self._filled:  # all columns at once: the values of a rule lie together
            self._filled[shape] = list(itertools.chain.from_iterable(map(_values, rules)))
        return self._filled[shape][operand :: len(rules[0].values)] if rules else ()

    def texts(self, shape: Shape, operand: Operand) -> str:
        """The texts that an operand has in the rules of a shape, each with a line feed behind it.

        One look at them all tells what would take a look at each rule.
        """
        if isinstance(operand, str):
            return f"{operand}\n"
        if (shape, operand) not in self._texts:
            self._texts[shape, operand] = "\n".join((*self.column(shape, operand), ""))
        return self._texts[shape, operand]

    def chain(self, table: str, name: str) -> Chain | None:
        """A chain, None if the ruleset does not have it."""
        found = self.tables.get(table)
        return found.chains.get(name) if found else None

    def chains(self, table: str) -> Sequence[Chain]:
        """The chains of a table; none if the ruleset does not have the table."""
        found = self.tables.get(table)
        return tuple(found.chains.values()) if found else ()

    def span(self, rule: Rule) -> Span:
        """Where a rule stands, its line ending and the blanks and counters before it left out."""
        span = self.document.content_span(rule.line)
        content = self.document.source(span)
        return Span(span.start + len(content) - len(content.lstrip(" \t")), span.end)

    @cached_property
    def _each(self) -> dict[tuple[Shape, Operand], Mapping[str, Rule]]:
        return {}

    def each(self, shape: Shape, operand: Operand) -> Mapping[str, Rule]:
        """The texts that an operand has in the rules of a shape, with a rule for each: what they mean is read once."""
        if (shape, operand) not in self._each:
            rules = self.by_shape.get(shape, ())
            same = f"{rules[0].text(operand)}\n" if rules else ""
            all_same = isinstance(operand, str) or self.texts(shape, operand) == same * len(rules)
            texts = [rules[0].text(operand)] if rules and all_same else self.column(shape, operand)
            self._each[shape, operand] = dict(zip(texts, rules, strict=False))
        return self._each[shape, operand]


def _adds(shape: Shape, family: int) -> bool:
    command = shape.command
    return bool(command and command.operands and command.option.name in ("-A", "-I", "-R")) and not is_skipped(
        shape, family
    )


def texts(rules: Iterable[Rule], operand: Operand) -> str:
    """The texts that an operand has in rules of one shape, each with a line feed behind it."""
    if isinstance(operand, str):
        return f"{operand}\n"
    return "\n".join((*map(itemgetter(operand), map(_values, rules)), ""))
