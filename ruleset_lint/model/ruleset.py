"""Rulesets: tables, chains and rules as restore would load them. Knows what a rule says, not what becomes of a packet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Generic, NamedTuple, TypeVar, cast

from ruleset_lint.model.shape import Operand, Part, Shape, Use
from ruleset_lint.netfilter.extension import Tracking, Verdict
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS, is_builtin
from ruleset_lint.netfilter.values import Flags, Network, Ports, Reader
from ruleset_lint.syntax.document import Document, Line
from ruleset_lint.syntax.iptables_save import ChainLine, Commit, Counters, Node, RuleLine, TableLine, words
from ruleset_lint.text import Span

Value = TypeVar("Value", covariant=True)


class Test(NamedTuple, Generic[Value]):
    """What a rule asks of one field of a packet, and whether it asks the contrary."""

    value: Value
    negated: bool


class Rule(NamedTuple):
    """A rule where it stands: its shape, what fills the shape's holes, its line, its chain."""

    shape: Shape
    values: tuple[str, ...]
    line: Line[Node]
    table: str
    chain: str
    family: int

    def text(self, operand: Operand) -> str:
        """The text of an operand."""
        return operand if isinstance(operand, str) else self.values[operand]

    def read(self, use: Use, number: int = 0) -> object:
        """The typed value of an option's word. Raises ValueError, saying what was expected."""
        return read(use.option.reads[number], self.text(use.operands[number]), self.family)

    @property
    def target(self) -> str | None:
        """Name of the target, if it is one of the catalogue."""
        return self.shape.target.name if self.shape.target else None

    @property
    def jump(self) -> str | None:
        """Name of the chain (or of an unknown target) that the rule jumps or goes to."""
        use = self.shape.jump
        return self.text(use.operands[0]) if use and use.operands else None

    @property
    def goto(self) -> bool:
        """Whether `-g` stands for `-j`."""
        return bool(self.shape.jump and self.shape.jump.option.name == "-g")

    @property
    def verdict(self) -> Verdict:
        """What the rule's own target does with a packet; a jump and a rule without a target continue."""
        target = self.shape.target
        return target.entry.verdict if target and target.entry else Verdict.CONTINUE

    @property
    def counters(self) -> Counters | None:
        """Packets and bytes seen, if the file has them."""
        return self.line.node.counters if isinstance(self.line.node, RuleLine) else None

    @property
    def protocol(self) -> Test[int] | None:
        """Protocol number of `-p`; 0 stands for all."""
        return cast("Test[int] | None", self._parameter("-p"))

    @property
    def source(self) -> Test[tuple[Network, ...]] | None:
        """Networks of `-s`."""
        return cast("Test[tuple[Network, ...]] | None", self._parameter("-s"))

    @property
    def destination(self) -> Test[tuple[Network, ...]] | None:
        """Networks of `-d`."""
        return cast("Test[tuple[Network, ...]] | None", self._parameter("-d"))

    @property
    def in_interface(self) -> Test[str] | None:
        """Interface of `-i`."""
        return cast("Test[str] | None", self._parameter("-i"))

    @property
    def out_interface(self) -> Test[str] | None:
        """Interface of `-o`."""
        return cast("Test[str] | None", self._parameter("-o"))

    @property
    def source_ports(self) -> Test[Ports] | None:
        """Ports of `--sport` or multiport `--sports`."""
        return cast(
            "Test[Ports] | None",
            self._option(("tcp", "udp", "udplite", "sctp", "dccp", "multiport"), ("--sport", "--sports")),
        )

    @property
    def destination_ports(self) -> Test[Ports] | None:
        """Ports of `--dport` or multiport `--dports`."""
        return cast(
            "Test[Ports] | None",
            self._option(("tcp", "udp", "udplite", "sctp", "dccp", "multiport"), ("--dport", "--dports")),
        )

    @property
    def states(self) -> Test[frozenset[str]] | None:
        """Connection states of `--state` or `--ctstate`."""
        return cast("Test[frozenset[str]] | None", self._option(("state", "conntrack"), ("--state", "--ctstate")))

    @property
    def tcp_flags(self) -> Test[Flags] | None:
        """Flags of `--tcp-flags` or `--syn`."""
        for part in self.shape.matches:
            for use in part.uses if part.name == "tcp" else ():
                if use.option.name == "--syn":
                    return Test(Flags(frozenset({"FIN", "SYN", "RST", "ACK"}), frozenset({"SYN"})), use.negated)
                if use.option.name == "--tcp-flags" and len(use.operands) == 2:
                    mask, flags = (cast("frozenset[str]", self._value(use, number)) for number in (0, 1))
                    return Test(Flags(mask, flags), use.negated)
        return None

    @property
    def comment(self) -> str:
        """Text of all `--comment`, joined by blanks."""
        uses = (use for part in self.shape.matches if part.name == "comment" for use in part.uses if use.operands)
        return " ".join(self.text(use.operands[0]) for use in uses)

    def option(self, part: Part | None, name: str) -> str | None:
        """The text of an option of a match or target, None if it is not used."""
        use = part.use(name) if part else None
        return self.text(use.operands[0]) if use and use.operands else None

    def _parameter(self, name: str) -> Test[object] | None:
        use = self.shape.parameter(name)
        return self._test(use) if use else None

    def _option(self, matches: tuple[str, ...], names: tuple[str, ...]) -> Test[object] | None:
        for part in self.shape.matches:
            for use in part.uses if part.name in matches else ():
                if use.option.name in names:
                    return self._test(use)
        return None

    def _test(self, use: Use) -> Test[object] | None:
        value = self._value(use, 0)
        return None if value is None else Test(value, use.negated)

    def _value(self, use: Use, number: int) -> object:
        """The typed value, None if it does not read: syntax/unparsable speaks of that."""
        try:
            return self.read(use, number) if number < len(use.operands) else None
        except ValueError:
            return None


@lru_cache(maxsize=1 << 16)
def read(reader: Reader, text: str, family: int) -> object:
    """A value by its reader, remembered. Raises ValueError, saying what was expected."""
    return reader(text, family)


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """A chain: its policy (`-` for a chain of one's own), where it is declared, its rules in order."""

    name: str
    policy: str
    line: Line[Node] | None
    rules: tuple[Rule, ...]


@dataclass(frozen=True, eq=False)
class Table:
    """A table: its chains by name."""

    name: str
    line: Line[Node] | None
    chains: Mapping[str, Chain]

    @cached_property
    def callers(self) -> Mapping[str, tuple[Rule, ...]]:
        """The rules that jump or go to a chain, by its name."""
        found: dict[str, list[Rule]] = {}
        for chain in self.chains.values():
            for rule in chain.rules:
                if rule.shape.jump and rule.jump:
                    found.setdefault(rule.jump, []).append(rule)
        return {name: tuple(rules) for name, rules in found.items()}

    @cached_property
    def callees(self) -> Mapping[str, tuple[str, ...]]:
        """The chains that a chain's rules jump or go to, by its name, each once."""
        found: dict[str, dict[str, None]] = {name: {} for name in self.chains}
        for name, rules in self.callers.items():
            for rule in rules if name in self.chains else ():
                found[rule.chain][name] = None
        return {name: tuple(called) for name, called in found.items()}

    @cached_property
    def hooks(self) -> Mapping[str, frozenset[str]]:
        """The built-in chains from which a chain can be reached, itself included."""
        found: dict[str, set[str]] = {name: set() for name in self.chains}
        for hook in BUILTIN_CHAINS.get(self.name, ()):
            for name in self.reached_from(hook):
                found[name].add(hook)
        return {name: frozenset(hooks) for name, hooks in found.items()}

    def reached_from(self, chain: str) -> tuple[str, ...]:
        """A chain and all chains below it, each once, in the order in which they are met."""
        seen = {chain: None} if chain in self.chains else {}
        waiting = list(seen)
        while waiting:
            for name in self.callees[waiting.pop()]:
                if name not in seen:
                    seen[name] = None
                    waiting.append(name)
        return tuple(seen)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A table's lines in the file, from its `*table` line to its COMMIT."""

    table: str
    first: Line[Node] | None
    commit: Line[Node] | None
    lines: tuple[Line[Node], ...]


@dataclass(frozen=True, eq=False)
class Ruleset:
    """A ruleset of one family, with the document it comes from. A fragment is meant for `--noflush`."""

    document: Document[Node]
    family: int
    fragment: bool
    blocks: tuple[Block, ...]
    tables: Mapping[str, Table]
    rules: tuple[Rule, ...]  # all of the file, in its order, those that were deleted again included
    live_rules: tuple[Rule, ...]

    @cached_property
    def by_shape(self) -> Mapping[Shape, tuple[Rule, ...]]:
        """The rules that are loaded, by shape."""
        found: dict[Shape, list[Rule]] = {}
        for rule in self.live_rules:
            found.setdefault(rule.shape, []).append(rule)
        return {shape: tuple(rules) for shape, rules in found.items()}

    def where(self, wanted: Callable[[Shape], bool]) -> Iterator[Rule]:
        """The rules whose shape is wanted, in the file's order. Asks once a shape, not once a rule."""
        found = [rule for shape, rules in self.by_shape.items() if wanted(shape) for rule in rules]
        return iter(sorted(found, key=lambda rule: rule.line.number))

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


def tracks(shape: Shape) -> bool:
    """Whether a rule of the shape turns connection tracking on (callers of nf_ct_netns_get in the kernel)."""
    return any(map(_part_tracks, shape.parts))


def _part_tracks(part: Part) -> bool:
    tracking = part.entry.tracking if part.entry else Tracking.NEVER
    return tracking is Tracking.ALWAYS or (tracking is Tracking.UNLESS_NOTRACK and part.use("--notrack") is None)


def untracks(shape: Shape) -> bool:
    """Whether a rule of the shape takes packets out of connection tracking."""
    target = shape.target
    return bool(target and (target.name == "NOTRACK" or (target.name == "CT" and target.use("--notrack"))))


__all__ = [
    "Block", "Chain", "ChainLine", "Commit", "Rule", "Ruleset", "Table", "TableLine", "Test", "is_builtin", "tracks", "untracks", "words",
]  # fmt: skip
