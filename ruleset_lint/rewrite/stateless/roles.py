"""What packets stand for where nothing is tracked, and the routines that decide them. Knows no file.

A packet's flags and direction say which state it would have had: a bare SYN is NEW; what has ACK, and a RST, belongs
to a connection if the rules would have let one begin; ICMP errors are RELATED; neighbour discovery is UNTRACKED; other
TCP and ICMP packets are INVALID. UDP tells nothing: what may be a reply is ESTABLISHED, all else NEW.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.tracking import untracks
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.packets.sketch import Answer, Sketch
from ruleset_lint.packets.walk import walk
from ruleset_lint.rewrite.conditions import answers_with_reset, asked
from ruleset_lint.rewrite.program import (
    ACCEPT,
    Action,
    Call,
    Condition,
    Perform,
    Return,
    Routine,
    Step,
    Workshop,
    only_action,
)
from ruleset_lint.rewrite.roles import Diversion
from ruleset_lint.rewrite.specialise import chains_that_test_state, specialise
from ruleset_lint.rewrite.stateless.opening import Opening, opening_test

TABLES = ("mangle", "filter", "security")
_HOOKS = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
_OTHER_WAY = {"INPUT": "OUTPUT", "OUTPUT": "INPUT", "FORWARD": "FORWARD"}
_CLIENT_PORTS = (1024, 65535)  # of machines behind this one, whatever system they have
_ASKED_BY_UDP = (53, 123)  # what nearly every host asks: names and the time
_FLAGS = "FIN,SYN,RST,ACK"
_ICMP = {4: ("icmp", "icmp", "--icmp-type"), 6: ("ipv6-icmp", "icmp6", "--icmpv6-type")}
_NUMBER = {4: 1, 6: 58}
_ECHO = {4: (8, 0), 6: (128, 129)}
_OTHER_REQUESTS = {4: (13, 15, 17), 6: (139,)}
_ERRORS = {4: (3, 11, 12), 6: (1, 2, 3, 4)}
_DISCOVERY = {4: (), 6: (*range(130, 137), 143)}


@dataclass(frozen=True, slots=True)
class Job:
    """What is being rewritten; `local_ports` are those from which this machine asks others."""

    workshop: Workshop
    ruleset: Ruleset
    local_ports: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Place:
    """A built-in chain whose packets are told apart."""

    job: Job
    table: str
    hook: str

    def copy(self, state: str, sketch: Sketch) -> Routine:
        """The chain for the packets of a sketch if connection tracking reported the state."""
        return specialise(self.job.workshop, self.job.ruleset, self.table, self.hook, sketch._replace(state=state))

    def decides(self) -> bool:
        """Whether what it says opens connections."""
        return self.table == "filter" and self.hook in _OTHER_WAY


def diversions(job: Job) -> Iterator[Diversion]:
    """The diversions of all built-in chains on whose way a state is tested, in order."""
    for table in TABLES:
        found = job.ruleset.tables.get(table)
        testing = chains_that_test_state(found) if found else frozenset()
        for hook in (hook for hook in _HOOKS if hook in testing):
            place = _Place(job, table, hook)
            yield from _untracked(place)
            yield from _tcp(place)
            yield from _udp(place)
            yield from _icmp(place)


def fragments(job: Job) -> Iterator[Diversion]:
    """What lets second and further fragments through, which no rule can tell by ports.

    Nothing puts them together any more before FORWARD, and in IPv6 before INPUT: measured with iptables 1.8.9,
    kernel 6.18, nft and legacy.
    """
    family = job.ruleset.family
    conditions = (Condition(("-f",), "-f"),) if family == 4 else (Condition(("-m", "frag"), "-m frag"),)
    first = Step((Condition(("-m", "frag", "--fragfirst"), "-m frag"),), Return(), "the first one has ports")
    last = Step((), ACCEPT, "fragments have no ports")
    routine = job.workshop.routine("fragments", (last,) if family == 4 else (first, last))
    for hook in ("FORWARD",) if family == 4 else ("INPUT", "FORWARD"):
        if _tells(job.ruleset, hook):
            packets = Sketch(family=family, state="NEW")
            otherwise = specialise(job.workshop, job.ruleset, "filter", hook, packets)
            yield Diversion("filter", hook, conditions, routine, "fragments have no ports", otherwise)


def _tells(ruleset: Ruleset, hook: str) -> bool:
    """Whether a chain refuses some packets and accepts others."""
    found = walk(ruleset, "filter", hook, Sketch(family=ruleset.family, state="NEW"))
    refuses = found.may(Verdict.DROP, Verdict.REJECT)
    return refuses and found.may(Verdict.ACCEPT, Verdict.ELSEWHERE) and ruleset.chain("filter", hook) is not None


def _untracked(place: _Place) -> Iterator[Diversion]:
    """Packets that rules of raw take out of tracking, which some state test may name."""
    side = "OUTPUT" if place.hook == "OUTPUT" else "PREROUTING"
    family = place.job.ruleset.family
    for rule in place.job.ruleset.where(untracks):
        if rule.chain == side and place.hook != "POSTROUTING":
            protocol = rule.protocol
            known = protocol.value or None if protocol and not protocol.negated else None
            sketch = Sketch(family=family, protocol=known)
            conditions = tuple(
                one.condition for one in asked(rule, Sketch(family=family)) if one.answer is not Answer.YES
            )
            purpose = f"untracked in raw line {rule.line.number}"
            yield from _divert(place, sketch, conditions, place.copy("UNTRACKED", sketch), purpose)


def _tcp(place: _Place) -> Iterator[Diversion]:
    """All but the bare SYNs that open connections."""
    packets = Sketch(family=place.job.ruleset.family, protocol=6)
    established, invalid = (place.copy(state, packets) for state in ("ESTABLISHED", "INVALID"))
    steps = _tcp_steps(place, packets, established, invalid) if established is not invalid else ()
    if place.hook == "OUTPUT" and _resets(place.job.ruleset):
        steps = (_flags("RST", "RST", place.copy("RELATED", packets), "what REJECT answers is RELATED"), *steps)
    routine = _telling(place, "tcp", steps, invalid, "other flags are INVALID")
    conditions = (_protocol("tcp"), _flag_test("!", _FLAGS, "SYN"))
    yield from _divert(place, packets, conditions, routine, "TCP but for bare SYNs")


def _tcp_steps(place: _Place, packets: Sketch, established: Routine, invalid: Routine) -> tuple[Step, ...]:
    later = answer = established
    if place.decides():
        answer = _opened(place, packets, established, invalid, of_reply=True)
        later = _opened(place, packets, established, answer, of_reply=False)
    return (
        _flags("SYN,ACK", "ACK", later, "an ACK belongs to a connection"),
        _flags(_FLAGS, "SYN,ACK", answer, "SYN and ACK answer"),
        _flags(_FLAGS, "RST", later, "a bare RST belongs to a connection"),
    )


def _udp(place: _Place) -> Iterator[Diversion]:
    """What may be a reply; the rest may open a flow."""
    if not place.decides():
        return
    ports = _reply_ports(place) if place.hook != "OUTPUT" else None
    packets = Sketch(family=place.job.ruleset.family, protocol=17, destination_port=ports)
    established, new = (place.copy(state, packets) for state in ("ESTABLISHED", "NEW"))
    if established is new:
        return
    routine = _opened(place, packets, established, new, of_reply=True)
    bounds = (
        [Condition(("-m", "udp", "--dport", "{}:{}".format(*ports)), "udp --dport", protocol=True)] if ports else []
    )
    yield from _divert(place, packets, (_protocol("udp"), *bounds), routine, "UDP that may be a reply")


def _opened(place: _Place, packets: Sketch, passes: Routine, refuses: Routine, *, of_reply: bool) -> Routine:
    """The opening test between two ways to decide packets."""
    if passes is refuses:
        return passes
    opening = _opening(place, packets, of_reply=of_reply)
    return opening_test(place.job.workshop, opening, _action(passes), _action(refuses))


def _opening(place: _Place, packets: Sketch, *, of_reply: bool) -> Opening:
    """What the first packet of the connection met. TCP that leaves is believed: nobody opens anything with it."""
    table = place.job.ruleset.tables[place.table]
    hook = _OTHER_WAY[place.hook] if of_reply else place.hook
    first = Sketch(family=packets.family, protocol=packets.protocol, state="NEW")
    leaves = place.hook == "OUTPUT"
    if packets.protocol == 6:
        first = first._replace(flags_set=frozenset({"SYN"}), flags_clear=frozenset({"FIN", "RST", "ACK"}))
        return Opening(table, hook, first, "tcp", of_reply, None if leaves else _reply_ports(place))
    return Opening(table, hook, first, "udp", of_reply, _reply_ports(place), () if leaves else _ASKED_BY_UDP)


def _reply_ports(place: _Place) -> tuple[int, int]:
    """To what ports replies go."""
    return place.job.local_ports if place.hook == "INPUT" else _CLIENT_PORTS


def _icmp(place: _Place) -> Iterator[Diversion]:
    """All but echo requests."""
    family = place.job.ruleset.family
    packets = Sketch(family=family, protocol=_NUMBER[family])
    request, reply = _ECHO[family]
    invalid = place.copy("INVALID", packets)
    kinds = (
        ((reply,), "ESTABLISHED"),
        (_ERRORS[family], "RELATED"),
        (_OTHER_REQUESTS[family], "NEW"),
        (_DISCOVERY[family], "UNTRACKED"),
    )
    steps = [
        Step((_icmp_protocol(family), _type_test(family, number)), _action(copy), f"type {number} is {state}")
        for numbers, state in kinds
        if (copy := place.copy(state, packets)) is not invalid
        for number in numbers
    ]
    routine = _telling(place, "icmp", steps, invalid, "other types are INVALID")
    conditions = (_icmp_protocol(family), _type_test(family, request, "!"))
    yield from _divert(place, packets, conditions, routine, "ICMP but for echo requests")


def _divert(
    place: _Place, packets: Sketch, conditions: tuple[Condition, ...], routine: Routine, purpose: str
) -> Iterator[Diversion]:
    """A diversion, if the rules that stay would not say the same."""
    otherwise = place.copy("NEW", packets)
    if routine is not otherwise:
        yield Diversion(place.table, place.hook, conditions, routine, purpose, otherwise)


def _telling(place: _Place, kind: str, steps: Sequence[Step], otherwise: Routine, origin: str) -> Routine:
    """A routine that tells packets by flags or types."""
    different = [step for step in steps if step.action != _action(otherwise)]
    last = Step((), _action(otherwise), origin)
    return place.job.workshop.routine(f"{place.hook}-{kind}", (*different, last))


def _action(routine: Routine) -> Action:
    only = only_action(routine)
    return only if isinstance(only, Perform) else Call(routine)


def _protocol(name: str) -> Condition:
    return Condition(("-p", name), "-p")


def _icmp_protocol(family: int) -> Condition:
    return _protocol(_ICMP[family][0])


def _type_test(family: int, number: int, *negation: str) -> Condition:
    _, match, option = _ICMP[family]
    return Condition(("-m", match, *negation, option, str(number)), f"-m {match}", protocol=True)


def _flags(mask: str, flags: str, routine: Routine, meaning: str) -> Step:
    return Step((_protocol("tcp"), _flag_test(mask, flags)), _action(routine), meaning)


def _flag_test(*words: str) -> Condition:
    negation, values = words[:-2], words[-2:]
    return Condition(("-m", "tcp", *negation, "--tcp-flags", *values), "tcp --tcp-flags", protocol=True)


def _resets(ruleset: Ruleset) -> bool:
    """Whether a rule answers with a reset."""
    rejecting = ruleset.where(lambda shape: bool(shape.target and shape.target.name == "REJECT"))
    return any(map(answers_with_reset, rejecting))
