"""From what contradicts a statement to differences: a packet a person would choose, and the rules that decide it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.values import STATES
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.course import CONNTRACK
from ruleset_lint.packets.difference import LISTED, Clause, Decision, Difference
from ruleset_lint.packets.fate import TRACKING, VERDICT
from ruleset_lint.packets.formula import Between, Field, Packet
from ruleset_lint.packets.meaning import Meanings
from ruleset_lint.packets.space import SIDES, PacketSet
from ruleset_lint.packets.statements import Statement
from ruleset_lint.packets.summary import Reading
from ruleset_lint.packets.supposing import suppose
from ruleset_lint.packets.trace import trace
from ruleset_lint.packets.witness import witness

_ASIDE = (ask.SOURCE_TYPE, ask.DESTINATION_TYPE, ask.TTL, ask.LENGTH, ask.MAC, ask.TOS, ask.PACKET_TYPE)
_CHANGING = (ask.STATE, ask.REPLY, ask.SNAT, ask.DNAT, ask.MARK, ask.TTL)


@dataclass(frozen=True, eq=False, slots=True)
class Finder:
    """Both rulesets, and how their rules are read."""

    reading: Reading
    before: Ruleset
    after: Ruleset
    meanings: Meanings = field(default_factory=Meanings)

    def found(self, statement: Statement) -> Iterator[Difference]:
        """Differences that contradict a statement, one for each pair of deciding rules. Raises NotDecidedError."""
        for what, packets in statement.apart:
            for verdicts, apart in self._by_verdict(statement, what, packets):
                left = apart
                for _ in range(2 * LISTED):  # one reason may be found more than once
                    if self.reading.space.is_empty(left):
                        break
                    difference, alike = self._one(statement, what, verdicts, left)
                    yield difference
                    left = self.reading.space.without(left, alike)

    def _by_verdict(
        self, statement: Statement, what: str, packets: PacketSet
    ) -> Iterator[tuple[tuple[str, str], PacketSet]]:
        space = self.reading.space
        for first, ends in statement.first.verdicts.items():
            for second, others in statement.second.verdicts.items():
                if what != VERDICT or first != second:
                    yield (first, second), space.both(space.both(packets, ends), others)

    def _one(
        self, statement: Statement, what: str, verdicts: tuple[str, str], packets: PacketSet
    ) -> tuple[Difference, PacketSet]:
        space, about = self.reading.space, statement.about
        packet = witness(space, packets)
        if packet is None:
            raise ValueError("there is no packet in an empty set")
        whole = packet._replace(values={of: packet.value(of) for of in space.fields})
        before = self._decision(self.before, whole, about.course, verdicts[0])
        seen = whole if about.state is None else _in_state(whole, about.state)
        after = self._decision(self.after, seen, about.course, verdicts[1])
        alike = packets
        for rule in (before.rule, after.rule):
            alike = space.both(alike, self._about(rule)) if rule else alike
        alike = packets if space.is_empty(alike) else alike
        clause: Clause = "E4" if what == TRACKING else about.clause
        plain = self._plain(whole, about.course, packets, about.among)
        sizes = space.count(alike), space.count(about.among)
        return Difference(clause, about.role, about.course, what, plain, before, after, *sizes), alike

    def _plain(self, packet: Packet, course: str, packets: PacketSet, among: PacketSet) -> Packet:
        """The packet without what makes no difference and would be guessed, or would be of no interest."""
        usual = {of: value for of, value in packet.values.items() if of not in _ASIDE}
        guessed = suppose(packet._replace(values=usual), course).packet
        kept = {
            of: value
            for of, value in packet.values.items()
            if of == ask.STATE
            or guessed.values.get(of, value) != value
            or (value and (of not in _ASIDE or self._matters(of, packets, among)))
        }
        return packet._replace(values=kept)

    def _matters(self, of: Field, packets: PacketSet, among: PacketSet) -> bool:
        """Whether the packets are told from others by a field; that some have no hops left is of no interest."""
        space = self.reading.space
        among = space.without(among, space.of(Between(ask.TTL, 0, 1)))
        freed = space.freed(packets, space.variables(of, of.bits))
        return space.both(freed, among) != space.both(packets, among)

    def _about(self, rule: Rule) -> PacketSet:
        """The packets that a rule may match, whatever has become of them when they reach it."""
        space = self.reading.space
        free = [number for key, numbers in space.known().items() if _may_change(key) for number in numbers]
        return space.freed(self.reading.matched(rule), free)

    def _decision(self, ruleset: Ruleset, packet: Packet, course: str, verdict: str) -> Decision:
        found = trace(ruleset, packet, course, meanings=self.meanings)
        state = next((one.verdict for one in found.passages if one.step.table == CONNTRACK), packet.state)
        decided = found.deciding.rule if found.deciding and found.verdict == verdict else None
        return Decision(verdict, decided, state)


def _may_change(key: object) -> bool:
    return key in _CHANGING if isinstance(key, Field) else key not in SIDES


def _in_state(packet: Packet, state: str) -> Packet:
    values = {of: value for of, value in packet.values.items() if of not in (ask.REPLY, ask.SNAT, ask.DNAT)}
    return packet._replace(values={**values, ask.STATE: STATES.index(state)})
