"""Which rules no packet matches, and why; which jumps lead to nothing; which rules could go. Knows no finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from itertools import groupby
from typing import TypeVar

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets.arrivals import Arrival, arrivals, matched_for_certain
from ruleset_lint.packets.arrivals_certain import Certain
from ruleset_lint.packets.bounds import NotDecidedError, deadline, seconds_left
from ruleset_lint.packets.effect import Assign, Replace
from ruleset_lint.packets.formula import Field
from ruleset_lint.packets.space import PacketSet, Space
from ruleset_lint.packets.summary import reading_of

from ._ground import Ground, grounds
from ._jumps import dead_jumps
from ._patience import Patience
from ._reasons import excluding
from ._shared import MOST_PLACES, Dead, Reach, Taker, Why, is_foreign
from ._takers import ends, takers
from ._untracking import Untracked, untracked
from ._without import redundant

_NAMELESS = frozenset("/: \t")  # dev_valid_name of net/core/dev.c
_Answer = TypeVar("_Answer")


def fold(ruleset: Ruleset, seconds: float) -> Reach:
    """What packets come to in a ruleset that loads. Raises NotDecidedError.

    Dead jumps and redundant rules are looked for when they are asked for, in what is left of the time.
    """
    reading = reading_of(ruleset, deadline=deadline(seconds))
    tables = list(grounds(reading, ruleset))
    patience = Patience()
    gone = untracked(tables)
    certain = {ground.table.name: _certain(ground, gone) for ground in tables}
    dead = tuple(found for ground in tables for found in _dead(ground, gone, patience, certain[ground.table.name]))
    numbers = frozenset(found.rule.number for found in dead)
    clock = _Clock(reading.space)
    clock.stop()
    return Reach(
        dead,
        clock.asked(lambda: tuple(found for ground in tables for found in dead_jumps(ground, numbers))),
        clock.asked(
            lambda: tuple(
                found for ground in tables for found in redundant(ground, numbers, certain[ground.table.name])
            )
        ),
    )


class _Clock:
    """The seconds that are left, which pass only while something is asked."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.left = 0.0

    def stop(self) -> None:
        """No more is asked for now."""
        self.left = seconds_left(self.space.deadline or 0)

    def asked(self, ask: Callable[[], _Answer]) -> Callable[[], _Answer | NotDecidedError]:
        """Ask once, in the time that is left then."""

        @cache
        def answer() -> _Answer | NotDecidedError:
            self.space.deadline = deadline(self.left)
            try:
                return ask()
            except NotDecidedError as error:
                return error
            finally:
                self.stop()

        return answer


def _dead(ground: Ground, gone: Untracked, patience: Patience, certain: Certain) -> Iterator[Dead]:
    """The dead rules of the chains that packets enter."""
    found = [(rule, True) for rule in _covered(ground, certain)]
    settled = certain.settled | {rule.number for rule, _ in found}
    arrived = arrivals(ground.reading, ground.ruleset, ground.table.name, but=replace(certain, settled=settled))
    for chain, rules in groupby(arrived, lambda arrival: arrival.rule.chain):
        if not is_foreign(chain):
            found += _without_packets(ground, gone, rules, certain)
    for rule, comes in sorted(found, key=lambda one: certain.numbers[one[0].number]):
        if not is_foreign(rule.chain) and not is_foreign(ground.called(rule) or ""):
            yield _explained(ground, gone, rule, patience, certain, comes=comes)


def _certain(ground: Ground, gone: Untracked) -> Certain:
    """What is settled without sets: a packet that there can be after raw matches a rule."""
    certain = matched_for_certain(ground.reading, ground.table)
    rules = (rule for chain in ground.callers_first for rule in ground.table.chains[chain].rules)
    alive = (rule.number for rule in rules if rule.number in certain.found and not _has_no_name(rule)
             and gone.allows(ground, rule, certain.found[rule.number]))  # fmt: skip
    return replace(certain, settled=frozenset(alive))


def _covered(ground: Ground, certain: Certain) -> Iterator[Rule]:
    """The rules to which packets come, but none that they match: one before them takes those."""
    for chain in ground.callers_first if not ground.changed else ():
        for rule in ground.table.chains[chain].rules:
            if rule.number not in certain.settled and certain.comes(rule) and certain.is_covered(rule):
                yield rule


def _without_packets(
    ground: Ground, gone: Untracked, rules: Iterator[Arrival], certain: Certain
) -> Iterator[tuple[Rule, bool]]:
    """The rules of a chain that no packet matches, and whether any comes; none of a chain that no packet enters."""
    space = ground.space
    entered = False
    for arrival in rules:
        rule, matching = arrival.rule, arrival.matching
        entered = entered or certain.enters(rule.chain) or not space.is_empty(arrival.arriving)
        if not entered:
            continue
        is_dead = space.is_empty(matching) or space.is_empty(gone.left(ground, rule, matching)) or _has_no_name(rule)
        if is_dead:
            yield rule, certain.comes(rule) or not space.is_empty(arrival.arriving)


def _has_no_name(rule: Rule) -> bool:
    """Whether a rule asks for an interface whose name the kernel gives to none."""
    uses = map(rule.shape.parameter, ("-i", "-o"))
    return any(use and use.operands and not use.negated and _NAMELESS & set(rule.text(use.operands[0])) for use in uses)


def _explained(
    ground: Ground, gone: Untracked, rule: Rule, patience: Patience, certain: Certain, *, comes: bool
) -> Dead:
    """Why no packet matches a rule; `comes`: whether some come to it."""
    space = ground.space
    if _has_no_name(rule):
        return Dead(rule, Why.NAME)
    taker = certain.taker(rule) if not ground.changed and not gone.says(ground, rule) else None
    if taker is not None:
        return _taken_by(ground, rule, taker[0], patience, certain)
    asked = ground.matched(rule)
    for why, among in _stages(ground, rule):
        if space.is_empty(space.both(asked, among)):
            because = ground.table.callers.get(rule.chain, ()) if why is Why.WAY else ()
            return Dead(rule, why, excluding(space, rule, among, patience), because[:MOST_PLACES])
    wanted = space.both(asked, ground.loose(ground.way(rule.chain)))
    if space.is_empty(gone.left(ground, rule, wanted)):
        return Dead(rule, Why.UNTRACKED, because=gone.by(ground, wanted))
    left = gone.left(ground, rule, wanted)
    found = _taken(ground, rule, left, patience, certain, comes=comes)
    return found if left == wanted else found._replace(because=gone.by(ground, wanted))


def _taken_by(ground: Ground, rule: Rule, taker: Rule, patience: Patience, certain: Certain) -> Dead:
    """What one rule takes all packets of, as a packet showed."""
    if not patience.asks():
        return Dead(rule, Why.TAKEN)
    contrary = _decides_otherwise(ground, rule, taker)
    if contrary:
        inside = certain.is_inside(taker, rule)
        contrary = _is_inside(ground, taker, rule) if inside is None else inside
    return Dead(rule, Why.TAKEN, takers=(Taker(taker, None),), contrary=contrary)


def _stages(ground: Ground, rule: Rule) -> Iterator[tuple[Why, PacketSet]]:
    """Which packets there are, from all that exist to those that are sent to the rule's chain."""
    space = ground.space
    yield Why.CONDITIONS, ground.existing
    hooks = sorted(ground.table.hooks[rule.chain])
    yield Why.HOOK, ground.loose(space.any_of([ground.entry(hook) for hook in hooks]))
    yield Why.WAY, ground.loose(ground.way(rule.chain))


def _taken(ground: Ground, rule: Rule, wanted: PacketSet, patience: Patience, certain: Certain, *, comes: bool) -> Dead:
    space = ground.space
    changed = {of for of in ground.changed if of in space.asked(ground.reading.meaning(rule))}
    if changed and comes and not _is_covered(ground, rule):
        return Dead(rule, Why.CHANGED, because=tuple(_changing(ground, changed)))
    try:
        found = takers(ground, rule, wanted, patience, certain)
    except NotDecidedError:
        return Dead(rule, Why.TAKEN)  # which is proven; who takes them is not
    return Dead(rule, Why.TAKEN, takers=found, contrary=_is_contrary(ground, rule, wanted, found))


def _is_covered(ground: Ground, rule: Rule) -> bool:
    """Whether one rule before it in its chain takes all that it asks for, whatever was changed before."""
    space, asked = ground.space, ground.matched(rule)
    rules = ground.table.chains[rule.chain].rules
    before = (one for one in rules[: rules.index(rule)] if ends(ground, one))
    return any(space.within(asked, ground.matched(one)) for one in before)


def _changing(ground: Ground, changed: set[Field]) -> Iterator[Rule]:
    for chain in ground.callers_first:
        for one in ground.acting[chain]:
            if any(isinstance(effect, Assign | Replace) and effect.field in changed for effect in ground.effects(one)):
                yield one


def _is_contrary(ground: Ground, rule: Rule, wanted: PacketSet, found: tuple[Taker, ...]) -> bool:
    """Whether one rule takes all packets, asks for no others of those that come this way, and does something else."""
    if len(found) != 1 or ground.changed:
        return False
    other = found[0].rule
    if not _decides_otherwise(ground, rule, other):
        return False
    return ground.space.within(ground.space.both(ground.matched(other), ground.way(rule.chain)), wanted)


def _decides_otherwise(ground: Ground, rule: Rule, other: Rule) -> bool:
    mine, its = ground.verdict(rule), ground.verdict(other)
    return mine is not None and its is not None and mine != its


def _is_inside(ground: Ground, rule: Rule, other: Rule) -> bool:
    """Whether a rule asks for no packets that are sent to its chain but those that another asks for."""
    space = ground.space
    return space.within(space.both(ground.matched(rule), ground.way(rule.chain)), ground.matched(other))
