"""One packet through the tables of its course, hook by hook. Knows nothing of what else might have been.

Source: ip_tables.c (`ipt_do_table`), nf_nat_core.c (`nf_nat_inet_fn`), ip_forward.c (the TTL is lower in FORWARD).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Chain, Ruleset
from ruleset_lint.netfilter.values import ADDRESS_TYPES, STATES
from ruleset_lint.packets.course import CONNTRACK, COURSES, Step
from ruleset_lint.packets.doing import Step as Part
from ruleset_lint.packets.doing import steps_of
from ruleset_lint.packets.effect import Assign, Call, Decide, Effect, Note, Replace, Return, Translate
from ruleset_lint.packets.formula import (
    DESTINATION,
    DESTINATION_PORT,
    DESTINATION_TYPE,
    IN,
    OUT,
    PROTOCOL,
    SOURCE,
    SOURCE_PORT,
    STATE,
    TTL,
)
from ruleset_lint.packets.meaning import Meanings
from ruleset_lint.packets.packet_fields import ICMP_OF
from ruleset_lint.packets.supposing import Supposed
from ruleset_lint.packets.way import Way

ACCEPT = "ACCEPT"
FINAL = (Decide, Return, Call, Translate)
_LOCAL, _UNICAST = (ADDRESS_TYPES.index(name) for name in ("LOCAL", "UNICAST"))
_INVALID, _UNTRACKED = (STATES.index(name) for name in ("INVALID", "UNTRACKED"))


class Change(NamedTuple):
    """What a rule did beside deciding: `mark 0x0 > 0x1`, or its target where no later rule can see what it does."""

    rule: Rule
    text: str


class Passage(NamedTuple):
    """What a table did with the packet; `rule` is None where the policy decides, or nothing does.

    Of CONNTRACK the verdict is the state that it gives; of a nat table that is not asked it is empty. `met` are all
    rules with a target that the packet matched, jumps too, in the order in which it came to them.
    """

    step: Step
    verdict: str
    rule: Rule | None = None
    changes: tuple[Change, ...] = ()
    met: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Walking:
    """What all walks of a trace have in common."""

    ruleset: Ruleset
    supposed: Supposed
    meanings: Meanings
    fixed: bool  # the course was asked for


@dataclass(slots=True)
class Walk:
    """One walk, and what came of it."""

    way: Way
    course: str
    passages: list[Passage] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)  # of the table where it is, as the rules that it met
    met: list[Rule] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """ACCEPT, or what a table said that the packet did not get past."""
        last = self.passages[-1] if self.passages else None
        return last.verdict if last and _ends(last) else ACCEPT


def walk(walking: Walking, answers: Mapping[str, bool]) -> Walk:
    """Send the packet on its way with answers to questions by their texts; what has none is answered no."""
    supposed = walking.supposed
    guessed, state = dict(supposed.guessed), supposed.packet.value(STATE)
    looped = supposed.packet.interfaces.get(IN) == "lo"  # conntrack has seen it when it left
    values = dict(supposed.packet.values) | ({} if looped else {STATE: _INVALID})
    guess = None if looped else guessed.pop(STATE, None)
    way = Way(supposed.packet.family, values, {}, answers, guessed, set(supposed.unknown))
    found = Walk(way, supposed.course)
    hook = ""
    for step in _steps(found):
        if step.hook != hook:
            hook = step.hook
            _reach(found, hook, supposed.packet.interfaces)
        if step.table == CONNTRACK:
            _track(found, step, state, guess)
        elif (chain := walking.ruleset.chain(step.table, hook)) and not _is_empty(chain):
            found.passages.append(_pass(walking, found, chain, step))
        if step.table == "nat":
            _go_on(walking, found, step)
        if found.passages and _ends(found.passages[-1]):
            break
    return found


def _steps(walk: Walk) -> Iterator[Step]:
    """The steps of the course, which may become another one in PREROUTING."""
    yield from (step for step in COURSES[walk.course] if step.hook == "PREROUTING")
    yield from (step for step in COURSES[walk.course] if step.hook != "PREROUTING")


def _is_empty(chain: Chain) -> bool:
    """Whether nothing can happen in a built-in chain."""
    return not chain.rules and chain.policy != "DROP"


def _ends(passage: Passage) -> bool:
    return passage.step.table != CONNTRACK and passage.verdict not in (ACCEPT, "")


def _reach(walk: Walk, hook: str, interfaces: Mapping[str, str]) -> None:
    """At a hook: the interfaces that packets have there.

    POSTROUTING: measured with iptables 1.8.9, kernel 6.18; before kernel 5.5 (28f8bfd1ac94) `-i` saw none there.
    """
    sides = {"PREROUTING": (IN,), "INPUT": (IN,), "OUTPUT": (OUT,)}.get(hook, (IN, OUT))
    if walk.course == "outgoing":
        sides = (OUT,)
    walk.way.interfaces = {side: name for side, name in interfaces.items() if side in sides}
    if hook == "POSTROUTING" and walk.course == "outgoing" and walk.way.moved:  # routed anew, ip_route_me_harder
        walk.way.guessed[OUT] = f"out {interfaces.get(OUT, '')} as before NAT"
    if hook == "FORWARD" and TTL in walk.way.values:
        walk.way.values[TTL] = max(walk.way.values[TTL] - 1, 0)


def _track(walk: Walk, step: Step, state: int, guess: str | None) -> None:
    if walk.way.values[STATE] != _UNTRACKED:
        walk.way.values[STATE] = state
        if guess is not None:
            walk.way.guessed[STATE] = guess
    walk.passages.append(Passage(step, walk.way.state))


def _go_on(walking: Walking, walk: Walk, step: Step) -> None:
    """After a nat table: later packets are translated as the first one was, and the way may lead elsewhere now."""
    way = walk.way
    if way.state in ("ESTABLISHED", "RELATED") and _translates(walking.ruleset):
        text = "its connection is not translated"
        ends = (SOURCE[way.family], SOURCE_PORT, DESTINATION[way.family], DESTINATION_PORT, DESTINATION_TYPE)
        way.guessed |= {of: text for of in ends if of not in way.unknown}
    told_local = way.values.get(DESTINATION_TYPE) == _LOCAL and DESTINATION_TYPE not in way.guessed
    if step.hook == "PREROUTING" and (way.moved or told_local):
        _turn(walking, walk)


def _turn(walking: Walking, walk: Walk) -> None:
    """The course of a packet by its destination: to this machine, or to another; one asked for stays if it can."""
    way = walk.way
    if walking.fixed and DESTINATION_TYPE in way.guessed:
        del way.guessed[DESTINATION_TYPE]
        way.values[DESTINATION_TYPE] = _LOCAL if walk.course == "incoming" else _UNICAST
    local = way.values[DESTINATION_TYPE] == _LOCAL
    if walk.course == "incoming" and not local:
        walk.course = "forwarded"
        way.unknown |= {OUT} - walking.supposed.packet.interfaces.keys()
    elif walk.course == "forwarded" and local:
        walk.course = "incoming"


def _translates(ruleset: Ruleset) -> bool:
    rules = (rule for chain in ruleset.chains("nat") for rule in chain.rules)
    return any(rule.target in ("SNAT", "DNAT", "MASQUERADE", "REDIRECT", "NETMAP") for rule in rules)


def _pass(walking: Walking, walk: Walk, chain: Chain, step: Step) -> Passage:
    """What a table does with the packet."""
    if step.table == "nat" and not _opens(walk.way):
        return Passage(step, "")
    walk.changes.clear()
    walk.met.clear()
    verdict, rule = _decided(walking, walk, chain, step)
    return Passage(step, verdict, rule, tuple(walk.changes), tuple(walk.met))


def _opens(way: Way) -> bool:
    """Whether nat tables are asked: for a connection's first packet, and not for ICMP errors."""
    is_icmp = way.values[PROTOCOL] == ICMP_OF[way.family]
    return way.state == "NEW" or (way.state == "RELATED" and not is_icmp)


def _decided(walking: Walking, walk: Walk, chain: Chain, step: Step) -> tuple[str, Rule | None]:
    """Verdict of a built-in chain and the rule that gives it; without recursion, since chains may be thousands deep."""
    chains = walking.ruleset.tables[step.table].chains
    frames = [iter(chain.rules)]
    while frames:
        rule = next(frames[-1], None)
        if rule is None:
            frames.pop()
            continue
        match _taken(walking, walk, rule, chains, step):
            case Decide(verdict):
                return verdict, rule
            case Translate():
                return ACCEPT, rule
            case Return():
                frames.pop()
            case Call(name, goto):
                frames[len(frames) - goto :] = [iter(chains[name].rules)]
    return ("DROP" if chain.policy == "DROP" else ACCEPT), None


def _taken(walking: Walking, walk: Walk, rule: Rule, chains: Mapping[str, Chain], step: Step) -> Effect | None:
    """What a rule does at last with the packet, the rest of what it does done; None if it does not match."""
    if rule.shape.target is None and rule.shape.jump is None:
        return None
    steps = partial(steps_of, rule, chains)
    if not walk.way.matches(rule, walking.meanings.of(rule), matters=lambda: _matters(steps())):
        return None
    walk.met.append(rule)
    effect: Effect | None = None
    for one in steps():
        if not isinstance(effect, FINAL) and walk.way.matches(rule, one.asks, matters=lambda: True):
            for effect in one.effects:
                text = _done(walk.way, effect, step.hook)
                walk.changes += [Change(rule, text)] if text else []
    return effect


def _matters(steps: Iterable[Part]) -> bool:
    """Whether a later rule can tell that the steps were done."""
    return any(not isinstance(effect, Note) for step in steps for effect in step.effects)


def _done(way: Way, effect: Effect, hook: str) -> str | None:
    """Do what an effect does to the packet, and say it; None for what changes nothing."""
    match effect:
        case Assign():
            return way.assign(effect)
        case Replace():
            return way.forget(effect)
        case Translate():
            return way.translate(effect, hook)
        case Note(text):
            return text
        case _:
            return None
