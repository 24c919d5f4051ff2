"""The packets that raw takes out of connection tracking for certain, and what that says of other tables.

Knows PREROUTING only, and no packet on `lo`: the host's own answers may carry the state of what they answer.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.tracking import untracks
from ruleset_lint.packets.formula import IN, STATE, TTL, Interface, Packet, in_state
from ruleset_lint.packets.space import PacketSet, Space
from ruleset_lint.packets.summary import summaries
from ruleset_lint.packets.witness import contains

from ._ground import Ground

_AFTER = frozenset({"PREROUTING", "INPUT", "FORWARD"})


class Untracked(NamedTuple):
    """The packets with another state than UNTRACKED that raw does not let be, and the rules that see to it."""

    impossible: PacketSet | None = None
    rules: tuple[Rule, ...] = ()

    def says(self, ground: Ground, rule: Rule) -> bool:
        """Whether it says anything of packets at a rule."""
        if self.impossible is None or ground.table.name == "raw":
            return False
        return ground.table.hooks[rule.chain] <= _AFTER

    def left(self, ground: Ground, rule: Rule, packets: PacketSet) -> PacketSet:
        """Those of the packets at a rule that there are after raw."""
        if self.impossible is None or not self.says(ground, rule):
            return packets
        return ground.space.without(packets, self.impossible)

    def allows(self, ground: Ground, rule: Rule, packet: Packet) -> bool:
        """Whether there can be a packet like this at a rule after raw."""
        if self.impossible is None or not self.says(ground, rule):
            return True
        return not contains(ground.space, self.impossible, packet)

    def by(self, ground: Ground, packets: PacketSet) -> tuple[Rule, ...]:
        """The rules that untrack packets like these."""
        space = ground.space
        alike = space.freed(packets, space.variables(STATE, STATE.bits))
        return tuple(one for one in self.rules if not space.is_empty(space.both(alike, ground.matched(one))))


def untracked(tables: Sequence[Ground]) -> Untracked:
    """What the raw table of a ruleset untracks. Raises NotDecidedError."""
    raw = next((ground for ground in tables if ground.table.name == "raw"), None)
    if raw is None:
        return Untracked()
    found = (rule for rule in raw.ruleset.where(untracks) if rule.table == "raw")
    rules = tuple(rule for rule in found if "PREROUTING" in raw.table.hooks[rule.chain])
    if not rules:
        return Untracked()
    space = raw.space
    store = summaries(raw.reading, raw.table, ("PREROUTING",))["PREROUTING"].store
    fresh = space.of(in_state("INVALID"))
    sure = space.both(store.now(space, space.of(in_state("UNTRACKED")), frozenset({STATE})), fresh)
    sure = space.freed(sure, space.variables(STATE, STATE.bits))
    sure = space.without(_for_any(space, sure, tables), space.of(Interface(IN, "lo")))
    return Untracked(space.without(sure, space.of(in_state("UNTRACKED"))), rules)


def _for_any(space: Space, packets: PacketSet, tables: Sequence[Ground]) -> PacketSet:
    """The packets that are in the set whatever is in the fields that may change before other tables are asked."""
    fields = {TTL, *(of for ground in tables for of in ground.changed)} - {STATE}
    free = [number for of in fields for number in space.variables(of, of.bits)]
    free += [number for key, numbers in space.known().items() if space.may_change(key) for number in numbers]
    return space.contrary(space.freed(space.contrary(packets), free))
