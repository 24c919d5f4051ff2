"""Answers about the packets of a sketch by sets: exact, where walking with the sketch leaves it open.

Several rules that only together take all packets, and what many rules exclude together, is beyond a sketch. Imports the
library of diagrams: import it when it is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.values import TCP_FLAGS, Network
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.arrivals import entry
from ruleset_lint.packets.bounds import NotDecidedError, deadline
from ruleset_lint.packets.course import Step
from ruleset_lint.packets.formula import All, Between, Bits, Formula, Interface, Not, equal, in_state, of_type
from ruleset_lint.packets.sketch import Answer, Sketch
from ruleset_lint.packets.space import PacketSet
from ruleset_lint.packets.summary import interface_patterns, reading_of
from ruleset_lint.packets.walking import Folded

_MOST_RULES = 5_000
_SECONDS = 5.0  # for all questions about a ruleset


def passing(ruleset: Ruleset, hook: str, sketch: Sketch) -> Answer:
    """Whether the filter lets the packets of a sketch pass at a hook: all, none, or some of them or nobody knows."""
    try:
        return _passing(ruleset, hook, sketch)
    except NotDecidedError:
        return Answer.MAYBE


def untracked(ruleset: Ruleset, hook: str, sketch: Sketch) -> Answer:
    """Whether raw untracks the packets of a sketch that it lets pass: all, none, or some of them or nobody knows."""
    try:
        return _untracked(ruleset, hook, sketch)
    except NotDecidedError:
        return Answer.MAYBE


@lru_cache(maxsize=4)
def _folded(ruleset: Ruleset) -> Folded:
    if len(ruleset.live_rules) > _MOST_RULES:
        raise NotDecidedError(f"more than {_MOST_RULES} rules")
    return Folded(reading_of(ruleset, deadline=deadline(_SECONDS)), ruleset)


def _folded_for(ruleset: Ruleset, sketch: Sketch) -> Folded:
    known = {*interface_patterns(ruleset), "lo", None}
    if not {sketch.in_interface, sketch.out_interface, sketch.not_in, sketch.not_out} <= known:
        raise NotDecidedError("an interface that the ruleset does not name")
    return _folded(ruleset)


def _passing(ruleset: Ruleset, hook: str, sketch: Sketch) -> Answer:
    folded = _folded_for(ruleset, sketch)
    space, summary = folded.reading.space, folded.summary(Step(hook, "filter"))
    if summary is None:
        return Answer.YES
    wanted = space.both(entry(space, "filter", hook), space.of(formula_of_sketch(sketch)))
    kept = [packets for verdict, packets in summary.verdicts.items() if _is_refusal(verdict)]
    if ruleset.tables["filter"].chains[hook].policy == "DROP":
        kept.append(summary.onward)
    return _share(folded, wanted, space.without(wanted, space.any_of(kept)))


def _untracked(ruleset: Ruleset, hook: str, sketch: Sketch) -> Answer:
    folded = _folded_for(ruleset, sketch)
    space, summary = folded.reading.space, folded.summary(Step(hook, "raw"))
    if summary is None:
        return Answer.NO
    fresh = space.of(All((formula_of_sketch(sketch._replace(state=None)), in_state("INVALID"))))
    refused = [packets for verdict, packets in summary.verdicts.items() if _is_refusal(verdict)]
    if ruleset.tables["raw"].chains[hook].policy == "DROP":
        refused.append(summary.onward)
    wanted = space.without(space.both(entry(space, "raw", hook), fresh), space.any_of(refused))
    left = summary.store.now(space, space.of(in_state("UNTRACKED")), {ask.STATE})
    return _share(folded, wanted, space.both(wanted, left))


def _share(folded: Folded, wanted: PacketSet, some: PacketSet) -> Answer:
    space = folded.reading.space
    if space.is_empty(some):
        return Answer.NO
    return Answer.YES if space.within(wanted, some) else Answer.MAYBE


def _is_refusal(verdict: str) -> bool:
    return verdict == "DROP" or verdict.startswith("REJECT")


def formula_of_sketch(sketch: Sketch) -> Formula:
    """What is known of the packets of a sketch."""
    return All(tuple(_known(sketch)))


def _known(sketch: Sketch) -> Iterator[Formula]:
    if sketch.protocol is not None:
        yield equal(ask.PROTOCOL, sketch.protocol)
    yield from _address(ask.SOURCE[sketch.family], sketch.source)
    yield from _address(ask.DESTINATION[sketch.family], sketch.destination)
    for of, ports in ((ask.SOURCE_PORT, sketch.source_port), (ask.DESTINATION_PORT, sketch.destination_port)):
        if ports is not None:
            yield from (Between(of, *ports), equal(ask.FRAGMENT, 0))
    for side, name, other in (
        (ask.IN, sketch.in_interface, sketch.not_in),
        (ask.OUT, sketch.out_interface, sketch.not_out),
    ):
        yield from (Interface(side, name),) if name is not None else ()
        yield from (Not(Interface(side, other)),) if other is not None else ()
    if sketch.state is not None:
        yield in_state(sketch.state)
    for known, of in ((sketch.source_is_local, ask.SOURCE_TYPE), (sketch.destination_is_local, ask.DESTINATION_TYPE)):
        if known is not None:
            yield of_type(of, "LOCAL") if known else Not(of_type(of, "LOCAL"))
    yield from _flags(sketch)


def _address(of: ask.Field, network: Network | None) -> Iterator[Formula]:
    if network is not None and not network.name:
        yield Bits(of, network.mask, network.address)


def _flags(sketch: Sketch) -> Iterator[Formula]:
    wanted, unwanted = (
        sum(1 << TCP_FLAGS.index(name) for name in names) for names in (sketch.flags_set, sketch.flags_clear)
    )
    if wanted | unwanted:
        yield Bits(ask.FLAGS, wanted | unwanted, wanted)
