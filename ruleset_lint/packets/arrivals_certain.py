"""What single packets tell for certain of the rules of a table. Draws no sets.

matched(reading, table, chains, entries) -> Certain
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Table
from ruleset_lint.packets.arrivals_index import Index
from ruleset_lint.packets.arrivals_walks import Walks, made_for, walked
from ruleset_lint.packets.doing import Step
from ruleset_lint.packets.effect import Call, Decide, Return, Translate
from ruleset_lint.packets.formula import ALWAYS, Formula, Packet, holds
from ruleset_lint.packets.summary import Reading


class Sent(NamedTuple):
    """A packet, and as bits the numbers of the rules whose conditions about single fields it meets."""

    packet: Packet
    meeting: int


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
    _walks: Walks

    def comes(self, rule: Rule) -> bool:
        """Whether a packet came to a rule."""
        return self.numbers[rule.number] <= self._walks.reached.get(rule.chain, -1)

    def enters(self, chain: str) -> bool:
        """Whether a packet came into a chain."""
        return chain in self._walks.reached

    def is_covered(self, rule: Rule) -> bool:
        """Whether a rule before it in its chain takes all packets that it matches, if none is changed on its way.

        That is told by single fields: there may be such a rule, where none is found.
        """
        number, start = self.numbers[rule.number], self._walks.starts[rule.chain]
        before = (1 << number) - (1 << start)
        return bool(before & self.taking & self.index.covering(number))

    def taker(self, rule: Rule) -> tuple[Rule, Packet] | None:
        """A rule before it in its chain that takes all packets that it matches, and one of them that came so far.

        None if none was found. That holds where no packet is changed on its way.
        """
        number, start = self.numbers[rule.number], self._walks.starts[rule.chain]
        taker, packet = self._walks.lost.get(number, (-1, None))
        if packet is None or not start <= taker < number:
            return None
        sent = Sent(packet, self.index.meeting(packet.values, packet.interfaces))
        takes_all = self.taking & self.index.covering(number) & 1 << taker
        return (self.rules[taker], packet) if takes_all and self.matches(number, sent) else None

    def is_inside(self, rule: Rule, other: Rule) -> bool | None:
        """Whether another rule matches all packets that a rule matches; None if that was not found out."""
        found, number = self.found.get(rule.number), self.numbers[other.number]
        if found is not None and not self.matches(
            number, Sent(found, self.index.meeting(found.values, found.interfaces))
        ):
            return False
        return True if self.index.covering(self.numbers[rule.number]) >> number & 1 else None

    def near_before(self, rule: Rule) -> int:
        """The same, of the rules before it in its chain."""
        number, start = self.numbers[rule.number], self._walks.starts[rule.chain]
        return self.near(rule) & (1 << number) - (1 << start)

    def asks_nothing_opaque(self, rule: Rule) -> bool:
        """Whether a rule asks for single fields only; if not, nothing is said."""
        return bool(self.index.plain >> self.numbers[rule.number] & 1)

    def near(self, rule: Rule) -> int:
        """The numbers of the rules that may match a packet that a rule matches, as bits."""
        return self.index.all & ~self.index.apart(self.numbers[rule.number])

    @property
    def rules(self) -> Sequence[Rule]:
        """The rules by their numbers."""
        return self._walks.rules

    def of_chain(self, bits: int, chain: str, start: int) -> Iterator[int]:
        """Those of some numbers, given as bits, that rules of a chain have, from one of them on."""
        end = self._walks.starts[chain] + len(self._walks.table.chains[chain].rules)
        here = bits >> start & (1 << end - start) - 1
        while here:
            low = here & -here
            here ^= low
            yield start + low.bit_length() - 1

    def matches(self, number: int, sent: Sent) -> bool:
        """Whether a rule matches a packet."""
        parts = self.index.conditions[number][1]
        return bool(sent.meeting >> number & 1) and all(holds(part, sent.packet) for part in parts)

    def sent(self, rule: Rule, tries: int) -> Iterator[Sent]:
        """Packets that are sent to a rule and match it, if no rule takes or changes any."""
        number = self.numbers[rule.number]
        found = self.found.get(rule.number)
        if found is not None:
            yield Sent(found, self.index.meeting(found.values, found.interfaces))
        for _ in range(tries):
            made = made_for(self._walks, number)
            if made is None:
                continue
            packet, hook, calls = made
            sent = Sent(packet, self.index.meeting(packet.values, packet.interfaces))
            if all(self.matches(one, sent) for one in (number, *calls)) and self._walks.entries[hook].holds(packet):
                yield sent


def matched(reading: Reading, table: Table, chains: Sequence[str], entries: Mapping[str, Formula]) -> Certain:
    """What packets made up for the rules of some chains match. `entries`: what is true of the packets of a hook."""
    walks = walked(reading, table, chains, entries)
    found = {walks.rules[number].number: packet for number, packet in walks.found.items()}
    taking = sum(1 << number for number in range(len(walks.rules)) if _takes_all(walks.steps(number)))
    return Certain(found, walks.numbers, walks.index, frozenset(found), taking, walks)


def _takes_all(steps: Sequence[Step]) -> bool:
    """Whether no packet comes past a rule that does this."""
    if len(steps) != 1 or steps[0].asks != ALWAYS:
        return False
    effect = steps[0].effects[-1]
    return isinstance(effect, Decide | Return | Translate) or (isinstance(effect, Call) and effect.goto)
