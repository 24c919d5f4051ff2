"""What the packets of an untracked service stand for, and the routines that decide them. Knows no file.

A packet of an untracked flow has no state, but its flags say which one it would have had: a bare SYN is NEW, anything
with ACK belongs to a connection that must have been let begin, the rest is INVALID. ICMP errors about the flow, and
resets that REJECT makes, are INVALID where they would have been RELATED (measured on kernel 6.18, iptables 1.8.9, nft
and legacy).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.hooks import INCOMING, OUTGOING
from ruleset_lint.netfilter.services import Service
from ruleset_lint.netfilter.values import PROTOCOLS
from ruleset_lint.packets.sketch import Answer, Sketch, answer
from ruleset_lint.rewrite.opening import Question, opening_test
from ruleset_lint.rewrite.program import Action, Call, Condition, Routine, Step, Workshop, only_action
from ruleset_lint.rewrite.specialise import specialise, tests_state

ICMP_ERRORS = {4: ("3", "11", "12"), 6: ("1", "2", "3", "4")}


class _Flags(NamedTuple):
    """`--tcp-flags mask set`, and what packets with them are."""

    mask: str
    set: str
    meaning: str


_SYN_ALONE = _Flags("FIN,SYN,RST,ACK", "SYN", "a bare SYN is NEW")
_RST_ALONE = _Flags("FIN,SYN,RST,ACK", "RST", "a bare RST belongs to a connection")
_ACK_NO_SYN = _Flags("SYN,ACK", "ACK", "an ACK belongs to a connection")
_ACK = _Flags("ACK", "ACK", "an ACK belongs to a connection")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a profile spells things: the target that untracks, the state match, and which matches it has."""

    notrack: tuple[str, ...] = ("-j", "CT", "--notrack")
    state: tuple[str, ...] = ("-m", "conntrack", "--ctstate")
    has_addrtype: bool = True
    has_u32: bool = True


DEFAULT_DIALECT = Dialect()


@dataclass(frozen=True, slots=True)
class Diversion:
    """A rule at the top of a built-in chain: packets that meet the conditions are decided by the routine."""

    table: str
    hook: str
    conditions: tuple[Condition, ...]
    routine: Routine
    purpose: str


@dataclass(frozen=True, slots=True)
class Work:
    """What is being rewritten: one service of one ruleset."""

    workshop: Workshop
    ruleset: Ruleset
    service: Service
    dialect: Dialect

    @property
    def protocol(self) -> int:
        """Number of the service's protocol."""
        return PROTOCOLS[self.service.protocol]


def incoming(work: Work) -> Sketch:
    """Packets from outside to the service."""
    port = work.service.port
    return Sketch(
        family=work.ruleset.family,
        protocol=work.protocol,
        destination_port=(port, port),
        not_in="lo",
        destination_is_local=True,
    )


def outgoing(work: Work) -> Sketch:
    """Packets from the service to the outside."""
    port = work.service.port
    return Sketch(
        family=work.ruleset.family,
        protocol=work.protocol,
        source_port=(port, port),
        not_out="lo",
        source_is_local=True,
    )


def opening(work: Work) -> Sketch:
    """The first packet of a connection to the service."""
    return (
        _syn(replace(incoming(work), state="NEW")) if work.service.protocol == "tcp" else _state(incoming(work), "NEW")
    )


def diversions(work: Work) -> Iterator[Diversion]:
    """All diversions that the service needs, chain by chain, in the order in which packets meet them."""
    for table, hook in INCOMING:
        if _needs_copy(work, table, hook, incoming(work)):
            yield from _divert(work, table, hook, incoming(work), _incoming_routine(work, table, hook))
        yield from _divert_errors(work, table, hook, _error(work, inward=True))
    for table, hook in OUTGOING:
        if _needs_copy(work, table, hook, outgoing(work)):
            yield from _divert(work, table, hook, outgoing(work), _outgoing_routine(work, table, hook))
        yield from _divert_resets(work, table, hook)
        yield from _divert_errors(work, table, hook, _error(work, inward=False))


def notrack_rules(work: Work) -> tuple[tuple[str, tuple[Condition, ...]], ...]:
    """The chain and the conditions of the raw rules that untrack the service."""
    return ("PREROUTING", _conditions(work, incoming(work))), ("OUTPUT", _conditions(work, outgoing(work)))


def rules_on_way(ruleset: Ruleset, table: str, hook: str, sketch: Sketch) -> Iterator[tuple[str, int]]:
    """Chain and index of each rule that packets of the sketch can meet and match, in a built-in chain and below."""
    found = ruleset.tables.get(table)
    waiting = [hook] if found and hook in found.chains else []
    seen = set(waiting)
    while found and waiting:
        name = waiting.pop()
        for index, rule in enumerate(found.chains[name].rules):
            if answer(rule, sketch) is Answer.NO:
                continue
            yield name, index
            jump = rule.jump
            if jump is not None and jump in found.chains and jump not in seen:
                seen.add(jump)
                waiting.append(jump)


def _needs_copy(work: Work, table: str, hook: str, sketch: Sketch) -> bool:
    """Whether a state is tested on the way of the packets; raw and nat decide nothing by it."""
    if table in ("raw", "nat"):
        return False
    chains = work.ruleset.tables[table].chains if table in work.ruleset.tables else {}
    return any(
        tests_state(chains[name].rules[index].shape) for name, index in rules_on_way(work.ruleset, table, hook, sketch)
    )


def _copy(work: Work, table: str, hook: str, sketch: Sketch) -> Routine:
    return specialise(work.workshop, work.ruleset, table, hook, sketch)


def _incoming_routine(work: Work, table: str, hook: str) -> Routine:
    packets = incoming(work)
    new = _copy(work, table, hook, opening(work))
    if work.service.protocol != "tcp":
        return new
    later = _copy(work, table, hook, replace(packets, state="ESTABLISHED", flags_clear=frozenset({"SYN"})))
    opened = _opened(work, later, of_reply=False) if table == "filter" else later
    invalid = _copy(work, table, hook, _state(packets, "INVALID"))
    if new is opened is invalid:
        return new
    return _by_flags(work, "in", ((_SYN_ALONE, new), (_ACK_NO_SYN, opened), (_RST_ALONE, opened)), invalid)


def _outgoing_routine(work: Work, table: str, hook: str) -> Routine:
    packets = outgoing(work)
    established = _copy(work, table, hook, _state(packets, "ESTABLISHED"))
    opened = _opened(work, established, of_reply=True) if table == "filter" else established
    if work.service.protocol != "tcp":
        return opened
    new = _copy(work, table, hook, _syn(_state(packets, "NEW")))
    invalid = _copy(work, table, hook, _state(packets, "INVALID"))
    if new is opened is invalid:
        return new
    return _by_flags(work, "out", ((_ACK, opened), (_RST_ALONE, opened), (_SYN_ALONE, new)), invalid)


def _opened(work: Work, later: Routine, *, of_reply: bool) -> Routine:
    """The opening test before what decides later packets."""
    if work.ruleset.chain("filter", "INPUT") is None:
        return later
    question = Question(work.ruleset, "filter", "INPUT", opening(work), of_reply)
    return opening_test(work.workshop, question, only_action(later) or Call(later))


def _by_flags(work: Work, name: str, cases: tuple[tuple[_Flags, Routine], ...], otherwise: Routine) -> Routine:
    """A routine that tells packets by their flags."""
    different = [(flags, routine) for flags, routine in cases if routine is not otherwise]
    steps = [Step((_tcp(), _flags(flags)), _action(routine), flags.meaning) for flags, routine in different]
    return work.workshop.routine(name, (*steps, Step((), _action(otherwise), "any other flags are INVALID")))


def _action(routine: Routine) -> Action:
    return only_action(routine) or Call(routine)


def _divert(work: Work, table: str, hook: str, sketch: Sketch, routine: Routine) -> Iterator[Diversion]:
    untouched = _copy(work, table, hook, _state(sketch, "UNTRACKED"))
    if routine is not untouched:
        conditions = (*_conditions(work, sketch), _state_is(work, "UNTRACKED"))
        yield Diversion(table, hook, conditions, routine, "untracked packets")


def _divert_errors(work: Work, table: str, hook: str, sketch: Sketch) -> Iterator[Diversion]:
    """ICMP errors about the service's flows, where they are not decided as before."""
    if not _needs_copy(work, table, hook, sketch):
        return
    related = _copy(work, table, hook, _state(sketch, "RELATED"))
    if related is _copy(work, table, hook, _state(sketch, "INVALID")):
        return
    for kind in ICMP_ERRORS[work.ruleset.family]:
        conditions = (*_error_conditions(work, sketch, kind), *_own(work, hook), _state_is(work, "INVALID"))
        yield Diversion(table, hook, conditions, related, f"ICMP errors of type {kind}")


def _divert_resets(work: Work, table: str, hook: str) -> Iterator[Diversion]:
    """Resets that REJECT makes in answer to untracked packets, where they are not decided as before."""
    sketch = replace(outgoing(work), flags_set=frozenset({"RST"}), flags_clear=frozenset({"SYN", "FIN"}))
    if work.service.protocol != "tcp" or not _needs_copy(work, table, hook, sketch) or not _rejects(work):
        return
    related = _copy(work, table, hook, _state(sketch, "RELATED"))
    if related is not _copy(work, table, hook, _state(sketch, "INVALID")):
        flags = _flags(_Flags("RST", "RST", "a reset"))
        conditions = (*_conditions(work, outgoing(work)), flags, *_own(work, hook), _state_is(work, "INVALID"))
        yield Diversion(table, hook, conditions, related, "resets by REJECT")


def _rejects(work: Work) -> bool:
    """Whether a rule answers packets to the service with a reset."""
    filters = work.ruleset.tables.get("filter")
    rules = (
        filters.chains[name].rules[index]
        for name, index in rules_on_way(work.ruleset, "filter", "INPUT", incoming(work))
        if filters
    )
    return any(
        rule.target == "REJECT" and rule.option(rule.shape.target, "--reject-with") in ("tcp-reset", "tcp-rst")
        for rule in rules
    )


def _error(work: Work, *, inward: bool) -> Sketch:
    protocol = PROTOCOLS["icmp" if work.ruleset.family == 4 else "icmpv6"]
    if inward:
        return Sketch(family=work.ruleset.family, protocol=protocol, not_in="lo", destination_is_local=True)
    return Sketch(family=work.ruleset.family, protocol=protocol, not_out="lo", source_is_local=True)


def _state(sketch: Sketch, state: str) -> Sketch:
    return replace(sketch, state=state)


def _syn(sketch: Sketch) -> Sketch:
    return replace(sketch, flags_set=frozenset({"SYN"}), flags_clear=frozenset({"FIN", "RST", "ACK"}))


def _tcp() -> Condition:
    return Condition(("-p", "tcp"), "-p")


def _flags(flags: _Flags) -> Condition:
    return Condition(("-m", "tcp", "--tcp-flags", flags.mask, flags.set), "tcp --tcp-flags", protocol=True)


def _state_is(work: Work, state: str) -> Condition:
    return Condition((*work.dialect.state, state), f"-m {work.dialect.state[1]}")


def _conditions(work: Work, sketch: Sketch) -> tuple[Condition, ...]:
    """The conditions of the raw rules, and of the diversions of what they untrack."""
    protocol, port = work.service.protocol, str(work.service.port)
    inward = sketch.destination_port is not None
    interface = Condition(("!", "-i", "lo"), "-i") if inward else Condition(("!", "-o", "lo"), "-o")
    option = "--dport" if inward else "--sport"
    ports = Condition(("-m", protocol, option, port), f"{protocol} {option}", protocol=True)
    local = (Condition(("-m", "addrtype", "--dst-type", "LOCAL"), "-m addrtype"),)
    return (
        interface,
        Condition(("-p", protocol), "-p"),
        ports,
        *(local if inward and work.dialect.has_addrtype else ()),
    )


def _error_conditions(work: Work, sketch: Sketch, kind: str) -> tuple[Condition, ...]:
    """ICMP errors of one type that quote a packet of the service's flow: sent by it, or to it where they go out."""
    four = work.ruleset.family == 4
    inward = sketch.destination_is_local is not None
    interface = Condition(("!", "-i", "lo"), "-i") if inward else Condition(("!", "-o", "lo"), "-o")
    name, match, option = ("icmp", "icmp", "--icmp-type") if four else ("ipv6-icmp", "icmp6", "--icmpv6-type")
    of_type = Condition(("-m", match, option, kind), f"-m {match}", protocol=True)
    quoting = (Condition(("-m", "u32", "--u32", _quotes(work, inward=inward)), "-m u32"),)
    return (interface, Condition(("-p", name), "-p"), of_type, *(quoting if work.dialect.has_u32 else ()))


def _own(work: Work, hook: str) -> tuple[Condition, ...]:
    """Only packets to or from this machine, in the chains that forwarded packets pass too."""
    option = {"PREROUTING": "--dst-type", "POSTROUTING": "--src-type"}.get(hook)
    if option is None or not work.dialect.has_addrtype:
        return ()
    return (Condition(("-m", "addrtype", option, "LOCAL"), "-m addrtype"),)


def _quotes(work: Work, *, inward: bool) -> str:
    """u32 expression: the ICMP error quotes a packet from (inward) or to the service's port."""
    protocol, port = work.protocol, work.service.port
    if work.ruleset.family == 4:
        ports = "8>>16&0xFFFF" if inward else "8&0xFFFF"
        return f"0>>22&0x3C@14&0xFF={protocol}&&0>>22&0x3C@8>>22&0x3C@{ports}={port}"
    ports = "88>>16&0xFFFF" if inward else "88&0xFFFF"
    return f"51&0xFF={protocol}&&{ports}={port}"
