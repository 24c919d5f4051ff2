"""For each rule of a table the packets that reach it, over all hooks and calls, as they are when they are there.

    arrivals(reading, ruleset, table, *, fragments=True, but=None) -> Iterator[Arrival]
    matched_for_certain(reading, table) -> Certain   mostly all rules but the dead ones, without sets: for `but`

Never too few: what other tables drop arrives here, what a called chain changed is any value afterwards, and answers of
opaque questions are forgotten by packets that were changed. That no packet arrives, or matches, is proven.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Chain, Ruleset, Table
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.arrivals_certain import Certain, matched
from ruleset_lint.packets.arrivals_known import Known
from ruleset_lint.packets.effect import Assign, Call, Decide, Effect, Note, Replace, Return, Translate
from ruleset_lint.packets.formula import ALWAYS, All, Bits, Formula, Interface, Not, Some, in_state, of_type
from ruleset_lint.packets.remaining import Remaining
from ruleset_lint.packets.space import PacketSet, Space
from ruleset_lint.packets.store import TYPES
from ruleset_lint.packets.summary import Reading, Summary
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
    known: Known
    but: Certain | None
    wanted: frozenset[str]  # the chains that have to be walked
    entering: dict[str, list[PacketSet]] = field(default_factory=dict)  # packets that calls send into a chain

    def asks(self, rule: Rule) -> bool:
        """Whether a rule is asked for."""
        return self.but is None or rule.number not in self.but.settled

    def number(self, rule: Rule) -> int | None:
        """The number by which it is known which rules are near it."""
        return self.but.numbers[rule.number] if self.but else None


def arrivals(
    reading: Reading, ruleset: Ruleset, table: str, *, fragments: bool = True, but: Certain | None = None
) -> Iterator[Arrival]:
    """Each rule of a table's chains that a hook can reach, chain by chain, callers first; `but` those that are settled.

    Raises NotDecidedError when asked for the next one. A set is kept no longer than the caller keeps it.
    """
    found = ruleset.tables.get(table)
    if found is None:
        return
    space = reading.space
    chains = _callees_first(found)
    walking = _Walking(reading, found, Known(reading, found, chains, but), but, _led_to(found, chains, but))
    for name in reversed(chains):
        if name not in walking.wanted:
            continue
        entering = walking.entering.pop(name, [])
        if name in BUILTIN_CHAINS[table]:
            entering.append(entry(space, table, name, fragments=fragments))
        yield from _through(walking, found.chains[name], space.any_of(entering))


def matched_for_certain(reading: Reading, found: Table, *, fragments: bool = True) -> Certain:
    """Rules of a table that some packet arrives at and matches: mostly all but the dead ones. No set is drawn.

    Raises NotDecidedError.
    """
    table = found.name
    chains = list(reversed(_callees_first(found)))
    hooks = [name for name in chains if name in BUILTIN_CHAINS[table]]
    entries = {hook: entry_formula(reading.space.family, table, hook, fragments=fragments) for hook in hooks}
    return matched(reading, found, chains, entries)


def _led_to(table: Table, chains: Iterable[str], but: Certain | None) -> frozenset[str]:
    """The chains that have a rule that is asked for, or lead to one; `chains` are in order, callees first."""
    found: set[str] = set()
    for name in chains:
        asked = but is None or any(rule.number not in but.settled for rule in table.chains[name].rules)
        if asked or not found.isdisjoint(table.callees.get(name, ())):
            found.add(name)
    return frozenset(found)


def entry(space: Space, table: str, hook: str, *, fragments: bool = True) -> PacketSet:
    """All packets that a table can be asked about at a hook."""
    return space.of(entry_formula(space.family, table, hook, fragments=fragments))


def entry_formula(family: int, table: str, hook: str, *, fragments: bool = True) -> Formula:
    """What is true of all packets that a table can be asked about at a hook."""
    here = (Not(of_type(ask.DESTINATION_TYPE, "LOCAL")),) if hook == "FORWARD" else ()
    return All((universe(family, fragments=fragments), *_sides(hook), *_states(table, hook), *here))


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


def _callees_first(table: Table) -> list[str]:
    hooks = [hook for hook in BUILTIN_CHAINS.get(table.name, ()) if hook in table.chains]
    return list(dict.fromkeys(name for hook in hooks for name in bottom_up(table, hook)))


def _through(walking: _Walking, chain: Chain, entering: PacketSet) -> Iterator[Arrival]:
    space, reading = walking.reading.space, walking.reading
    here = Remaining(space, entering)
    for rule in _until_last(walking, chain):
        plain = _plain(walking, rule)
        is_asked = walking.asks(rule)
        if is_asked or plain is None or (isinstance(plain, Call) and plain.chain in walking.wanted):
            condition = reading.matched(rule)
            matching = here.among(condition, walking.but.near_before(rule) if walking.but else None)
            if is_asked:
                yield Arrival(rule, matching, here)
            if space.is_empty(matching):
                continue
            if plain is None:
                _change(walking, rule, here, matching)
                continue
            if isinstance(plain, Call) and plain.chain in walking.wanted:
                walking.entering.setdefault(plain.chain, []).append(matching)
        _take(walking, rule, here, plain)


def _change(walking: _Walking, rule: Rule, here: Remaining, matching: PacketSet) -> None:
    """Lead all packets past a rule that may change those that it matches."""
    space = walking.reading.space
    onward = _after(walking, rule, matching)
    if space.within(onward, matching):
        here.take(space.without(matching, onward))
    else:
        here.become(space.either(space.without(here.whole(), walking.reading.matched(rule)), onward))


def _take(walking: _Walking, rule: Rule, here: Remaining, plain: Effect | None) -> None:
    """Lead all packets past a rule that changes none, and draw nothing yet."""
    matched, number = partial(walking.reading.matched, rule), walking.number(rule)
    match plain:
        case Decide() | Return() | Translate() | Call(_, goto=True):
            here.take_later(number, matched)
        case Call(chain):
            here.take_later(number, matched, partial(walking.known.onward, chain))
        case _:
            pass


def _until_last(walking: _Walking, chain: Chain) -> Sequence[Rule]:
    """A chain's rules up to the last that matters: it is asked for, or leads to one that is."""
    rules = chain.rules
    last = len(rules)
    while last and not (walking.asks(rules[last - 1]) or rules[last - 1].jump in walking.wanted):
        last -= 1
    return rules[:last]


def _plain(walking: _Walking, rule: Rule) -> Effect | None:
    """What a rule does with all packets that it matches; None if they may be others then, or it depends on them."""
    steps = walking.reading.steps(rule, walking.table.chains)
    if len(steps) != 1 or steps[0].asks != ALWAYS:
        return None if steps else Note("", matters=False)
    *before, effect = steps[0].effects
    if not all(isinstance(one, Note) for one in before) or isinstance(effect, Assign | Replace):
        return None
    return None if isinstance(effect, Call) and effect.chain not in walking.known.plain else effect


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
            changed = (number for one in (of, *TYPES.get(of, ())) for number in space.variables(one, one.bits))
            return space.freed(packets, {*changed, *_opaque(space)})
        case Call(chain, goto):
            if chain in walking.wanted:
                walking.entering.setdefault(chain, []).append(packets)
            return space.none if goto else _back(space, packets, walking.known.summary(chain))
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
