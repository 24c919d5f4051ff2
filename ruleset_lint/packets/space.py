"""Sets of packets as decision diagrams, within bounds of memory and time. Knows formulas, no rule and no ruleset.

    Space(family, patterns, *, deadline=None, nodes=…)   one for all rulesets that are compared with each other
    space.of(formula, place=None) -> PacketSet           the packets that a formula holds for
    space.both, either, without, contrary, choose, any_of, is_empty, within, count
    space.substituted, freed, variables                  for walks in which packets change

The order of the variables (`_fields`) decides how large diagrams are; it was found by trial (benchmarks/folding.py).
Numbers that are no state or address type stand for the last one, so that no set differs in what cannot be.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ruleset_lint.netfilter.values import ADDRESS_TYPES, STATES
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.bounds import NotDecidedError
from ruleset_lint.packets.diagrams import BCDDFunction, BCDDManager, BCDDSubstitution, DDMemoryError
from ruleset_lint.packets.drawing import Pen
from ruleset_lint.packets.formula import All, Between, Bits, Field, Formula, Interface, Not, Opaque, Some
from ruleset_lint.packets.names import Names, classes

PacketSet = BCDDFunction
Substitution = BCDDSubstitution

NODES = 6_000_000
"""At most so many nodes: they take 300 MiB, and seconds rather than minutes until they are used up."""
_CACHE = 1 << 18  # results remembered; 5 MiB, and 2 ms to make
_VARIABLES = 16_000  # the library recurses once a variable: 100,000 of them end in a crash
_VALUES = {ask.STATE: len(STATES), ask.SOURCE_TYPE: len(ADDRESS_TYPES), ask.DESTINATION_TYPE: len(ADDRESS_TYPES)}

SIDES = (ask.IN, ask.OUT)


class Afterwards(NamedTuple):
    """The key of what nobody can tell once something has happened: a field, or the answer to a question."""

    of: Hashable
    event: str


def _fields(family: int) -> tuple[Field, ...]:
    """All fields, those that rules ask most first."""
    return (
        ask.PROTOCOL, ask.FRAGMENT, ask.STATE, ask.REPLY, ask.SNAT, ask.DNAT, ask.SOURCE[family], ask.SOURCE_TYPE,
        ask.DESTINATION_PORT, ask.DESTINATION[family], ask.DESTINATION_TYPE, ask.SOURCE_PORT, ask.FLAGS,
        ask.ICMP_TYPE, ask.ICMP_CODE, ask.QUOTED_PROTOCOL, ask.QUOTED_SOURCE_PORT, ask.QUOTED_DESTINATION_PORT,
        ask.MARK, ask.PACKET_TYPE, ask.TOS, ask.TTL, ask.LENGTH, ask.MAC,
    )  # fmt: skip


@dataclass(eq=False, slots=True)
class _Drawn:
    """What was drawn before."""

    formulas: dict[object, PacketSet] = field(default_factory=dict)
    counting: dict[Formula, bool] = field(default_factory=dict)
    asked: dict[Formula, frozenset[Hashable]] = field(default_factory=dict)


class Space:
    """All packets of a family, told apart by interfaces as the patterns tell them apart."""

    def __init__(
        self, family: int, patterns: Iterable[str] = (), *, deadline: float | None = None, nodes: int = NODES
    ) -> None:
        """Make a space; `deadline` is a time of `time.monotonic`, looked at before each operation."""
        self.family = family
        self.names: Names = classes(patterns)
        self.deadline = deadline
        self._manager = BCDDManager(nodes, _CACHE, 1)
        self._numbers: dict[Hashable, range] = {}
        self._keys: list[Hashable] = []
        self._literals: list[PacketSet | None] = []
        self._unset: list[tuple[int, bool]] = []
        self._drawn = _Drawn()
        self._pen: Pen[PacketSet] = Pen(self)
        self.all: PacketSet = self._manager.true()
        self.none: PacketSet = self._manager.false()
        self.fields = _fields(family)
        for side in SIDES:
            self.variables(side, self.names.bits)
        for known in self.fields:
            self.variables(known, known.bits)

    # -- variables

    def variables(self, key: Hashable, bits: int) -> range:
        """The variables of a field, an interface or whatever else has a key; most significant first.

        Raises NotDecidedError if there are too many.
        """
        found = self._numbers.get(key)
        if found is None:
            if self._manager.num_vars() + bits > _VARIABLES:
                raise NotDecidedError(f"more than {_VARIABLES} yes-or-no questions are asked")
            found = self._numbers[key] = self._manager.add_vars(bits)
            self._literals += [None] * bits
            self._keys += [key] * bits
        return found

    def key(self, variable: int) -> Hashable:
        """What a variable belongs to."""
        return self._keys[variable]

    def known(self) -> Mapping[Hashable, range]:
        """All variables, by key."""
        return self._numbers

    def may_change(self, key: Hashable) -> bool:
        """Whether a key stands for what may be something else once a packet is changed."""
        return isinstance(key, Opaque | Afterwards)

    def literal(self, variable: int) -> PacketSet:
        """The packets that have a bit set."""
        found = self._literals[variable]
        if found is None:
            found = self._literals[variable] = self._bounded(self._manager.var, variable)
        return found

    # -- operations

    def both(self, first: PacketSet, second: PacketSet) -> PacketSet:
        """Packets in both sets."""
        return self._bounded(first.__and__, second)

    def either(self, first: PacketSet, second: PacketSet) -> PacketSet:
        """Packets in one of the sets."""
        return self._bounded(first.__or__, second)

    def without(self, first: PacketSet, second: PacketSet) -> PacketSet:
        """Packets of the first set that are not in the second."""
        return self._bounded(second.imp_strict, first)

    def contrary(self, of: PacketSet) -> PacketSet:
        """All other packets."""
        return ~of

    def choose(self, condition: PacketSet, then: PacketSet, other: PacketSet) -> PacketSet:
        """Packets of `then` where the condition holds, else those of `other`."""
        return self._bounded(condition.ite, then, other)

    def any_of(self, sets: Sequence[PacketSet]) -> PacketSet:
        """Packets in one of many sets, joined in pairs: neighbours that are alike stay small."""
        waiting = list(sets)
        while len(waiting) > 1:
            odd = waiting[len(waiting) & ~1 :]
            waiting = [self.either(first, second) for first, second in zip(waiting[::2], waiting[1::2], strict=False)]
            waiting += odd
        return waiting[0] if waiting else self.none

    def is_empty(self, of: PacketSet) -> bool:
        """Whether there is no such packet."""
        return not of.satisfiable()

    def within(self, first: PacketSet, second: PacketSet) -> bool:
        """Whether all packets of the first set are in the second."""
        return not self.without(first, second).satisfiable()

    def count(self, of: PacketSet) -> int:
        """How many different protocols, addresses and ports the packets have, taken together."""
        told = (
            ask.PROTOCOL,
            ask.SOURCE[self.family],
            ask.DESTINATION[self.family],
            ask.SOURCE_PORT,
            ask.DESTINATION_PORT,
        )
        others = [number for key, numbers in self._numbers.items() if key not in told for number in numbers]
        return self.freed(of, others).sat_count(self._manager.num_vars()) >> len(others)

    def contains(self, of: PacketSet, bits: Iterable[tuple[int, bool]]) -> bool:
        """Whether the packet with these bits, all others 0, is in the set."""
        # the library takes a bit that it is not given for anything, whatever its manual says of that
        missing = range(len(self._unset), self._manager.num_vars())
        self._unset += [(variable, False) for variable in missing]
        return of.eval([*self._unset, *bits])

    def pick(self, of: PacketSet) -> Sequence[bool]:
        """The bits of one packet of a set that is not empty, 0 as far as the set allows."""
        everything = range(self._manager.num_vars())
        zeros = self._pen.masked(everything, (1 << len(everything)) - 1, 0)
        picked = of.pick_cube_dd_set(zeros).pick_cube()
        if picked is None:
            raise ValueError("there is no packet in an empty set")
        return [bool(bit) for bit in picked]

    def replacing(self, bits: Mapping[int, PacketSet]) -> Substitution:
        """What `substituted` takes: functions in place of variables."""
        return BCDDFunction.make_substitution(bits.items())

    def substituted(self, of: PacketSet, replaced: Substitution) -> PacketSet:
        """The packets that are in the set once their bits are replaced."""
        return self._bounded(of.substitute, replaced)

    def freed(self, of: PacketSet, variables: Iterable[int]) -> PacketSet:
        """The packets that differ from one of the set in these bits at most."""
        cube = self.all
        for variable in sorted(variables, reverse=True):
            cube = self.both(self.literal(variable), cube)
        return self._bounded(of.exists, cube)

    def _bounded(self, operation: Callable[..., PacketSet], *operands: object) -> PacketSet:
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise NotDecidedError("it takes too long")
        try:
            return operation(*operands)
        except DDMemoryError:
            self._manager.gc()  # it is done now and then, between operations only
        try:
            return operation(*operands)
        except DDMemoryError:
            raise NotDecidedError("it takes too much memory") from None

    def named(self, side: Hashable, number: int) -> PacketSet:
        """The packets whose interface is of the class with a number."""
        own = range(len(self.names.names))
        codes = [number == (code if code in own else self.names.other) for code in range(1 << self.names.bits)]
        return self._pen.coded(self.variables(side, self.names.bits), codes)

    def of(self, formula: Formula, place: Hashable = None) -> PacketSet:
        """The packets that a formula holds for; what counts in it is a question of the place.

        Raises NotDecidedError; ValueError for an interface pattern that the space was not told.
        """
        found = self._drawn.formulas.get(formula)
        if found is None and place is not None:
            found = self._drawn.formulas.get((formula, place))
        if found is None:
            found = self._draw(formula, place)
            key = (formula, place) if self.counts(formula) else formula
            self._drawn.formulas[key] = found
        return found

    def asked(self, formula: Formula) -> frozenset[Hashable]:
        """The keys of what a formula asks: fields, sides, opaque questions."""
        found = self._drawn.asked.get(formula)
        if found is None:
            found = self._drawn.asked[formula] = frozenset(_key(atom) for atom in ask.atoms(formula))
        return found

    def counts(self, formula: Formula) -> bool:
        """Whether a formula has a question that counts."""
        if isinstance(formula, Bits | Between | Interface):
            return False
        found = self._drawn.counting.get(formula)
        if found is None:
            found = any(isinstance(atom, Opaque) and atom.counts for atom in ask.atoms(formula))
            self._drawn.counting[formula] = found
        return found

    def _draw(self, formula: Formula, place: Hashable) -> PacketSet:
        match formula:
            case Bits(of, mask, value):
                if of in _VALUES:
                    return self._numbered(of, lambda number: number & mask == value)
                return self._pen.masked(self.variables(of, of.bits), mask, value)
            case Between(of, low, high):
                if of in _VALUES:
                    return self._numbered(of, lambda number: low <= number <= high)
                return self._pen.between(self.variables(of, of.bits), low, high)
            case Interface(side, pattern):
                return self._pen.coded(self.variables(side, self.names.bits), self.names.codes(pattern))
            case Opaque():
                return self.literal(self.variables(question(formula, place), 1)[0])
            case Not(of):
                return ~self.of(of, place)
            case All(of):
                return ~self.any_of([~self.of(one, place) for one in of])
            case Some(of):
                return self.any_of([self.of(one, place) for one in of])

    def _numbered(self, of: Field, means: Callable[[int], bool]) -> PacketSet:
        """A field of names by number; numbers without a name stand for the last one."""
        last = _VALUES[of] - 1
        codes = [means(min(number, last)) for number in range(1 << of.bits)]
        return self._pen.coded(self.variables(of, of.bits), codes)


def question(opaque: Opaque, place: Hashable) -> Hashable:
    """The key of an opaque question: itself, and with its place if it counts."""
    return (opaque, place) if opaque.counts else opaque


def _key(atom: Bits | Between | Interface | Opaque) -> Hashable:
    match atom:
        case Bits(of) | Between(of):
            return of
        case Interface(side):
            return side
        case Opaque():
            return atom
