"""What routines do with sets of packets: who ends how, what happens on the way. Knows no service, changes nothing.

    Judge(space, table, family)                  how conditions and chains are read
    judge.of_step(step), of_routine(routine)     over all packets, whoever comes
    same(space, first, second, among)            whether some packets fare alike

What counts packets, writes logs or belongs to another program is an event with its own name: two routines do the same
only if the same packets meet it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

from ruleset_lint.model.loading import load
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Table
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.netfilter.foreign import owner_of
from ruleset_lint.packets.formula import Formula, Opaque
from ruleset_lint.packets.meaning import Meanings
from ruleset_lint.packets.space import PacketSet, Space
from ruleset_lint.rewrite.conditions import target_words
from ruleset_lint.rewrite.printing import condition_words
from ruleset_lint.rewrite.program import (
    Action,
    Call,
    Condition,
    Existing,
    Perform,
    Return,
    Routine,
    Step,
    all_routines,
)
from ruleset_lint.rewrite.specialise import is_pure
from ruleset_lint.syntax.iptables_save import parse
from ruleset_lint.syntax.words import quote

_Key = TypeVar("_Key")

NEXT: Final = "the next step is asked"
BACK: Final = "back to the caller"
TELLING: Final = frozenset({"AUDIT", "IDLETIMER", "LED", "LOG", "NFLOG", "TRACE", "ULOG"})
"""Targets that change nothing a later rule can see."""


class UnclearError(Exception):
    """A routine does what is not followed here: it changes packets."""


class Event(NamedTuple):
    """Something that happens to a packet, for the first time, the second and so on; 0: it does not matter how often."""

    name: str
    times: int = 1


class Outcome(NamedTuple):
    """Packets by how they end (the words of a verdict, NEXT, BACK), and by what happens to them before."""

    ends: Mapping[str, PacketSet]
    events: Mapping[Event, PacketSet]


def continued(space: Space, first: Outcome, where: str, rest: Outcome) -> Outcome:
    """What becomes of packets when those that end so (NEXT, BACK) go on with the rest."""
    onward = first.ends.get(where, space.none)
    ends = {end: packets for end, packets in first.ends.items() if end != where}
    for end, packets in rest.ends.items():
        ends[end] = space.either(ends.get(end, space.none), space.both(onward, packets))
    events = dict(first.events)
    for event, packets in rest.events.items():
        _happens(space, events, event, space.both(onward, packets))
    return Outcome(ends, events)


def _happens(space: Space, events: dict[Event, PacketSet], event: Event, packets: PacketSet) -> None:
    """Once more for some packets: for the second time, if it has happened to them before."""
    event = event._replace(times=min(event.times, 1))
    while not space.is_empty(packets):
        before = events.get(event, space.none)
        events[event] = space.either(before, packets)
        if not event.times:
            return
        packets = space.both(before, packets)
        event = event._replace(times=event.times + 1)


def chosen(space: Space, where: PacketSet, first: Outcome, second: Outcome) -> Outcome:
    """The first outcome for some packets, the second for all others."""
    return Outcome(_chosen(space, where, first.ends, second.ends), _chosen(space, where, first.events, second.events))


def _chosen(
    space: Space, where: PacketSet, first: Mapping[_Key, PacketSet], second: Mapping[_Key, PacketSet]
) -> dict[_Key, PacketSet]:
    names = dict.fromkeys((*first, *second))
    return {name: space.choose(where, first.get(name, space.none), second.get(name, space.none)) for name in names}


def same(space: Space, first: Outcome, second: Outcome, among: PacketSet) -> bool:
    """Whether all of some packets end alike, and meet the same on their way."""
    return _same(space, first.ends, second.ends, among) and _same(space, first.events, second.events, among)


def _same(space: Space, first: Mapping[_Key, PacketSet], second: Mapping[_Key, PacketSet], among: PacketSet) -> bool:
    names = dict.fromkeys((*first, *second))
    return all(
        space.both(among, first.get(name, space.none)) == space.both(among, second.get(name, space.none))
        for name in names
    )


@dataclass(frozen=True, eq=False, slots=True)
class Judge:
    """Routines that call chains of one table, read once each."""

    space: Space
    table: Table
    meanings: Meanings = field(default_factory=Meanings)
    _formulas: dict[tuple[Condition, ...], Formula] = field(default_factory=dict)
    _routines: dict[Routine, Outcome] = field(default_factory=dict)
    _chains: dict[str, Outcome] = field(default_factory=dict)

    def holds(self, conditions: Sequence[Condition], place: str = "") -> PacketSet:
        """The packets that meet conditions; what counts in them is a question of the place."""
        key = tuple(conditions)
        if key not in self._formulas:
            self._formulas[key] = self.meanings.of(_rule(key, self.space.family))
        return self.space.of(self._formulas[key], place)

    def of_routine(self, routine: Routine) -> Outcome:
        """What becomes of all packets; BACK for those that it does not decide. Raises UnclearError."""
        for one in all_routines([routine]):
            if one not in self._routines:
                self._routines[one] = self.of_steps(one.steps)
        return self._routines[routine]

    def of_steps(self, steps: Sequence[Step]) -> Outcome:
        """The same of steps in a row, whose routines are known."""
        found = Outcome({BACK: self.space.all}, {})
        for step in reversed(steps):
            found = continued(self.space, self.of_step(step), NEXT, found)
        return found

    def of_step(self, step: Step) -> Outcome:
        """What becomes of all packets at a step."""
        space = self.space
        matched = self.holds(step.conditions, step.origin)
        done = self._of_action(step.action, step.origin)
        ends = {end: space.both(matched, packets) for end, packets in done.ends.items()}
        ends[NEXT] = space.either(ends.get(NEXT, space.none), space.contrary(matched))
        events = {event: space.both(matched, packets) for event, packets in done.events.items()}
        pure = _before_impure(step.conditions)
        if len(pure) < len(step.conditions):
            words = " ".join(word for one in step.conditions if not one.pure for word in one.words)
            events[Event(f"{step.origin} asks {words}")] = self.holds(pure)
        return Outcome(ends, events)

    def _of_action(self, action: Action, origin: str) -> Outcome:
        everyone = self.space.all
        match action:
            case Perform(words, ends):
                return _performed(everyone, words, origin, ends=ends)
            case Return():
                return Outcome({BACK: everyone}, {})
            case Call(routine, goto):
                return _called(self.space, self.of_routine(routine), goto=goto)
            case Existing(chain, _, goto):
                return _called(self.space, self.of_chain(chain), goto=goto)

    def of_chain(self, name: str) -> Outcome:
        """What a chain of the table does. Raises UnclearError."""
        if name not in self._chains:
            self._chains[name] = self._foreign(name) if owner_of(name) else self._of_rules(name)
        return self._chains[name]

    def _foreign(self, name: str) -> Outcome:
        """A chain that will hold other rules tomorrow: nobody knows what it decides."""
        decided = self.space.of(Opaque(f"{name} decides"))
        ends = {f"as {name} says": decided, BACK: self.space.contrary(decided)}
        return Outcome(ends, {Event(f"{name} is asked", times=0): self.space.all})

    def _of_rules(self, name: str) -> Outcome:
        space = self.space
        found = Outcome({BACK: space.all}, {})
        for number, rule in reversed(list(enumerate(self.table.chains[name].rules, 1))):
            origin = f"from {name} rule {number}"
            matched = space.of(self.meanings.of(rule), origin)
            done = self._of_rule(rule, origin)
            events = {event: space.both(matched, packets) for event, packets in done.events.items()}
            if not is_pure(rule.shape):
                events[Event(f"{origin} is asked")] = space.all
            ends = {end: space.both(matched, packets) for end, packets in done.ends.items()}
            ends[NEXT] = space.either(ends.get(NEXT, space.none), space.contrary(matched))
            found = continued(space, Outcome(ends, events), NEXT, found)
        return found

    def _of_rule(self, rule: Rule, origin: str) -> Outcome:
        if rule.jump is not None:
            return _called(self.space, self.of_chain(rule.jump), goto=rule.goto)
        if rule.shape.target is None or rule.verdict is not Verdict.RETURN:
            ends = rule.shape.target is not None and rule.verdict is not Verdict.CONTINUE
            return _performed(self.space.all, target_words(rule), origin, ends=ends)
        return Outcome({BACK: self.space.all}, {})


def _performed(everyone: PacketSet, words: tuple[str, ...], origin: str, *, ends: bool) -> Outcome:
    text = " ".join(words)
    if ends:
        return Outcome({text: everyone}, {})
    if words and words[1] not in TELLING:
        raise UnclearError(f"{text} {origin}")
    return Outcome({NEXT: everyone}, {Event(f"{text} {origin}"): everyone} if words else {})


def _called(space: Space, callee: Outcome, *, goto: bool) -> Outcome:
    onward = Outcome({BACK if goto else NEXT: space.all}, {})
    return continued(space, callee, BACK, onward)


def _before_impure(conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    """The conditions that are asked before the first that counts; those of the header come first in any rule."""
    return tuple(_pure_ones(conditions))


def _pure_ones(conditions: Sequence[Condition]) -> Iterator[Condition]:
    counting = False
    for condition in conditions:
        counting |= not condition.pure
        if not counting or condition.words[0] != "-m" or condition.words[1] in ("tcp", "udp"):
            yield condition


def _rule(conditions: Sequence[Condition], family: int) -> Rule:
    """A rule with these conditions, as it would be loaded."""
    line = " ".join(map(quote, ("-A", "X", *condition_words(conditions), "-j", "ACCEPT")))
    found = load(parse("conditions", f"*filter\n:X - [0:0]\n{line}\nCOMMIT\n"), family)
    return found.tables["filter"].chains["X"].rules[0]
