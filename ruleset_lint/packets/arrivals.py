"""For each rule of a table the packets that reach it, over all hooks and calls, as they are when they are there.

    arrivals(reading, ruleset, table, *, fragments=True) -> Iterator[Arrival]

Never too few: what other tables drop arrives here, what a called chain changed is any value afterwards, and answers of
opaque questions are forgotten by packets that were changed. That no packet arrives, or matches, is proven.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Chain, Ruleset, Table
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.effect import Assign, Call, Decide, Effect, Note, Replace, Return, Translate
from ruleset_lint.packets.formula import ALWAYS, All, Bits, Formula, Interface, Not, Some, in_state
from ruleset_lint.packets.remaining import Remaining
from ruleset_lint.packets.space import PacketSet, Space
from ruleset_lint.packets.summary import Reading, Summary, summaries
from ruleset_lint.packets.universe import universe
from ruleset_lint.packets.walk import bottom_up


@dataclass(frozen=True, eq=False, slots=True)
class Arrival:
    """A rule, and those of the packets that come to it that it matches."""

    rule: Rule
    matching: PacketSet
    here: Remaining

    @property
    def arriving(self) -> PacketSet:
        """All packets that come to it; to be asked before the next arrival, and only where `matching` will not do."""
        return self.here.whole()

    def __iter__(self) -> Iterator[Any]:
        return iter((self.rule, self.arriving, self.matching))


@dataclass(frozen=True, slots=True)
class _Walking:
    reading: Reading
    table: Table
    known: Mapping[str, Summary]
    entering: dict[str, list[PacketSet]] = field(default_factory=dict)  # packets that calls send into a chain


def arrivals(reading: Reading, ruleset: Ruleset, table: str, *, fragments: bool = True) -> Iterator[Arrival]:
    """Each rule of a table's chains that a hook can reach, chain by chain, callers first.

    Raises NotDecidedError when asked for the next one. A set is kept no longer than the caller keeps it.
    """
    found = ruleset.tables.get(table)
    if found is None:
        return
    space = reading.space
    walking = _Walking(reading, found, summaries(reading, found, _called_by_hooks(found)))
    for name in reversed(_callees_first(found)):
        entering = walking.entering.pop(name, [])
        if name in BUILTIN_CHAINS[table]:
            entering.append(entry(space, table, name, fragments=fragments))
        yield from _through(walking, found.chains[name], space.any_of(entering))


def entry(space: Space, table: str, hook: str, *, fragments: bool = True) -> PacketSet:
    """All packets that a table can be asked about at a hook."""
    return space.of(All((universe(space.family, fragments=fragments), *_sides(hook), *_states(table, hook))))


def _sides(hook: str) -> tuple[Formula, ...]:
    """Interfaces as they are there; in POSTROUTING kernels differ in whether there is one by which it came."""
    came, leaves = Not(Interface(ask.IN, "")), Not(Interface(ask.OUT, ""))
    return {
        "PREROUTING": (came, Not(leaves)),
        "INPUT": (came, Not(leaves)),
        "FORWARD": (came, leaves),
        "OUTPUT": (Not(came), leaves),
        "POSTROUTING": (leaves,),
    }[hook]


def _states(table: str, hook: str) -> tuple[Formula, ...]:
    if table == "nat":
        return (in_state("NEW", "RELATED"),)
    if table == "raw":
        early = in_state("INVALID", "UNTRACKED")
        return (Some((Interface(ask.IN, "lo"), early)) if hook == "PREROUTING" else early,)
    return ()


def _called_by_hooks(table: Table) -> list[str]:
    return [name for hook in BUILTIN_CHAINS.get(table.name, ()) for name in table.callees.get(hook, ())]


def _callees_first(table: Table) -> list[str]:
    hooks = [hook for hook in BUILTIN_CHAINS.get(table.name, ()) if hook in table.chains]
    return list(dict.fromkeys(name for hook in hooks for name in bottom_up(table, hook)))


def _through(walking: _Walking, chain: Chain, entering: PacketSet) -> Iterator[Arrival]:
    space = walking.reading.space
    here = Remaining(space, entering)
    for rule in chain.rules:
        condition = walking.reading.matched(rule)
        matching = here.among(condition)
        yield Arrival(rule, matching, here)
        if space.is_empty(matching):
            continue
        onward = _after(walking, rule, matching)
        if space.within(onward, matching):
            here.take(space.without(matching, onward))
        else:
            here.become(space.either(space.without(here.whole(), condition), onward))


def _after(walking: _Walking, rule: Rule, packets: PacketSet) -> PacketSet:
    """Those of the matched packets that come to the next rule, as they are then."""
    space = walking.reading.space
    for step in walking.reading.steps(rule, walking.table.chains):
        concerned, others = packets, space.none
        if step.asks != ALWAYS:
            asked = walking.reading.asks(rule, step)
            concerned, others = space.both(packets, asked), space.without(packets, asked)
        for effect in step.effects:
            concerned = _met(walking, concerned, effect)
        packets = space.either(others, concerned)
    return packets


def _met(walking: _Walking, packets: PacketSet, effect: Effect) -> PacketSet:
    """What an effect leaves of packets for the next rule, as they are then."""
    space = walking.reading.space
    match effect:
        case Decide() | Return() | Translate():
            return space.none
        case Assign():
            return _assigned(space, packets, effect)
        case Replace(of):
            return space.freed(packets, {*space.variables(of, of.bits), *_opaque(space)})
        case Call(chain, goto):
            walking.entering.setdefault(chain, []).append(packets)
            return space.none if goto else _back(space, packets, walking.known[chain])
        case Note():
            return packets


def _assigned(space: Space, packets: PacketSet, effect: Assign) -> PacketSet:
    """The packets with a field changed."""
    variables = list(reversed(space.variables(effect.field, effect.field.bits)))
    if effect.field != ask.STATE:
        packets = space.freed(packets, _opaque(space))
    set_bits = [number for shift, number in enumerate(variables) if effect.mask >> shift & 1]
    flipped = {number: space.contrary(space.literal(number))
               for shift, number in enumerate(variables) if effect.value & ~effect.mask & 1 << shift}  # fmt: skip
    packets = space.freed(packets, set_bits) if set_bits else packets
    packets = space.substituted(packets, space.replacing(flipped)) if flipped else packets
    return space.both(packets, space.of(Bits(effect.field, effect.mask, effect.value & effect.mask)))


def _back(space: Space, packets: PacketSet, called: Summary) -> PacketSet:
    """Those that a called chain lets come back, with what it changes being anything, and what counts asked anew."""
    packets = space.both(packets, called.onward)
    freed = {*called.store.bits, *called.counted, *(_opaque(space) if called.store.changes else ())}
    return space.freed(packets, freed) if freed else packets


def _opaque(space: Space) -> list[int]:
    """The variables of all questions that are not about one field; only those that are asked so far tell anything."""
    return [number for key, numbers in space.known().items() if space.may_change(key) for number in numbers]
