"""Statements about some packets of a course that two rulesets shall keep, and the packets that contradict them.

    Case(…)                                         two rulesets, walked
    case.same(…), case.no_more(…), case.untracked(…)   statements of three kinds

Knows no service.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ruleset_lint.netfilter.values import STATES
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.counting import Came, Counting, Place, aligned, looking, paired, renaming
from ruleset_lint.packets.difference import Clause
from ruleset_lint.packets.endpoints import Role
from ruleset_lint.packets.fate import TRACKING, VERDICT, Fate, differing
from ruleset_lint.packets.formula import Formula
from ruleset_lint.packets.space import PacketSet, Space

Sides = tuple[Fate, Fate]
Pairs = tuple[tuple[Place, Place], ...]


class About(NamedTuple):
    """What a statement is about. `state`: that of the packets under the second ruleset, if it is another one."""

    clause: Clause
    role: str
    course: str
    among: PacketSet
    inherent: bool = False
    state: str | None = None


class Statement(NamedTuple):
    """A statement, both fates of its packets, what contradicts it, and the places that are taken to answer alike."""

    about: About
    first: Fate
    second: Fate
    apart: tuple[tuple[str, PacketSet], ...]
    pairs: Pairs = ()

    def only(self, what: str) -> Statement:
        """The same, as far as it is about one thing."""
        return self._replace(apart=tuple(one for one in self.apart if one[0] == what))

    def but(self, what: str) -> Statement:
        """What else the statement says, as something that nothing can be done about."""
        rest = tuple(one for one in self.apart if one[0] != what)
        return self._replace(about=self.about._replace(inherent=True), apart=rest)


@dataclass(frozen=True, eq=False, slots=True)
class Case:
    """Two rulesets walked in one space, by course.

    `attached` walks packets that the kernel makes in answer to others, with the state that it gives them. `broken` are
    lists (`recent --name`) that hold other packets in the second. `helps`: a rule of the first assigns helpers.
    `behind` are addresses of other machines.
    """

    space: Space
    counting: Counting
    role: Role
    starts: Mapping[str, PacketSet]
    fates: Mapping[str, Sides]
    attached: Callable[[PacketSet], Sides]
    broken: frozenset[str] = frozenset()
    helps: bool = False
    behind: frozenset[int] = frozenset()

    def among(self, course: str, *formulas: Formula) -> PacketSet:
        """Packets that begin a course, and for which formulas hold."""
        found = self.starts[course]
        for formula in formulas:
            found = self.space.both(found, self.space.of(formula))
        return found

    def same(self, about: About, sides: Sides | None = None, *, tracking: bool = False) -> Statement:
        """Both rulesets do the same with the packets."""
        first, second, pairs = self._sides(about, sides)
        apart = tuple(differing(self.space, first, second, about.among, tracking=tracking))
        return Statement(about, first, second, apart, pairs)

    def no_more(self, about: About, allowed: PacketSet, *, unless: str | None = None) -> Statement:
        """The second ruleset lets no packets pass that the first refuses, unless they are allowed.

        `unless`: a state in which the first lets them pass.
        """
        space = self.space
        first, second, pairs = self._sides(about)
        passing = space.both(about.among, second.passing(space))
        known = space.either(first.passing(space), allowed)
        known = space.either(known, self.given(unless)(first.passing(space))) if unless else known
        more = space.without(passing, known)
        return Statement(about, first, second, () if space.is_empty(more) else ((VERDICT, more),), pairs)

    def untracked(self, about: About) -> Statement:
        """The second ruleset tracks none of the packets that it does not refuse."""
        space = self.space
        first, second = self.fates[about.course]
        left = space.without(about.among, space.either(second.untracked, second.refused(space)))
        return Statement(about, first, second, () if space.is_empty(left) else ((TRACKING, left),))

    def _sides(self, about: About, sides: Sides | None = None) -> tuple[Fate, Fate, Pairs]:
        """What becomes of the packets under both, with the state that they have under each; who counts alike."""
        space, counting = self.space, self.counting
        first, second = sides or self.fates[about.course]
        second = second.mapped(self.given(about.state)) if about.state else second
        if not counting.words:
            return first, second, ()
        known, look = looking(space, counting, [Came(first.asked, second.asked, about.among)], self.broken)
        first, second = first.mapped(look), second.mapped(look)
        came = [Came(first.asked, second.asked, about.among)]
        names, _ = aligned(space, counting, came, self.broken, known)
        second = second.mapped(renaming(space, names))
        return first, second, tuple(paired(space, counting, names, came))

    def in_any_state(self, packets: PacketSet) -> PacketSet:
        """The packets, and all that differ from one of them in what connection tracking says of it."""
        fields = (ask.STATE, ask.REPLY, ask.SNAT, ask.DNAT)
        return self.space.freed(packets, [number for of in fields for number in self.space.variables(of, of.bits)])

    def given(self, state: str, *, reply: int = 0) -> Callable[[PacketSet], PacketSet]:
        """What gives all packets a state, in place of the one they come with."""
        space = self.space
        number = STATES.index(state)
        bits: dict[int, PacketSet] = {}
        for of, value in ((ask.STATE, number), (ask.REPLY, reply), (ask.SNAT, 0), (ask.DNAT, 0)):
            for shift, variable in enumerate(reversed(space.variables(of, of.bits))):
                bits[variable] = space.all if value >> shift & 1 else space.none
        replaced = space.replacing(bits)
        return lambda packets: space.substituted(packets, replaced)
