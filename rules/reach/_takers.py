"""Who takes the packets that a dead rule asks for: the rules that decide before them, in chains before and below.

Naming them is a courtesy: it is given up where it would take long, or where packets change on their way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from ruleset_lint.model.rule import Rule
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS
from ruleset_lint.packets.arrivals_certain import Certain
from ruleset_lint.packets.effect import Assign, Call, Decide, Replace, Return, Translate
from ruleset_lint.packets.formula import ALWAYS
from ruleset_lint.packets.space import PacketSet

from ._ground import Ground
from ._patience import Patience
from ._shared import MOST_PLACES, Taker

_STEPS = 5_000  # rules that are looked at for one dead rule
_MOST = 64  # rules of which is asked whether they are needed
_DEEPEST = 60  # chains below each other that are followed
_ENDS = (Decide, Return, Translate)


class _GivenUpError(Exception):
    """It takes too long, or goes too deep."""


@dataclass(eq=False, slots=True)
class _Search:
    """The rule, the chains that lead to it, the packets that were taken from it so far, by line."""

    ground: Ground
    dead: Rule
    leading: frozenset[str]
    patience: Patience
    certain: Certain | None
    near: int  # the rules that may match one of the packets, by their numbers as bits
    left: int = _STEPS
    taken: dict[int, tuple[Rule, list[PacketSet]]] = field(default_factory=dict)

    def take(self, rule: Rule, packets: PacketSet) -> None:
        """Note that a rule takes some."""
        if not self.ground.space.is_empty(packets):
            self.taken.setdefault(rule.number, (rule, []))[1].append(packets)

    def is_apart(self, rule: Rule) -> bool:
        """Whether a rule matches none of the packets that are followed."""
        if self.certain is None or rule.number not in self.certain.numbers:
            return False
        return not self.near >> self.certain.numbers[rule.number] & 1

    def step(self) -> None:
        """One more rule. Raises _GivenUpError."""
        self.left -= 1
        self.patience.steps -= 1
        if self.left < 0 or self.patience.steps < 0:
            raise _GivenUpError


def takers(
    ground: Ground, rule: Rule, packets: PacketSet, patience: Patience, certain: Certain | None = None
) -> tuple[Taker, ...]:
    """The rules that take these packets, on their way to a rule that none of them reaches; none where it is unclear."""
    if not patience.asks():
        return ()
    known = None if ground.changed else certain
    near = known.near(rule) if known else 0
    search = _Search(ground, rule, ground.leading(rule.chain), patience, known, near)
    space = ground.space
    try:
        for hook in BUILTIN_CHAINS[ground.table.name]:
            if hook in ground.table.hooks[rule.chain]:
                _follow(search, hook, space.both(packets, ground.entry(hook)), 0)
    except _GivenUpError:
        return ()
    return tuple(_shared_out(search, packets))


def _shared_out(search: _Search, packets: PacketSet) -> Iterator[Taker]:
    """Each taker with its share, where shares can be told: if they are those of a whole."""
    space = search.ground.space
    taken = [(rule, space.any_of(sets)) for rule, sets in search.taken.values()]
    found = _enough(search, packets) or taken
    shares: list[Fraction | None] = [None] * len(found)
    if 1 < len(found) <= MOST_PLACES and not search.ground.changed:
        whole = space.count(packets)
        told = [Fraction(space.count(part), whole) for _, part in found]
        if sum(told) == 1:
            shares = list(told)
    yield from (Taker(rule, share) for (rule, _), share in zip(found, shares, strict=True))


def _enough(search: _Search, packets: PacketSet) -> list[tuple[Rule, PacketSet]]:
    """The fewest rules of the dead one's chain that take all packets between them, and what each takes.

    Every packet that no rule elsewhere takes must pass them. None if others are needed.
    """
    ground, space = search.ground, search.ground.space
    here = [rule for rule, _ in search.taken.values() if rule.chain == search.dead.chain]
    if not 0 < len(here) <= _MOST:
        return []
    matched = {rule.number: space.both(ground.matched(rule), packets) for rule in here}
    needed = next(([rule] for rule in here if matched[rule.number] == packets), here)
    for rule in needed if len(needed) > 1 else ():
        others = [one for one in needed if one is not rule]
        if others and space.within(packets, space.any_of([matched[one.number] for one in others])):
            needed = others
    left, found = packets, []
    for rule in needed:
        found.append((rule, space.both(left, matched[rule.number])))
        left = space.without(left, matched[rule.number])
    return found if space.is_empty(left) else []


def ends(ground: Ground, rule: Rule) -> bool:
    """Whether a rule lets none of its packets come to the next rule."""
    steps = ground.reading.steps(rule, ground.table.chains)
    return any(step.asks == ALWAYS and any(isinstance(effect, _ENDS) for effect in step.effects) for step in steps)


def _follow(search: _Search, chain: str, packets: PacketSet, depth: int) -> PacketSet:
    """Those of the packets that come back from a chain without having come to the dead rule."""
    ground, space = search.ground, search.ground.space
    if depth > _DEEPEST:
        raise _GivenUpError
    back = space.none
    for rule in ground.table.chains[chain].rules:
        if space.is_empty(packets):
            break
        if rule == search.dead:
            return back
        if search.is_apart(rule):
            continue
        search.step()
        matched = space.both(ground.matched(rule), packets)
        if space.is_empty(matched):
            continue
        onward, returned = _past(search, rule, matched, depth)
        packets = space.either(space.without(packets, matched), onward)
        back = space.either(back, returned)
    return space.either(back, packets)


def _past(search: _Search, rule: Rule, matched: PacketSet, depth: int) -> tuple[PacketSet, PacketSet]:
    """Those of the matched packets that come to the next rule, and those that come back to the caller."""
    space = search.ground.space
    onward, returned = matched, space.none
    for step in search.ground.reading.steps(rule, search.ground.table.chains):
        met = space.both(onward, search.ground.reading.asks(rule, step))
        others = space.without(onward, met)
        for effect in step.effects:
            if isinstance(effect, _ENDS):
                if rule.chain in search.leading or not isinstance(effect, Return):
                    search.take(rule, met)
                else:
                    returned = space.either(returned, met)
                met = space.none
            elif isinstance(effect, Assign | Replace):
                met = search.ground.loose(met)
            elif isinstance(effect, Call):
                met, returned = _called(search, rule, effect, met, depth)
        onward = space.either(others, met)
    return onward, returned


def _called(search: _Search, rule: Rule, effect: Call, met: PacketSet, depth: int) -> tuple[PacketSet, PacketSet]:
    space = search.ground.space
    back = _follow(search, effect.chain, met, depth + 1)
    if not effect.goto:
        return back, space.none
    if rule.chain in search.leading:
        search.take(rule, back)
        return space.none, space.none
    return space.none, back
