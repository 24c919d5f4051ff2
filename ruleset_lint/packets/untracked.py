"""Which packets the raw table takes out of connection tracking. Knows not what the filter then does with them.

The first rule that says something about tracking counts: a packet with a template (`CT --zone` and the like) stays
tracked, one that is untracked stays so; what leaves raw before stays tracked (xt_CT.c: a target that finds
`skb->_nfct` set continues).
"""

from collections.abc import Iterator
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from itertools import islice
from typing import NamedTuple

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Chain, Ruleset, Table
from ruleset_lint.model.tracking import untracks
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS
from ruleset_lint.packets.asked import asked_on, ways
from ruleset_lint.packets.conditions import ALL_PORTS, Conditions, Interfaces, meet
from ruleset_lint.packets.sketch import Answer, Sketch, answer

_MOST_STEPS = 300_000  # rules times ways that are looked at
_LEAST = 8
NOT_LOOPBACK = {
    "PREROUTING": Conditions(arrives=Interfaces(excluded="lo")),
    "OUTPUT": Conditions(leaves=Interfaces(excluded="lo")),
}


class Untracking(NamedTuple):
    """A way to a rule that untracks, from `hook` of raw, and what is asked on it. Loopback is left out."""

    rule: Rule
    hook: str
    way: tuple[Rule, ...]
    conditions: Conditions

    @property
    def by_destination_port(self) -> bool:
        """Whether the ports asked for are where the packets go to."""
        return self.conditions.destination_ports != ALL_PORTS

    @property
    def by_source_port(self) -> bool:
        """Whether the ports asked for are where the packets come from, and only those."""
        return self.conditions.source_ports != ALL_PORTS and not self.by_destination_port


class Fate(NamedTuple):
    """Whether packets that pass raw are untracked, which rules untrack some, after which rules some stay tracked."""

    untracked: Answer
    by: tuple[Rule, ...]
    kept_by: tuple[Rule, ...]


class _Passage(NamedTuple):
    """What a chain does with packets that nothing has been said about yet; `falls`: some leave it as they came."""

    by: tuple[Rule, ...] = ()
    kept_by: tuple[Rule, ...] = ()
    returned_by: tuple[Rule, ...] = ()
    falls: bool = True
    unknown: bool = False  # some may go to a chain or target that is not known


@lru_cache(maxsize=8)
def untrackings(ruleset: Ruleset) -> tuple[Untracking, ...]:
    """All ways to all rules that untrack other packets than those of the loopback, in the file's order.

    A rule that can be reached in more ways than can be looked at is left out, and so are the last ones of very many:
    what is asked about each walks the whole ruleset.
    """
    table = ruleset.tables.get("raw")
    rules = [rule for rule in ruleset.where(untracks) if rule.table == "raw"]
    found = (way for rule in rules if table for hook in BUILTIN_CHAINS["raw"] for way in _of(table, hook, rule))
    return tuple(islice(found, max(_MOST_STEPS // (len(ruleset.live_rules) + 1), _LEAST)))


def _of(table: Table, hook: str, rule: Rule) -> Iterator[Untracking]:
    for way in ways(table, hook, rule) or ():
        asked = asked_on(way)
        conditions = meet(asked, NOT_LOOPBACK[hook]) if asked else None
        if conditions:
            yield Untracking(rule, hook, way, conditions)


def fate(ruleset: Ruleset, hook: str, sketch: Sketch) -> Fate:
    """What raw says about tracking the packets of a sketch; maybe, if there is a loop, which the kernel refuses."""
    table = ruleset.tables.get("raw")
    if table is None or hook not in table.chains:
        return Fate(Answer.NO, (), ())
    try:
        order = tuple(
            TopologicalSorter({name: table.callees[name] for name in table.reached_from(hook)}).static_order()
        )
    except CycleError:
        return Fate(Answer.MAYBE, (), ())
    known: dict[str, _Passage] = {}
    for name in order:
        known[name] = _through_chain(known, table.chains[name], sketch)
    found = known[hook]
    kept_by = (*found.kept_by, *found.returned_by)
    stays = bool(kept_by or found.falls)
    if found.unknown:
        return Fate(Answer.MAYBE, found.by, kept_by)
    untracked = _exactly(ruleset, hook, sketch) if found.by and stays else Answer.YES if found.by else Answer.NO
    return Fate(untracked, found.by, kept_by)


@lru_cache(maxsize=256)
def _exactly(ruleset: Ruleset, hook: str, sketch: Sketch) -> Answer:
    # sets are exact, and their library is imported where a sketch does not tell
    from ruleset_lint.packets.exact import untracked  # noqa: PLC0415

    return untracked(ruleset, hook, sketch)


def _through_chain(known: dict[str, _Passage], chain: Chain, sketch: Sketch) -> _Passage:
    by: dict[Rule, None] = {}
    kept_by: dict[Rule, None] = {}
    returned_by: dict[Rule, None] = {}
    unknown = False
    for rule in chain.rules:
        matched = answer(rule, sketch)
        if matched is Answer.NO:
            continue
        found = _through_rule(known, rule)
        by |= dict.fromkeys(found.by)
        kept_by |= dict.fromkeys(found.kept_by)
        returned_by |= dict.fromkeys(found.returned_by)
        unknown = unknown or found.unknown
        if matched is Answer.YES and not found.falls:
            return _Passage(tuple(by), tuple(kept_by), tuple(returned_by), falls=False, unknown=unknown)
    return _Passage(tuple(by), tuple(kept_by), tuple(returned_by), falls=True, unknown=unknown)


def _through_rule(known: dict[str, _Passage], rule: Rule) -> _Passage:
    """What becomes of the packets that a rule matches."""
    jump = rule.jump if rule.shape.jump else None
    if jump is not None:
        return _through_jump(known.get(jump), rule)
    if untracks(rule.shape):
        return _Passage(by=(rule,), falls=False)
    if rule.target == "CT" or rule.verdict in (Verdict.ACCEPT, Verdict.TRANSLATE, Verdict.ELSEWHERE):
        return _Passage(kept_by=(rule,), falls=False)
    if rule.verdict is Verdict.RETURN:
        return _Passage(returned_by=(rule,), falls=False)
    return _Passage(falls=rule.verdict is Verdict.CONTINUE)  # dropped packets need no tracking


def _through_jump(called: _Passage | None, rule: Rule) -> _Passage:
    if called is None:
        return _Passage(unknown=True)
    falls = called.falls or bool(called.returned_by)
    if rule.goto and falls:
        return _Passage(called.by, called.kept_by, (rule,), falls=False, unknown=called.unknown)
    return _Passage(called.by, called.kept_by, (), falls, called.unknown)
