"""Rules without which all packets meet the same verdict, because later rules give it to them. Knows no finding.

Not those that a policy makes redundant, nor a rule for all packets: what is refused or let in by default may be spelt
out. Only one of several rules that repeat each other is left: each of those found can go alone, and all together.
Single packets show of most rules that they are needed; sets are asked about the others only.
"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.model.rule import Rule
from ruleset_lint.netfilter.extension import Memory
from ruleset_lint.packets.arrivals_certain import Certain

from ._ground import Ground
from ._later import Does, Later
from ._needed import is_needed
from ._shared import Redundant, is_foreign

_MOST = 500  # that are told of a table


def redundant(ground: Ground, dead: frozenset[int], certain: Certain) -> Iterator[Redundant]:
    """The redundant rules of a table; `dead` are the lines of rules that no packet matches. Raises NotDecidedError."""
    if ground.changed:
        return
    later = Later(ground, certain, dead)
    for name in ground.callers_first:
        for rule in reversed(ground.table.chains[name].rules):
            called = ground.called(rule)
            if called is not None:
                later.sites.setdefault(called, []).append(rule)
            elif _may_go(later, rule) and not is_needed(later, rule) and _is_met(later, rule):
                later.spare[rule.number] = rule
    for _, rule in sorted(later.spare.items())[:_MOST]:
        yield Redundant(rule, tuple(_others(later, rule)))


def _may_go(later: Later, rule: Rule) -> bool:
    """Whether a rule does nothing but decide about some packets, in a chain that is the administrator's."""
    if later.does(rule)[1] is None or rule.number in later.dead or is_foreign(rule.chain):
        return False
    entries = [part.entry for part in rule.shape.matches]
    return all(entry is not None and entry.memory is not Memory.REMEMBERS for entry in entries)


def _is_met(later: Later, rule: Rule) -> bool:
    """Whether all packets that a rule matches meet its verdict behind it; not if there are none."""
    ground, space = later.ground, later.ground.space
    left = space.both(ground.matched(rule), ground.way(rule.chain))
    verdict = later.does(rule)[1] or ""
    if space.is_empty(left):
        return False
    for other in _near(later, rule):
        does, its = later.does(other)
        if later.is_passed(other, verdict):
            continue
        matched = later.whatever_counts(other) if does is Does.COUNTS else ground.matched(other)
        if does is Does.RETURNS:
            if not space.within(space.both(left, matched), later.after(rule.chain, verdict)):
                return False
        elif not (does is Does.DECIDES and its == verdict) and not space.is_empty(space.both(left, matched)):
            return False
        left = space.without(left, matched)
        if space.is_empty(left):
            return True
    return space.within(left, later.after(rule.chain, verdict))


def _near(later: Later, rule: Rule) -> Iterator[Rule]:
    """The later rules of a rule's chain that may match one of its packets."""
    certain, number = later.certain, later.certain.numbers[rule.number]
    return (certain.rules[one] for one in certain.of_chain(certain.near(rule), rule.chain, number + 1))


def _others(later: Later, rule: Rule) -> Iterator[Rule]:
    """The rules that give a redundant rule's packets the same verdict, in its chain, else in the only caller's."""
    ground, space, certain = later.ground, later.ground.space, later.certain
    left = space.both(ground.matched(rule), ground.way(rule.chain))
    near, before = certain.near(rule), rule
    seen: set[str] = set()
    while before.chain not in seen:
        seen.add(before.chain)
        for number in certain.of_chain(near, before.chain, certain.numbers[before.number] + 1):
            other = certain.rules[number]
            if other.number in later.dead or other.number in later.spare or not _is_alike(later, rule, other):
                continue
            matched = ground.matched(other)
            if space.is_empty(space.both(left, matched)):
                continue
            yield other
            left = space.without(left, matched)
            if space.is_empty(left):
                return
        callers = ground.table.callers.get(before.chain, ())
        if len(callers) != 1:
            return
        before = callers[0]


def _is_alike(later: Later, rule: Rule, other: Rule) -> bool:
    return later.does(other)[1] == later.does(rule)[1]
