"""Why a service cannot leave connection tracking, with the rule that is the reason. Knows no copy.

Each check is one the kernel was asked about: what an untracked packet does not get (translation, helpers, marks and
counts of its connection), and what no later packet can tell.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape
from ruleset_lint.model.tracking import tracks
from ruleset_lint.netfilter.extension import Memory, Tracking, Verdict
from ruleset_lint.netfilter.foreign import owner_of
from ruleset_lint.netfilter.modules import helper_for
from ruleset_lint.netfilter.services import BROADCAST_OR_MULTICAST, HELPER_DATA, SENDS_FROM_OWN_PORT, Service
from ruleset_lint.packets.endpoints import Endpoint
from ruleset_lint.packets.sketch import Answer, Sketch, answer
from ruleset_lint.packets.walk import rules_on_way, walk
from ruleset_lint.rewrite.conditions import STATE_TESTS
from ruleset_lint.rewrite.nat_reasons import names_source_port, translations
from ruleset_lint.rewrite.service_packets import Work, bare_syn, in_state, incoming, opening, outgoing
from ruleset_lint.rewrite.specialise import chains_that_test_state

_WEB = (Service("tcp", 80), Service("tcp", 443))
_SOURCE_NAT = ("MASQUERADE", "SNAT", "NETMAP")
_CALM = ("LOG", "NFLOG", "ULOG")
_STATES = ("NEW", "ESTABLISHED", "INVALID")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reason, the rule that causes it if one does, and whether it only warns."""

    code: str
    service: Endpoint
    reason: str
    ruleset: Ruleset | None = None
    rule: Rule | None = None
    warning: bool = False


Check = Callable[[Work], Iterator[Refusal]]


def refusals(work: Work, *, administration: Service, even_administration: bool = False) -> tuple[Refusal, ...]:
    """All reasons against untracking the service, and all warnings. An empty tuple means that nothing is in the way."""
    found = [refusal for check in _CHECKS for refusal in check(work)]
    if not work.behind and work.service == administration and not even_administration:
        reason = "it is the administration service: a mistake would lock you out; ask for it with --even-administration"
        found.append(Refusal("R7", work.endpoint, reason))
    return tuple(found)


def _refuse(work: Work, code: str, reason: str, rule: Rule | None = None, *, warning: bool = False) -> Refusal:
    return Refusal(code, work.endpoint, reason, work.ruleset, rule, warning)


def _on_way(work: Work) -> Iterator[tuple[Rule, Sketch]]:
    """Each rule of any table but raw that packets of the service's connections can match, incoming or outgoing."""
    seen: set[int] = set()
    for ways, packets in work.ways:
        for state, (table, hook) in itertools.product(_STATES, ways):
            sketch = packets._replace(state=state)
            for rule in rules_on_way(work.ruleset, table, hook, sketch):
                if rule.line.number not in seen:
                    seen.add(rule.line.number)
                    yield rule, sketch


def _not_accepted(work: Work) -> Iterator[Refusal]:
    if not any(tracks(shape) for shape in work.ruleset.by_shape):
        yield _refuse(work, "R0", "no rule of this file turns connection tracking on")
    elif not walk(work.ruleset, "filter", work.hook, opening(work)).may(Verdict.ACCEPT, Verdict.ELSEWHERE):
        yield _refuse(work, "R0", "no rule accepts a new connection to it")


def _translated(work: Work) -> Iterator[Refusal]:
    """R1: NAT does not exist for untracked packets, and a reply to a translated connection must stay tracked."""
    for reason, rule in translations(work):
        yield _refuse(work, "R1", reason, rule)


def _helped(work: Work) -> Iterator[Refusal]:
    """R2: a helper reads the control channel through its entry, and expects the data channel."""
    helper = helper_for(work.service)
    if helper:
        yield _refuse(
            work, "R2", f"it is the control port of the {helper.name} helper, which needs the connection's entry"
        )
    if work.service in HELPER_DATA:
        yield _refuse(work, "R2", "it is the data port of a helper, whose connections are RELATED")
    hook, requests = work.raw[0]  # a connection gets its helper with its first packet
    for rule in rules_on_way(work.ruleset, "raw", hook, requests):
        if rule.target == "CT" and rule.option(rule.shape.target, "--helper"):
            yield _refuse(work, "R2", "a helper is assigned to its connections", rule)


_ENTRY_TESTS = "asks about the connection's entry, which untracked packets do not have"


def _per_connection(work: Work) -> Iterator[Refusal]:
    """R3: tests and targets that need an entry."""
    for rule, _ in _on_way(work):
        for part in rule.shape.parts:
            tracks = part.entry is not None and part.entry.tracking is not Tracking.NEVER
            decided = rule.table == "nat" or (rule.table == "raw" and part.name == "CT")  # both are looked at elsewhere
            if tracks and not decided and (part.name not in STATE_TESTS or _asks_more(rule, part.name)):
                yield _refuse(work, "R3", f"{part.name} {_ENTRY_TESTS}", rule)
    for hook, sketch in work.raw:
        for rule in rules_on_way(work.ruleset, "raw", hook, sketch):
            if rule.target == "CT" and not rule.option(rule.shape.target, "--helper") and not _notracks(rule):
                yield _refuse(work, "R3", "CT gives its connections a zone, a timeout or events", rule)


def _asks_more(rule: Rule, name: str) -> bool:
    """Whether a state match asks for more than one list of the five states."""
    tests = [part for part in rule.shape.matches if part.name in STATE_TESTS]
    uses = [use for part in tests if part.name == name for use in part.uses]
    states = rule.states
    return len(tests) > 1 or len(uses) != 1 or states is None or bool(states.value & {"SNAT", "DNAT"})


def _notracks(rule: Rule) -> bool:
    return bool(rule.shape.target and rule.shape.target.use("--notrack"))


def _counted(work: Work) -> Iterator[Refusal]:
    """R4: nothing tells the first packet of a UDP flow, so counting rules would count them all."""
    for rule, _ in _on_way(work):
        memory = [
            part.name
            for part in rule.shape.matches
            if part.entry and part.entry.memory in (Memory.COUNTS, Memory.REMEMBERS)
        ]
        if not memory or rule.target in _CALM:
            continue
        if work.service.protocol == "udp":
            yield _refuse(work, "R4", f"{memory[0]} counts packets, and no UDP packet tells that it is the first", rule)
        elif answer(rule, incoming(work)._replace(state="NEW")) is not Answer.NO:
            reason = f"{memory[0]} no longer sees stray packets that were NEW, only bare SYNs"
            yield _refuse(work, "W", reason, rule, warning=True)


def _unfollowable(work: Work) -> Iterator[Refusal]:
    """R6: paths that lead out of the ruleset, or depend on what cannot be foretold."""
    filled = {rule.option(rule.shape.target, "--add-set") for rule in work.ruleset.where(_fills_a_set)}
    for rule, _ in _on_way(work):
        if rule.table == "nat":
            continue
        if rule.verdict is Verdict.ELSEWHERE:
            yield _refuse(work, "R6", f"{rule.target} hands its packets to a program", rule)
        owner = owner_of(rule.jump) if rule.jump is not None else None
        if owner and rule.jump in chains_that_test_state(work.ruleset.tables[rule.table]):
            yield _refuse(work, "R6", f"{rule.jump} tests states and is {owner}'s, which changes it as it runs", rule)
        if rule.jump is not None and work.ruleset.chain(rule.table, rule.jump) is None:
            yield _refuse(work, "R6", f"{rule.jump} is neither a chain of this file nor a known target", rule)
        for part in rule.shape.matches:
            if part.entry is None:
                yield _refuse(work, "R6", f"the match {part.name} is not known", rule)
            elif part.entry.memory is Memory.CLOCK:
                yield _refuse(work, "R6", "the time of day decides, and connections may last", rule)
            elif part.name == "set" and rule.option(part, "--match-set") in filled:
                yield _refuse(work, "R6", "packets fill the set that decides", rule)


def _fills_a_set(shape: Shape) -> bool:
    target = shape.target
    return bool(target and target.name == "SET" and target.use("--add-set"))


def _sends_from_own_port(work: Work) -> Iterator[Refusal]:
    """R8: answers to what the host itself asks from the port would be taken for requests."""
    if work.service in SENDS_FROM_OWN_PORT:
        yield _refuse(work, "R8", "its program also sends from this port: the answers would become untracked requests")
    if work.service in BROADCAST_OR_MULTICAST:
        yield _refuse(work, "R8", "it is asked by broadcast or multicast, which no rule for local addresses sees")
    if work.behind:
        yield from _opens_translated(work)
        return
    for rule in work.ruleset.where(lambda shape: bool(shape.target and shape.target.name in _SOURCE_NAT)):
        if answer(rule, Sketch(family=work.ruleset.family, protocol=work.protocol)) is Answer.NO:
            continue
        reason = f"{rule.target} may give its clients source port {work.service.port}, and their answers would be lost"
        named = names_source_port(rule, work.service.port)
        harmless = work.service in _WEB and not named
        if harmless or named or work.service.port >= 1024 or work.service.protocol == "udp":
            yield _refuse(work, "W" if harmless else "R8", reason, rule, warning=harmless)


def _opens_translated(work: Work) -> Iterator[Refusal]:
    """What the server opens itself from its port goes untranslated afterwards."""
    packets = in_state(outgoing(work), "NEW")
    first = bare_syn(packets) if work.service.protocol == "tcp" else packets
    for hook in ("PREROUTING", "POSTROUTING"):
        for rule in rules_on_way(work.ruleset, "nat", hook, first):
            if rule.verdict is Verdict.TRANSLATE:
                reason = f"connections that the server opens from port {work.service.port} are not translated any more"
                yield _refuse(work, "W", reason, rule, warning=True)


def _not_told_apart(work: Work) -> Iterator[Refusal]:
    """R10: what the machine itself asks the server would be untracked half way."""
    if work.behind and not work.dialect.has_addrtype:
        yield _refuse(work, "R10", "this release has no addrtype match, which tells forwarded packets from its own")


_CHECKS: tuple[Check, ...] = (
    _not_accepted, _not_told_apart, _translated, _helped, _per_connection, _counted, _unfollowable,
    _sends_from_own_port,
)  # fmt: skip
