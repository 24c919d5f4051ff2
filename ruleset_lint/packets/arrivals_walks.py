"""Single packets led past a table's rules, to see of most rules that some packet matches them. Draws no sets.

    walked(reading, table, chains, entries) -> Walks   `found` has by rule the packet as it is at the rule

What is found is found for certain; of a rule that is not found nothing is said. A few packets are made for each rule,
and every rule that one of them matches on its way is found with it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Table
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS
from ruleset_lint.packets.arrivals_asked import Asked
from ruleset_lint.packets.arrivals_index import Conditions, Index
from ruleset_lint.packets.arrivals_made import Maker
from ruleset_lint.packets.bounds import hold_to
from ruleset_lint.packets.doing import Step
from ruleset_lint.packets.effect import Assign, Call, Decide, Return, Translate
from ruleset_lint.packets.formula import ALWAYS, Field, Formula, Not, Packet, holds
from ruleset_lint.packets.summary import Reading

_STEPS = 500  # rules that one packet may match
_DEEP = 64  # calls on the way to a rule
_ROUNDS = 8
_WORTH = 0.1  # share of the packets of a round that must find a rule for another round
_FEW = 16  # packets that are made without asking what for


@dataclass(frozen=True, eq=False, slots=True)
class Walks:
    """A table's rules in the order of their chains, and what is known of them."""

    reading: Reading
    table: Table
    rules: Sequence[Rule]
    starts: Mapping[str, int]  # number of the first rule of a chain
    numbers: Mapping[int, int]  # by line
    index: Index
    maker: Maker
    entries: Mapping[str, Asked]  # by hook
    found: dict[int, Packet] = field(default_factory=dict)  # by number
    reached: dict[str, int] = field(default_factory=dict)  # by chain the last number
    lost: dict[int, tuple[int, Packet]] = field(default_factory=dict)  # who took a packet in the chain of its rule
    contraries: dict[tuple[int, Field | str], Conditions] = field(default_factory=dict)
    _callers: dict[str, Sequence[int]] = field(default_factory=dict)
    _steps: dict[int, tuple[Step, ...]] = field(default_factory=dict)

    def callers(self, chain: str) -> Sequence[int]:
        """The numbers of the rules that lead to a chain."""
        if chain not in self._callers:
            found = (self.numbers.get(rule.number) for rule in self.table.callers.get(chain, ()))
            self._callers[chain] = [number for number in found if number is not None]
        return self._callers[chain]

    def steps(self, number: int) -> tuple[Step, ...]:
        """What a rule does."""
        if number not in self._steps:
            self._steps[number] = self.reading.steps(self.rules[number], self.table.chains)
        return self._steps[number]


def walked(reading: Reading, table: Table, chains: Sequence[str], entries: Mapping[str, Formula]) -> Walks:
    """What packets made up for the rules of some chains meet. `entries`: what is true of the packets of a hook.

    Raises NotDecidedError when the time of the reading's space is over.
    """
    walks = _begin(reading, table, chains, entries)
    waiting = list(range(len(walks.rules)))
    for _ in range(_ROUNDS):
        before = len(walks.found)
        tried = sum(_try(walks, number) for number in waiting if number not in walks.found)
        if tried == 0 or (tried > _FEW and len(walks.found) - before < tried * _WORTH):
            break
        waiting = [number for number in waiting if number not in walks.found]
    return walks


def _begin(reading: Reading, table: Table, chains: Sequence[str], entries: Mapping[str, Formula]) -> Walks:
    rules: list[Rule] = []
    starts: dict[str, int] = {}
    for name in chains:
        starts[name] = len(rules)
        rules += table.chains[name].rules
    formulas = [reading.meaning(rule) for rule in rules]
    numbers = {rule.number: number for number, rule in enumerate(rules)}
    names = [name for name in reading.space.names.names if name]
    index = Index(formulas, reading.space.family, reading.space.names.names)
    chance = random.Random(0)  # noqa: S311 - the same packets each time
    maker = Maker(reading.space.family, names, chance, index.spans)
    return Walks(
        reading,
        table,
        rules,
        starts,
        numbers,
        index,
        maker,
        {of: Asked(what, reading.space.family) for of, what in entries.items()},
    )


def _try(walks: Walks, number: int) -> int:
    """Lead a packet that is made for a rule past all rules; whether there is one."""
    hold_to(walks.reading.space.deadline)
    if number in walks.found:
        return 0
    made = made_for(walks, number, walks.lost.get(number, (None,))[0])
    if made is not None:
        _lead(walks, made[0], made[1], number)
    return 1


def made_for(walks: Walks, number: int, but: int | None = None) -> tuple[Packet, str, Sequence[int]] | None:
    """A packet that a rule may match, its hook, and the jumps by which it may be sent to the rule's chain.

    `but`: a rule that should not match it.
    """
    way = _way(walks, walks.rules[number])
    if way is None:
        return None
    hook, calls = way
    conditions = [walks.index.conditions[one] for one in (*calls, number)]
    if but is not None:
        conditions += _contrary(walks, but, number)
    made = walks.maker.packet(conditions, walks.table.name, hook)
    return None if made is None else (made, hook, calls)


def _contrary(walks: Walks, number: int, wanted: int) -> Sequence[Conditions]:
    """What is against one of a rule's conditions that the wanted rule does not share, by chance which."""
    asked, shared = walks.index.conditions[number][0], walks.index.conditions[wanted][0]
    keys = [key for key, condition in asked.items() if condition is not shared.get(key)]
    if not keys:
        return ()
    key = keys[int(walks.maker.chance.random() * len(keys))]
    if (number, key) not in walks.contraries:
        walks.contraries[number, key] = {key: Not(asked[key])}, ()
    return (walks.contraries[number, key],)


def _way(walks: Walks, rule: Rule) -> tuple[str, list[int]] | None:
    """A hook, and the jumps that lead from it to a rule's chain, by chance."""
    chain = rule.chain
    calls: list[int] = []
    for _ in range(_DEEP):
        if chain in BUILTIN_CHAINS[walks.table.name]:
            return chain, calls
        callers = walks.callers(chain)
        if not callers:
            return None
        number = callers[int(walks.maker.chance.random() * len(callers))]
        calls.append(number)
        chain = walks.rules[number].chain
    return None


class _Frame(NamedTuple):
    """A chain that a packet is in: the number of the next rule, and as bits those from there on that it may match."""

    place: int
    here: int
    end: int
    chain: str


@dataclass(eq=False, slots=True)
class _Led:
    """A packet on its way, the rules that it matched, with what it was then, and how far it came in chains."""

    packet: Packet
    meeting: int
    frames: list[_Frame] = field(default_factory=list)
    matched: list[tuple[int, Packet]] = field(default_factory=list)
    reached: list[tuple[str, int]] = field(default_factory=list)


def _lead(walks: Walks, packet: Packet, hook: str, wanted: int) -> None:
    """Lead a packet that is meant for a rule past all rules, and note what it finds if there can be such a packet."""
    if not walks.entries[hook].holds(packet):
        return
    led = _Led(packet, walks.index.meeting(packet.values, packet.interfaces))
    _enter(walks, led, hook)
    _pass(walks, led)
    for number, at in led.matched:
        walks.found.setdefault(number, at)
    for chain, number in led.reached:
        if number > walks.reached.get(chain, -1):
            walks.reached[chain] = number
    if led.matched and wanted not in walks.found:
        walks.lost[wanted] = led.matched[-1]


def _pass(walks: Walks, led: _Led) -> None:
    frames, conditions = led.frames, walks.index.conditions
    while frames and len(led.reached) < _STEPS:
        place, here, end, chain = frames.pop()
        if not here:
            led.reached.append((chain, end))
            continue
        passed = (here & -here).bit_length()
        number = place + passed - 1
        led.reached.append((chain, number))
        frames.append(_Frame(place + passed, here >> passed, end, chain))
        left = conditions[number][1]
        if not left or all(holds(part, led.packet) for part in left):
            led.matched.append((number, led.packet))
            if not _done(walks, led, number):
                return


def _enter(walks: Walks, led: _Led, chain: str) -> None:
    start = walks.starts[chain]
    end = start + len(walks.table.chains[chain].rules)
    led.frames.append(_Frame(start, _between(led.meeting, start, end), end, chain))


def _between(bits: int, start: int, end: int) -> int:
    return (bits >> start) & ((1 << (end - start)) - 1)


def _done(walks: Walks, led: _Led, number: int) -> bool:
    """Do what a rule does; whether the packet goes on in the table."""
    for step in walks.steps(number):
        if step.asks is not ALWAYS and not holds(step.asks, led.packet):
            continue
        for effect in step.effects:
            match effect:
                case Decide() | Translate():
                    return False
                case Return():
                    led.frames.pop()
                    return True
                case Call(chain, goto):
                    if goto:
                        led.frames.pop()
                    _enter(walks, led, chain)
                    return True
                case Assign():
                    _assign(walks, led, effect)
                case _:
                    pass  # what is put in may be what was there
    return True


def _assign(walks: Walks, led: _Led, effect: Assign) -> None:
    old = led.packet.value(effect.field)
    led.packet = led.packet._replace(values={**led.packet.values, effect.field: (old & ~effect.mask) ^ effect.value})
    led.meeting = walks.index.meeting(led.packet.values, led.packet.interfaces)
    led.frames[:] = [one._replace(here=_between(led.meeting, one.place, one.end)) for one in led.frames]
