"""A table as the rules about reachability look at it: its chains callers first, and the packets sent to each.

Knows no verdict: which packets are sent to a chain is asked as if no rule took any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset, Table
from ruleset_lint.netfilter.foreign import owner_of
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS
from ruleset_lint.packets.arrivals import entry
from ruleset_lint.packets.effect import Assign, Decide, Effect, Replace, Translate
from ruleset_lint.packets.formula import ALWAYS, STATE, Field
from ruleset_lint.packets.space import PacketSet, Space
from ruleset_lint.packets.summary import Reading
from ruleset_lint.packets.universe import universe
from ruleset_lint.packets.walk import bottom_up


class Ground:
    """A table that loads, read into a space."""

    def __init__(self, reading: Reading, ruleset: Ruleset, table: Table) -> None:
        """Nothing asked so far."""
        self.reading = reading
        self.ruleset = ruleset
        self.table = table
        self._entries: dict[str, PacketSet] = {}
        self._ways: dict[str, PacketSet] = {}
        self._matched: dict[int, PacketSet] = {}  # by line

    @property
    def space(self) -> Space:
        """All packets."""
        return self.reading.space

    @cached_property
    def callers_first(self) -> tuple[str, ...]:
        """The chains that a built-in chain leads to, each before those that it calls."""
        hooks = [hook for hook in BUILTIN_CHAINS[self.table.name] if hook in self.table.chains]
        callees_first = dict.fromkeys(name for hook in hooks for name in bottom_up(self.table, hook))
        return tuple(reversed(callees_first))

    @cached_property
    def acting(self) -> Mapping[str, tuple[Rule, ...]]:
        """By chain the rules that do something with packets: all but jumps and RETURN; those that only count, too."""
        chains = (self.table.chains[name] for name in self.callers_first)
        return {chain.name: tuple(rule for rule in chain.rules if self._acts(rule)) for chain in chains}

    def _acts(self, rule: Rule) -> bool:
        return not is_return(rule) and self.called(rule) is None

    @cached_property
    def idle(self) -> frozenset[str]:
        """The chains of one's own that do nothing with any packet, nor do those that they call."""
        found: set[str] = set()
        for name in reversed(self.callers_first):
            is_own = not owner_of(name) and name not in BUILTIN_CHAINS[self.table.name]
            if is_own and not self.acting[name] and found.issuperset(self.table.callees[name]):
                found.add(name)
        return frozenset(found)

    def called(self, rule: Rule) -> str | None:
        """The chain that a rule jumps or goes to."""
        name = rule.jump if rule.shape.jump else None
        return name if name is not None and name in self.table.chains else None

    def matched(self, rule: Rule) -> PacketSet:
        """The packets that a rule matches, as they are when they reach it."""
        found = self._matched.get(rule.number)
        if found is None:
            found = self._matched[rule.number] = self.reading.matched(rule)
        return found

    def entry(self, hook: str) -> PacketSet:
        """All packets that the table is asked about at a hook."""
        found = self._entries.get(hook)
        if found is None:
            found = self._entries[hook] = entry(self.space, self.table.name, hook)
        return found

    @cached_property
    def existing(self) -> PacketSet:
        """All packets that there are."""
        return self.space.of(universe(self.space.family, fragments=True))

    def effects(self, rule: Rule) -> Iterator[Effect]:
        """All that a rule can do."""
        for step in self.reading.steps(rule, self.table.chains):
            yield from step.effects

    def verdict(self, rule: Rule) -> str | None:
        """What a rule decides about every packet that it matches, if that is all it does."""
        steps = self.reading.steps(rule, self.table.chains)
        if len(steps) != 1 or steps[0].asks != ALWAYS or len(steps[0].effects) != 1:
            return None
        effect = steps[0].effects[0]
        if isinstance(effect, Decide):
            return effect.verdict
        return f"translated: {effect.text}" if isinstance(effect, Translate) else None

    @cached_property
    def changed(self) -> frozenset[Field]:
        """The fields that rules of the table change."""
        rules = (rule for rules in self.acting.values() for rule in rules)
        found = (effect for rule in rules for effect in self.effects(rule))
        return frozenset(effect.field for effect in found if isinstance(effect, Assign | Replace))

    def loose(self, packets: PacketSet) -> PacketSet:
        """The packets, with anything in what the table may have changed."""
        space = self.space
        free = [number for of in self.changed for number in space.variables(of, of.bits)]
        if self.changed - {STATE}:
            free += [number for key, numbers in space.known().items() if space.may_change(key) for number in numbers]
        return space.freed(packets, free) if free else packets

    def leading(self, chain: str) -> frozenset[str]:
        """A chain and all from which a way leads to it."""
        found = {chain}
        waiting = [chain]
        while waiting:
            for caller in self.table.callers.get(waiting.pop(), ()):
                if caller.chain not in found:
                    found.add(caller.chain)
                    waiting.append(caller.chain)
        return frozenset(found)

    def way(self, chain: str) -> PacketSet:
        """The packets that are sent to a chain if no rule takes any, as they are when they come."""
        if not self._ways:
            self._find_ways()
        return self._ways[chain]

    def _find_ways(self) -> None:
        sent: dict[str, list[PacketSet]] = {}
        for name in self.callers_first:
            here = [self.entry(name)] if name in BUILTIN_CHAINS[self.table.name] else []
            self._ways[name] = way = self.space.any_of([*here, *map(self.loose, sent.pop(name, ()))])
            for rule in self.table.chains[name].rules:
                callee = self.called(rule)
                if callee is not None:
                    sent.setdefault(callee, []).append(self.space.both(self.matched(rule), way))


def is_return(rule: Rule) -> bool:
    """Whether a rule sends packets back to the caller."""
    return rule.target == "RETURN"


def grounds(reading: Reading, ruleset: Ruleset) -> Iterator[Ground]:
    """The ruleset's tables, in its order."""
    for name, table in ruleset.tables.items():
        if name in BUILTIN_CHAINS:
            yield Ground(reading, ruleset, table)
