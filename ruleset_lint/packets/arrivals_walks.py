"""Single packets led past a table's rules, to see of most rules that some packet matches them. Draws no sets.

    matched(reading, ruleset, table) -> {rule number: packet as it is at the rule}

What is found is found for certain; of a rule that is not found nothing is said. A few packets are made for each rule,
and every rule that one of them matches on its way is found with it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Table
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS
from ruleset_lint.packets.arrivals_asked import Asked
from ruleset_lint.packets.arrivals_index import Index
from ruleset_lint.packets.arrivals_made import Made, Maker
from ruleset_lint.packets.doing import Step
from ruleset_lint.packets.effect import Assign, Call, Decide, Return, Translate
from ruleset_lint.packets.formula import ALWAYS, Formula, Opaque, Packet, holds
from ruleset_lint.packets.summary import Reading

_STEPS = 500  # rules that one packet may match
_DEEP = 64  # calls on the way to a rule
_ROUNDS = 8
_WORTH = 0.1  # share of the packets of a round that must find a rule for another round


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


@dataclass(frozen=True, eq=False, slots=True)
class Certain:
    """By line the rules of a table that some packet matches, each with one, as it is when it comes to the rule.

    Of other rules nothing is said. `settled` are the lines of rules about which there is nothing more to ask.
    """

    found: Mapping[int, Packet]
    numbers: Mapping[int, int]  # by line
    index: Index
    settled: frozenset[int]
    taking: int  # the rules that let no packet that they match come to the next rule, as bits
    _reached: Mapping[str, int]  # by chain the last number to which a packet came
    _starts: Mapping[str, int]  # by chain the number of its first rule

    def comes(self, rule: Rule) -> bool:
        """Whether a packet came to a rule."""
        return self.numbers[rule.number] <= self._reached.get(rule.chain, -1)

    def enters(self, chain: str) -> bool:
        """Whether a packet came into a chain."""
        return chain in self._reached

    def is_covered(self, rule: Rule) -> bool:
        """Whether a rule before it in its chain takes all packets that it matches, if none is changed on its way.

        That is told by single fields: there may be such a rule, where none is found.
        """
        number, start = self.numbers[rule.number], self._starts[rule.chain]
        before = (1 << number) - (1 << start)
        return bool(before & self.taking & self.index.covering(number))

    def near(self, rule: Rule) -> int:
        """The numbers of the rules that may match a packet that a rule matches, as bits."""
        return self.index.all & ~self.index.apart(self.numbers[rule.number])


def matched(reading: Reading, table: Table, chains: Sequence[str], entries: Mapping[str, Formula]) -> Certain:
    """What packets made up for the rules of some chains match. `entries`: what is true of the packets of a hook."""
    walks = _begin(reading, table, chains, entries)
    waiting = list(range(len(walks.rules)))
    for _ in range(_ROUNDS):
        before = len(walks.found)
        tried = sum(_try(walks, number) for number in waiting if number not in walks.found)
        if len(walks.found) - before < max(1, tried * _WORTH):
            break
        waiting = [number for number in waiting if number not in walks.found]
    found = {walks.rules[number].number: packet for number, packet in walks.found.items()}
    taking = sum(1 << number for number in range(len(walks.rules)) if _takes_all(walks.steps(number)))
    starts = walks.starts
    return Certain(found, walks.numbers, walks.index, frozenset(found), taking, walks.reached, starts)


def _takes_all(steps: Sequence[Step]) -> bool:
    """Whether no packet comes past a rule that does this."""
    if len(steps) != 1 or steps[0].asks != ALWAYS:
        return False
    effect = steps[0].effects[-1]
    return isinstance(effect, Decide | Return | Translate) or (isinstance(effect, Call) and effect.goto)


def _begin(reading: Reading, table: Table, chains: Sequence[str], entries: Mapping[str, Formula]) -> Walks:
    rules: list[Rule] = []
    starts: dict[str, int] = {}
    for name in chains:
        starts[name] = len(rules)
        rules += table.chains[name].rules
    formulas = [reading.meaning(rule) for rule in rules]
    numbers = {rule.number: number for number, rule in enumerate(rules)}
    names = [name for name in reading.space.names.names if name]
    maker = Maker(reading.space.family, names, random.Random(0))  # noqa: S311 - the same packets each time
    index = Index(formulas, reading.space.family, reading.space.names.names)
    return Walks(
        reading, table, rules, starts, numbers, index, maker, {of: Asked(what) for of, what in entries.items()}
    )


def _try(walks: Walks, number: int) -> int:
    """Lead a packet that is made for a rule past all rules; whether there is one."""
    if number in walks.found:
        return 0
    way = _way(walks, walks.rules[number])
    if way is None:
        return 1
    hook, calls = way
    made = walks.maker.packet([walks.index.conditions[one] for one in (*calls, number)], walks.table.name, hook)
    if made is not None:
        _lead(walks, made, hook)
    return 1


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


@dataclass(eq=False, slots=True)
class _Led:
    """A packet on its way, the rules that it matched, with what it was then, and how far it came in chains."""

    packet: Packet
    answers: frozenset[str]
    meeting: int
    matched: list[tuple[int, Packet]] = field(default_factory=list)
    reached: list[tuple[str, int]] = field(default_factory=list)

    def answer(self, asked: Opaque) -> bool:
        """Its answer to an opaque question, the same wherever it is asked."""
        return asked.text in self.answers


def _lead(walks: Walks, made: Made, hook: str) -> None:
    """Lead a packet past all rules, and note what it finds if there can be such a packet."""
    packet = Packet(walks.reading.space.family, made.values, made.interfaces, dict.fromkeys(made.answers, True))
    led = _Led(packet, made.answers, walks.index.meeting(made.values, made.interfaces))
    _pass(walks, led, hook)
    if walks.entries[hook].holds(packet):
        for number, at in led.matched:
            walks.found.setdefault(number, at)
        for chain, number in led.reached:
            walks.reached[chain] = max(number, walks.reached.get(chain, 0))


def _pass(walks: Walks, led: _Led, hook: str) -> None:
    frames = [_chain(walks, hook)]
    while frames and len(led.reached) < _STEPS:
        place, end, chain = frames.pop()
        here = (led.meeting >> place) & ((1 << (end - place)) - 1)
        if not here:
            led.reached.append((chain, end))
            continue
        number = place + (here & -here).bit_length() - 1
        led.reached.append((chain, number))
        frames.append((number + 1, end, chain))
        if all(holds(part, led.packet, answer=led.answer) for part in walks.index.conditions[number][1]):
            led.matched.append((number, led.packet))
            if not _done(walks, led, number, frames):
                return


def _chain(walks: Walks, name: str) -> tuple[int, int, str]:
    start = walks.starts[name]
    return start, start + len(walks.table.chains[name].rules), name


def _done(walks: Walks, led: _Led, number: int, frames: list[tuple[int, int, str]]) -> bool:
    """Do what a rule does; whether the packet goes on in the table."""
    for step in walks.steps(number):
        if step.asks != ALWAYS and not holds(step.asks, led.packet, answer=led.answer):
            continue
        for effect in step.effects:
            match effect:
                case Decide() | Translate():
                    return False
                case Return():
                    frames.pop()
                    return True
                case Call(chain, goto):
                    if goto:
                        frames.pop()
                    frames.append(_chain(walks, chain))
                    return True
                case Assign():
                    _assign(walks, led, effect)
                case _:
                    pass  # what is put in may be what was there
    return True


def _assign(walks: Walks, led: _Led, effect: Assign) -> None:
    old = led.packet.value(effect.field)
    values = {**led.packet.values, effect.field: (old & ~effect.mask) ^ effect.value}
    led.packet = Packet(led.packet.family, values, led.packet.interfaces, led.packet.answers)
    led.meeting = walks.index.meeting(values, led.packet.interfaces)
