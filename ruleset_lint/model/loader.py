"""What restore knows while it reads a document: chains with their rules so far, and the shapes met. Runs no command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ruleset_lint.model.binding import Binding, bind
from ruleset_lint.model.blocks import Block
from ruleset_lint.model.calls import Pairs
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Fault
from ruleset_lint.model.shape import Shape
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS
from ruleset_lint.syntax.document import Line
from ruleset_lint.syntax.nodes import Node, RuleLine
from ruleset_lint.syntax.patterns import Pattern


@dataclass(slots=True, eq=False, repr=False)
class ChainSoFar:
    """A chain while the document is read; `number` is the line that declares it, 0 if there is none."""

    name: str
    policy: str
    number: int = 0
    rules: list[Rule] = field(default_factory=list)
    declared: bool = True


class Whole(NamedTuple):
    """A table that is loaded at once: of each chain the line that declares it, 0 if there is none, and its rules.

    `policies` are those of built-in chains, which come first.
    """

    policies: Mapping[str, str]
    numbers: Mapping[str, int]
    rules: Sequence[list[Rule]]
    calls: Pairs


class Loader:
    """The state of restore while it reads a document."""

    def __init__(self, family: int, fragment: bool) -> None:
        """Nothing read so far."""
        self.family = family
        self.fragment = fragment
        self.bindings: dict[Pattern, dict[tuple[str, ...], Shape]] = {}
        self.depends: dict[Pattern, tuple[int, ...]] = {}
        self.tables: dict[str, dict[str, ChainSoFar]] = {}
        self.lines: dict[str, Line[Node]] = {}
        self.commands: list[Rule] = []
        self.faults: list[Fault] = []
        self.whole: dict[str, Whole] = {}
        self.begun: set[str] = set()  # tables of which a block was loaded


def open_table(loader: Loader, block: Block) -> None:
    """Begin a block: its table line empties the table, unless the document is a fragment."""
    if block.table not in loader.tables or (block.first and not loader.fragment):
        builtin = BUILTIN_CHAINS.get(block.table, ())
        loader.tables[block.table] = {name: ChainSoFar(name, "ACCEPT") for name in builtin}
        loader.whole.pop(block.table, None)
        loader.begun.discard(block.table)
    if block.first:
        loader.lines[block.table] = block.first


def chains_of(loader: Loader, table: str) -> dict[str, ChainSoFar]:
    """The chains of a table, to be changed line by line; one that was loaded at once is taken apart."""
    whole = loader.whole.pop(table, None)
    if whole:
        chains = zip(whole.numbers.items(), whole.rules, strict=True)
        loader.tables[table] = {
            name: ChainSoFar(name, whole.policies.get(name, "-"), number, rules) for (name, number), rules in chains
        }
    return loader.tables[table]


def policy_of(table: str, name: str, policy: str, before: str = "ACCEPT") -> str:
    """The policy that a chain has where a line declares it with this one; `-` leaves that of a built-in chain."""
    if name not in BUILTIN_CHAINS.get(table, ()):
        return "-"
    return before if policy == "-" else policy


def declare(chains: dict[str, ChainSoFar], table: str, name: str, policy: str, number: int) -> None:
    """Declare a chain of a table; one that is there keeps its rules."""
    before = chains.get(name)
    rules, said = (before.rules, before.policy) if before else ([], "ACCEPT")
    chains[name] = ChainSoFar(name, policy_of(table, name, policy, said), number, rules)


def shape_of(loader: Loader, node: RuleLine) -> Shape:
    """The shape of a rule: bound once for a pattern and the values that its words depend on."""
    shapes = loader.bindings.get(node.pattern)
    if shapes is not None:
        depends = loader.depends[node.pattern]
        found = shapes.get(tuple([node.values[hole] for hole in depends]) if depends else ())
        if found:
            return found
    binding = bind(node.pattern, node.values, loader.family)
    return _remember(loader, node, binding)


def _remember(loader: Loader, node: RuleLine, binding: Binding) -> Shape:
    # the union of what was looked at: one rule of a pattern may load a match that another does not
    depends = tuple(sorted({*loader.depends.get(node.pattern, ()), *binding.depends}))
    if depends != loader.depends.get(node.pattern):
        loader.bindings[node.pattern] = {}
        loader.depends[node.pattern] = depends
    key = tuple([node.values[hole] for hole in depends])
    loader.bindings[node.pattern][key] = binding.shape
    return binding.shape
