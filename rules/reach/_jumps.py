"""Jumps to chains that do nothing with the packets that are sent there. Knows no verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ruleset_lint.model.rule import Rule
from ruleset_lint.netfilter.foreign import owner_of

from ._ground import Ground

_KEPT = 2  # chains of a table that are called and do nothing; where there are more, a program keeps places for later
_STEPS = 100_000  # rules that are asked whether they take notice, in all
_AT_ONCE = 2_000  # and for one jump


def dead_jumps(ground: Ground, dead: frozenset[int]) -> Iterator[Rule]:
    """Jumps in chains that do something, from which all packets come back as they were.

    `dead` are the lines of rules that no packet matches: where such a rule is among those called, it tells more.
    """
    idle = ground.idle
    kept = {called for callees in ground.table.callees.values() for called in callees if called in idle}
    left = _STEPS
    for name in ground.callers_first:
        for rule in () if name in idle or owner_of(name) else ground.table.chains[name].rules:
            called = ground.called(rule)
            if called is None or rule.goto or rule.number in dead or (called in idle and len(kept) > _KEPT):
                continue
            below = (called,) if called in idle else _below(ground, called, min(left, _AT_ONCE))
            if below is None:
                left -= _AT_ONCE
                continue
            left -= sum(1 + len(ground.table.chains[chain].rules) for chain in below)
            if called in idle or _all_pass(ground, rule, below, dead):
                yield rule


def _below(ground: Ground, chain: str, most: int) -> Sequence[str] | None:
    """A chain and those that it leads to; None if another program fills one of them, or they have too many rules."""
    found = {chain: None}
    waiting = [chain]
    while waiting:
        name = waiting.pop()
        most -= 1 + len(ground.table.chains[name].rules)
        if owner_of(name) or most < 0:
            return None
        waiting += [callee for callee in ground.table.callees[name] if callee not in found]
        found.update(dict.fromkeys(ground.table.callees[name]))
    return tuple(found)


def _all_pass(ground: Ground, rule: Rule, below: Sequence[str], dead: frozenset[int]) -> bool:
    """Whether no rule of some chains takes notice of what a rule sends there."""
    space = ground.space
    sent = space.both(ground.matched(rule), ground.loose(ground.way(rule.chain)))
    for chain in below:
        for acting in ground.acting[chain]:
            if acting.number in dead or not space.is_empty(space.both(ground.matched(acting), sent)):
                return False
    return True
