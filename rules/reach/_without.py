"""Rules without which all packets meet the same verdict, because later rules give it to them. Knows no finding.

Not those that a policy makes redundant, nor a rule for all packets: what is refused or let in by default may be spelt
out. Only one of several rules that repeat each other is left: each of those found can go alone, and all together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ruleset_lint.model.rule import Rule
from ruleset_lint.netfilter.extension import Memory
from ruleset_lint.packets.formula import ALWAYS
from ruleset_lint.packets.space import PacketSet, Space
from ruleset_lint.packets.summary import counted

from ._ground import Ground, is_return
from ._shared import Redundant, is_foreign

_MOST = 500  # that are told of a table
_ELSEWHERE = ""  # in place of a verdict: the packets that are not sent from there
_Verdicts = dict[str, PacketSet]


@dataclass(eq=False, slots=True)
class _Fold:
    """A table folded from its end; by chain the packets that meet a verdict after it, wherever it is called."""

    ground: Ground
    dead: frozenset[int]
    after: dict[str, list[_Verdicts]] = field(default_factory=dict)
    found: list[Rule] = field(default_factory=list)


def redundant(ground: Ground, dead: frozenset[int]) -> Iterator[Redundant]:
    """The redundant rules of a table; `dead` are the lines of rules that no packet matches. Raises NotDecidedError."""
    if ground.changed:
        return
    fold = _Fold(ground, dead)
    for name in ground.callers_first:
        _chain(fold, name)
    for rule in sorted(fold.found, key=lambda rule: rule.number)[:_MOST]:
        gone = dead | {other.number for other in fold.found}
        yield Redundant(rule, tuple(_others(ground, rule, gone)))


def _chain(fold: _Fold, name: str) -> None:
    """Look at the rules of a chain from the last to the first, and note what comes after those that it calls."""
    ground = fold.ground
    after = _meeting(ground.space, fold.after.pop(name, []))
    here = dict(after)
    for rule in reversed(ground.table.chains[name].rules):
        matched = ground.matched(rule)
        if ground.called(rule) is not None:
            here = _call(fold, rule, matched, here, after)
        elif is_return(rule) and not _counts(ground, rule):
            here = _returning(ground.space, matched, here, after)
        else:
            here = _decision(fold, rule, matched, here)


def _call(fold: _Fold, rule: Rule, matched: PacketSet, here: _Verdicts, after: _Verdicts) -> _Verdicts:
    """Before a jump: what the chain may do with its packets, nobody is to take for granted."""
    ground, space = fold.ground, fold.ground.space
    called = ground.called(rule) or ""
    behind = after if rule.goto else here
    elsewhere = space.contrary(matched)
    sites = {verdict: space.either(packets, elsewhere) for verdict, packets in behind.items()}
    fold.after.setdefault(called, []).append({_ELSEWHERE: elsewhere, **sites})
    if not rule.goto and called in ground.idle:
        return here
    return _less(space, here, matched)


def _returning(space: Space, matched: PacketSet, here: _Verdicts, after: _Verdicts) -> _Verdicts:
    found = _less(space, here, matched)
    for verdict, packets in after.items():
        found[verdict] = space.either(found.get(verdict, space.none), space.both(matched, packets))
    return found


def _decision(fold: _Fold, rule: Rule, matched: PacketSet, here: _Verdicts) -> _Verdicts:
    """Before a rule that is neither jump nor RETURN; a rule that is found redundant decides nothing any more."""
    ground, space = fold.ground, fold.ground.space
    verdict = ground.verdict(rule)
    is_dead = rule.number in fold.dead
    spare = verdict is not None and not is_dead and _may_go(rule) and verdict in here and _is_within(
        ground, rule, matched, here[verdict])  # fmt: skip
    if spare:
        fold.found.append(rule)
    if _counts(ground, rule):
        return _less(space, here, _whatever_counts(ground, rule, matched))
    if ground.reading.meaning(rule) == ALWAYS:
        return {}
    found = _less(space, here, matched, keep=verdict)
    if verdict is not None and not spare and not is_dead:
        found[verdict] = space.either(found.get(verdict, space.none), matched)
    return found


def _is_within(ground: Ground, rule: Rule, matched: PacketSet, packets: PacketSet) -> bool:
    """Whether all packets of a rule are in a set."""
    space = ground.space
    return space.within(matched, packets) or space.within(space.both(matched, ground.way(rule.chain)), packets)


def _may_go(rule: Rule) -> bool:
    """Whether a rule does nothing but decide, in a chain that is the administrator's."""
    entries = [part.entry for part in rule.shape.matches]
    return not is_foreign(rule.chain) and all(
        entry is not None and entry.memory is not Memory.REMEMBERS for entry in entries
    )


def _counts(ground: Ground, rule: Rule) -> bool:
    return ground.space.counts(ground.reading.meaning(rule))


def _whatever_counts(ground: Ground, rule: Rule, matched: PacketSet) -> PacketSet:
    """The packets that a rule asks its counting conditions about."""
    reading = ground.reading
    return ground.space.freed(matched, counted(ground.space, reading.meaning(rule), reading.place(rule)))


def _less(space: Space, verdicts: Mapping[str, PacketSet], packets: PacketSet, *, keep: str | None = None) -> _Verdicts:
    """The verdicts without these packets, but for one of them."""
    return {name: found if name == keep else space.without(found, packets) for name, found in verdicts.items()}


def _meeting(space: Space, sites: list[_Verdicts]) -> _Verdicts:
    """The packets that meet a verdict wherever they were sent from; in a built-in chain, none."""
    if not sites:
        return {}
    found = {name: space.all for site in sites for name in site if name != _ELSEWHERE}
    for site in sites:
        found = {name: space.both(packets, site.get(name, site[_ELSEWHERE])) for name, packets in found.items()}
    return found


def _others(ground: Ground, rule: Rule, gone: frozenset[int]) -> Iterator[Rule]:
    """The rules that give a redundant rule's packets the same verdict, in its chain, else in the only caller's."""
    space, verdict = ground.space, ground.verdict(rule)
    left = space.both(ground.matched(rule), ground.way(rule.chain))
    before: Rule = rule
    seen: set[str] = set()
    while before.chain not in seen:
        seen.add(before.chain)
        for other in _behind(ground, before):
            matched = ground.matched(other)
            if other.number in gone or ground.verdict(other) != verdict or space.is_empty(space.both(left, matched)):
                continue
            yield other
            left = space.without(left, matched)
            if space.is_empty(left):
                return
        callers = ground.table.callers.get(before.chain, ())
        if len(callers) != 1:
            return
        before = callers[0]


def _behind(ground: Ground, rule: Rule) -> tuple[Rule, ...]:
    rules = ground.table.chains[rule.chain].rules
    return rules[rules.index(rule) + 1 :]
