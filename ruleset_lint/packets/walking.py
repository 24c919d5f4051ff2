"""A ruleset walked with a set of packets, over a whole course. Each chain is summed up once, whatever calls it.

    folded = Folded(reading, ruleset)                   remembers what it has summed up
    walked(folded, course, start=None) -> Walked        verdicts over the packets as they come
    possible(space, course, *, fragments) -> PacketSet  the packets that can begin a course

A state in these sets is what connection tracking says of the packet if it is asked. Where a packet can already have
it before (on `lo`, from OUTPUT), CARRIED says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.course import CONNTRACK, Step
from ruleset_lint.packets.effect import Note, Translate
from ruleset_lint.packets.formula import NEVER, All, Formula, Interface, Not, Some, equal
from ruleset_lint.packets.places import CARRIED, at_conntrack, at_hook, before_conntrack, rerouted
from ruleset_lint.packets.space import PacketSet, Space
from ruleset_lint.packets.store import Store
from ruleset_lint.packets.summary import Reading, Summary, summaries
from ruleset_lint.packets.translated_sets import opening, translate
from ruleset_lint.packets.universe import implies, universe

__all__ = ["CARRIED", "Folded", "Walked", "possible", "walked"]


@dataclass(frozen=True, eq=False, slots=True)
class Walked:
    """What becomes of the packets of a course. ACCEPT: they get through; all sets are of packets as they come.

    `store` is what they have become, `events` what happened to which of them, `untracked` those whose state was
    answered before connection tracking. Two rulesets do the same if all of it is the same. `stopped` are those among
    the dropped ones that come to a hook's door only: they have no hop left, or are for this machine and not forwarded.
    """

    verdicts: Mapping[str, PacketSet]
    store: Store
    events: Mapping[Note | Translate, PacketSet]
    untracked: PacketSet
    stopped: PacketSet


@dataclass(frozen=True, eq=False, slots=True)
class Folded:
    """A ruleset whose chains are summed up when they are first asked for."""

    reading: Reading
    ruleset: Ruleset
    _known: dict[Step, Summary] = field(default_factory=dict)

    def summary(self, step: Step) -> Summary | None:
        """What the built-in chain does, its policy left out; None if it is not there. Raises NotDecidedError."""
        table = self.ruleset.tables.get(step.table)
        if table is None or step.hook not in table.chains:
            return None
        if step not in self._known:
            self._known[step] = summaries(self.reading, table, (step.hook,))[step.hook]
        return self._known[step]

    def translates(self) -> bool:
        """Whether a rule of the nat table can translate: then packets of older connections may be translated too."""
        found = self.ruleset.tables.get("nat")
        chains = found.chains if found else {}
        rules = (rule for chain in chains.values() for rule in chain.rules)
        steps = (step for rule in rules for step in self.reading.steps(rule, chains))
        return any(isinstance(effect, Translate) for step in steps for effect in step.effects)


@dataclass(eq=False, slots=True)
class _Way:
    """The packets of a course between two of its steps."""

    alive: PacketSet
    untracked: PacketSet
    store: Store
    stopped: PacketSet
    ended: dict[str, list[PacketSet]] = field(default_factory=dict)
    events: dict[Note | Translate, list[PacketSet]] = field(default_factory=dict)

    def end(self, space: Space, verdict: str, packets: PacketSet) -> None:
        """The end of the way for some packets."""
        if not space.is_empty(packets):
            self.ended.setdefault(verdict, []).append(packets)
            self.alive = space.without(self.alive, packets)


def possible(space: Space, course: Sequence[Step], *, fragments: bool = False) -> PacketSet:
    """The packets that can begin a course: those that exist, with the interfaces that the course has."""
    no_in, no_out = Interface(ask.IN, ""), Interface(ask.OUT, "")
    outgoing, forwarded = course[0].hook == "OUTPUT", any(step.hook == "FORWARD" for step in course)
    sides = (no_in if outgoing else Not(no_in), Not(no_out) if outgoing or forwarded else no_out)
    carried = NEVER if outgoing else All((Interface(ask.IN, "lo"), equal(CARRIED, 1)))
    untracked, discovery = ask.in_state("UNTRACKED"), never_tracked(space.family)
    kept = All((implies(untracked, Some((carried, discovery))), implies(discovery, untracked)))
    start = space.of(All((universe(space.family, fragments=fragments), *sides, kept)))
    return space.both(start, rerouted(space)) if outgoing else start


def never_tracked(family: int) -> Formula:
    """Neighbour discovery, router advertisements and multicast reports of IPv6: UNTRACKED by nature.

    Source: noct_valid_new of net/netfilter/nf_conntrack_proto_icmpv6.c.
    """
    types = Some(tuple(equal(ask.ICMP_TYPE, number) for number in (*range(130, 137), 143)))
    return All((equal(ask.PROTOCOL, 58), equal(ask.FRAGMENT, 0), types)) if family == 6 else NEVER


def walked(folded: Folded, course: Sequence[Step], start: PacketSet | None = None) -> Walked:
    """What becomes of the packets that start, by default of all that can. Raises NotDecidedError."""
    space = folded.reading.space
    alive = possible(space, course) if start is None else start
    way = _Way(alive, space.none, before_conntrack(space, course), space.none)
    translates = folded.translates()
    hook = ""
    for step in course:
        if step.hook != hook:
            hook = step.hook
            stopped = space.both(way.alive, at_hook(space, way.store, course, hook))
            way.stopped = space.either(way.stopped, stopped)
            way.end(space, "DROP", stopped)
        if step.table == CONNTRACK:
            way.untracked = space.both(way.alive, at_conntrack(space, way.store))
        elif step.table == "nat":
            _nat(folded, way, step, translates)
        else:
            _table(folded, way, step, way.alive)
    way.end(space, "ACCEPT", way.alive)
    return Walked(
        {verdict: space.any_of(sets) for verdict, sets in way.ended.items()},
        way.store,
        {event: space.any_of(sets) for event, sets in way.events.items()},
        way.untracked,
        way.stopped,
    )


def _table(folded: Folded, way: _Way, step: Step, asked: PacketSet) -> PacketSet:
    """Lead some of the packets through a table; those that it translates."""
    space = folded.reading.space
    summary = folded.summary(step)
    if summary is None or space.is_empty(asked):
        return space.none
    store = way.store
    now = {verdict: store.now(space, packets, summary.asked) for verdict, packets in summary.verdicts.items()}
    if folded.ruleset.tables[step.table].chains[step.hook].policy == "DROP":
        back = store.now(space, summary.onward, summary.asked)
        now["DROP"] = space.either(now.get("DROP", space.none), back)
    met = {
        event: space.both(asked, store.now(space, packets, summary.asked)) for event, packets in summary.events.items()
    }
    store.follow(space, asked, summary.store, summary.asked)
    for event, packets in met.items():
        if not space.is_empty(packets):
            way.events.setdefault(event, []).append(packets)
    for verdict, packets in now.items():
        if verdict != "ACCEPT":
            way.end(space, verdict, space.both(asked, packets))
    return space.any_of([packets for event, packets in met.items() if isinstance(event, Translate)])


def _nat(folded: Folded, way: _Way, step: Step, translates: bool) -> None:
    """The nat table is asked about the packets that open a connection; others fare as their connection does."""
    space = folded.reading.space
    if not translates and folded.summary(step) is None:
        return
    asked = space.both(way.alive, opening(space, way.store))
    others = space.without(way.alive, asked)
    found = _table(folded, way, step, asked)
    if translates:
        source = step.hook in ("INPUT", "POSTROUTING")
        translate(space, way.store, source, found, others)
