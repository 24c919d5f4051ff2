"""Rules: a shape and its values, and what the rule says in typed words. Knows no chain and no other rule."""

from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import Generic, NamedTuple, TypeVar, cast

from ruleset_lint.model.shape import Operand, Part, Shape, Use
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.netfilter.values import Flags, Network, Ports, Reader
from ruleset_lint.syntax.document import Document, Line
from ruleset_lint.syntax.nodes import Counters, Node, RuleLine

Value_co = TypeVar("Value_co", covariant=True)


class Test(NamedTuple, Generic[Value_co]):
    """What a rule asks of one field of a packet, and whether it asks the contrary."""

    value: Value_co
    negated: bool


class Home:
    """What the rules of a table have in common."""

    __slots__ = ("document", "family", "table")

    def __init__(self, document: Document[Node], table: str, family: int) -> None:
        """The document, the table and the address family (4 or 6)."""
        self.document = document
        self.table = table
        self.family = family


class Rule(NamedTuple):
    """A rule where it stands: its shape, what fills the shape's holes, its line, its chain."""

    shape: Shape
    values: tuple[str, ...]
    number: int  # of its line
    chain: str
    home: Home

    @property
    def line(self) -> Line[Node]:
        """The line it stands on."""
        return self.home.document.lines[self.number - 1]

    @property
    def table(self) -> str:
        """The table it is for."""
        return self.home.table

    @property
    def family(self) -> int:
        """4 or 6."""
        return self.home.family

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
        node = self.home.document.nodes[self.number - 1]
        return node.counters if isinstance(node, RuleLine) else None

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
                    mask, flags = (cast("frozenset[str] | None", self._value(use, number)) for number in (0, 1))
                    return Test(Flags(mask, flags), use.negated) if mask is not None and flags is not None else None
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


made_of: Callable[[Iterable[object]], Rule] = partial(tuple.__new__, Rule)
"""A rule of its five fields, as Rule._make gives it, without a Python function called for each of 100,000."""


@lru_cache(maxsize=1 << 16)
def read(reader: Reader, text: str, family: int) -> object:
    """A value by its reader, remembered. Raises ValueError, saying what was expected."""
    return reader(text, family)
