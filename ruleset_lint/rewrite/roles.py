"""What the packets of an untracked service stand for, and the routines that decide them. Knows no file.

A packet of an untracked flow has no state, but its flags say which one it would have had: a bare SYN is NEW, anything
with ACK belongs to a connection that must have been let begin, the rest is INVALID. ICMP errors about the flow, and
resets that REJECT makes, are INVALID where they would have been RELATED (measured on kernel 6.18, iptables 1.8.9, nft
and legacy).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ruleset_lint.netfilter.hooks import FORWARDED, INCOMING, OUTGOING
from ruleset_lint.packets.sketch import Sketch
from ruleset_lint.packets.walk import rules_on_way
from ruleset_lint.rewrite.conditions import answers_with_reset
from ruleset_lint.rewrite.opening import Question, opening_test
from ruleset_lint.rewrite.program import Action, Call, Condition, Routine, Step, only_action
from ruleset_lint.rewrite.service_packets import (
    Flags,
    Work,
    bare_syn,
    error_conditions,
    flags_are,
    icmp_error,
    in_state,
    incoming,
    opening,
    outgoing,
    own_error,
    protocol_tcp,
    reset_conditions,
    service_conditions,
    state_is,
)
from ruleset_lint.rewrite.specialise import specialise, tests_state

_SYN_ALONE = Flags("FIN,SYN,RST,ACK", "SYN", "a bare SYN is NEW")
_RST_ALONE = Flags("FIN,SYN,RST,ACK", "RST", "a bare RST belongs to a connection")
_ACK_NO_SYN = Flags("SYN,ACK", "ACK", "an ACK belongs to a connection")
_ACK = Flags("ACK", "ACK", "an ACK belongs to a connection")


@dataclass(frozen=True, slots=True)
class Diversion:
    """A rule at the top of a built-in chain: packets that meet the conditions are decided by the routine.

    `otherwise` is what the rules that are there do with these packets.
    """

    table: str
    hook: str
    conditions: tuple[Condition, ...]
    routine: Routine
    purpose: str
    otherwise: Routine


def diversions(work: Work) -> Iterator[Diversion]:
    """All diversions that the service needs, chain by chain, in the order in which packets meet them."""
    yield from _forwarded(work) if work.behind else _own(work)


def _own(work: Work) -> Iterator[Diversion]:
    for table, hook in INCOMING:
        yield from _requests(work, table, hook)
        yield from _divert_errors(work, table, hook, icmp_error(work, inward=True), inward=True)
    for table, hook in OUTGOING:
        yield from _replies(work, table, hook)
        yield from _divert_resets(work, table, hook)
        yield from _divert_errors(work, table, hook, icmp_error(work, inward=False), inward=False)


def _forwarded(work: Work) -> Iterator[Diversion]:
    """Of a server behind: what is forwarded, and what the router says itself about that."""
    for table, hook in FORWARDED:
        yield from _requests(work, table, hook)
        yield from _replies(work, table, hook)
        for inward in (True, False):
            yield from _divert_errors(work, table, hook, icmp_error(work, inward=inward), inward=inward)
    for table, hook in OUTGOING:
        yield from _divert_resets(work, table, hook)
        for inward in (True, False) if hook == "OUTPUT" else ():
            yield from _divert_errors(work, table, hook, own_error(work, inward=inward), inward=inward)


def notrack_rules(work: Work) -> tuple[tuple[str, tuple[Condition, ...]], ...]:
    """The chain and the conditions of the raw rules that untrack the service: requests, replies."""
    replies = "PREROUTING" if work.behind else "OUTPUT"
    return (
        ("PREROUTING", service_conditions(work, "PREROUTING", inward=True)),
        (replies, service_conditions(work, replies, inward=False)),
    )


def _requests(work: Work, table: str, hook: str) -> Iterator[Diversion]:
    if _needs_copy(work, table, hook, incoming(work)):
        yield from _divert(work, table, hook, incoming(work), _incoming_routine(work, table, hook))


def _replies(work: Work, table: str, hook: str) -> Iterator[Diversion]:
    if _needs_copy(work, table, hook, outgoing(work)):
        yield from _divert(work, table, hook, outgoing(work), _outgoing_routine(work, table, hook))


def _needs_copy(work: Work, table: str, hook: str, sketch: Sketch) -> bool:
    """Whether a state is tested on the way of the packets; raw and nat decide nothing by it."""
    if table in ("raw", "nat"):
        return False
    return any(tests_state(rule.shape) for rule in rules_on_way(work.ruleset, table, hook, sketch))


def _copy(work: Work, table: str, hook: str, sketch: Sketch) -> Routine:
    return specialise(work.workshop, work.ruleset, table, hook, sketch)


def _incoming_routine(work: Work, table: str, hook: str) -> Routine:
    packets = incoming(work)
    new = _copy(work, table, hook, opening(work))
    if work.service.protocol != "tcp":
        return new
    later = _copy(work, table, hook, packets._replace(state="ESTABLISHED", flags_clear=frozenset({"SYN"})))
    opened = _opened(work, later, of_reply=False) if table == "filter" else later
    invalid = _copy(work, table, hook, in_state(packets, "INVALID"))
    if new is opened is invalid:
        return new
    return _by_flags(work, "in", ((_SYN_ALONE, new), (_ACK_NO_SYN, opened), (_RST_ALONE, opened)), invalid)


def _outgoing_routine(work: Work, table: str, hook: str) -> Routine:
    packets = outgoing(work)
    established = _copy(work, table, hook, in_state(packets, "ESTABLISHED"))
    opened = _opened(work, established, of_reply=True) if table == "filter" else established
    if work.service.protocol != "tcp":
        return opened
    new = _copy(work, table, hook, bare_syn(in_state(packets, "NEW")))
    invalid = _copy(work, table, hook, in_state(packets, "INVALID"))
    if new is opened is invalid:
        return new
    return _by_flags(work, "out", ((_ACK, opened), (_RST_ALONE, opened), (_SYN_ALONE, new)), invalid)


def _opened(work: Work, later: Routine, *, of_reply: bool) -> Routine:
    """The opening test before what decides later packets."""
    if work.ruleset.chain("filter", work.hook) is None:
        return later
    question = Question(work.ruleset, "filter", work.hook, opening(work), of_reply)
    return opening_test(work.workshop, question, only_action(later) or Call(later))


def _by_flags(work: Work, name: str, cases: tuple[tuple[Flags, Routine], ...], otherwise: Routine) -> Routine:
    """A routine that tells packets by their flags."""
    different = [(flags, routine) for flags, routine in cases if routine is not otherwise]
    steps = [Step((protocol_tcp(), flags_are(flags)), _action(routine), flags.meaning) for flags, routine in different]
    return work.workshop.routine(name, (*steps, Step((), _action(otherwise), "any other flags are INVALID")))


def _action(routine: Routine) -> Action:
    return only_action(routine) or Call(routine)


def _divert(work: Work, table: str, hook: str, sketch: Sketch, routine: Routine) -> Iterator[Diversion]:
    untouched = _copy(work, table, hook, in_state(sketch, "UNTRACKED"))
    if routine is not untouched:
        inward = sketch.destination_port is not None
        conditions = (*service_conditions(work, hook, inward=inward), state_is(work, "UNTRACKED"))
        yield Diversion(table, hook, conditions, routine, "untracked packets", untouched)


def _divert_errors(work: Work, table: str, hook: str, sketch: Sketch, *, inward: bool) -> Iterator[Diversion]:
    """ICMP errors about the service's flows, where they are not decided as before."""
    if not _needs_copy(work, table, hook, sketch):
        return
    related = _copy(work, table, hook, in_state(sketch, "RELATED"))
    invalid = _copy(work, table, hook, in_state(sketch, "INVALID"))
    if related is invalid:
        return
    for purpose, asked in error_conditions(work, hook, inward=inward):
        conditions = (*asked, state_is(work, "INVALID"))
        yield Diversion(table, hook, conditions, related, purpose, invalid)


def _divert_resets(work: Work, table: str, hook: str) -> Iterator[Diversion]:
    """Resets that REJECT makes in answer to untracked packets, where they are not decided as before."""
    if work.service.protocol != "tcp":
        return
    for inward in (False, True) if work.behind else (False,):
        if _rejects(work, outgoing(work) if inward else incoming(work)):
            yield from _divert_reset(work, table, hook, inward=inward)


def _divert_reset(work: Work, table: str, hook: str, *, inward: bool) -> Iterator[Diversion]:
    """Resets to a server behind (inward), or in the service's name."""
    packets = incoming(work) if inward else outgoing(work)
    reset = packets._replace(flags_set=frozenset({"RST"}), flags_clear=frozenset({"SYN", "FIN"}))
    sketch = reset._replace(not_in=None, destination_is_local=None) if work.behind else reset
    if not _needs_copy(work, table, hook, sketch):
        return
    related = _copy(work, table, hook, in_state(sketch, "RELATED"))
    invalid = _copy(work, table, hook, in_state(sketch, "INVALID"))
    if related is not invalid:
        flags = flags_are(Flags("FIN,SYN,RST,PSH,URG", "RST", "a reset"))
        conditions = (*reset_conditions(work, hook, inward=inward), flags, state_is(work, "INVALID"))
        yield Diversion(table, hook, conditions, related, "resets by REJECT", invalid)


def _rejects(work: Work, packets: Sketch) -> bool:
    """Whether a rule answers packets of the service with a reset."""
    return any(map(answers_with_reset, rules_on_way(work.ruleset, "filter", work.hook, packets)))
