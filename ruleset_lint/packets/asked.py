"""What a rule, and the rules on the way to it, ask of a packet. Knows no verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ruleset_lint.model.rule import Rule, Test
from ruleset_lint.model.ruleset import Table
from ruleset_lint.model.shape import Part, Use
from ruleset_lint.netfilter.values import STATES, Network, Ports
from ruleset_lint.packets.conditions import Conditions, Interfaces, meet

_MOST_WAYS = 64
_UNKNOWN = Conditions(exact=False)
_TRANSPORT = frozenset({"tcp", "udp", "udplite", "sctp", "dccp", "multiport"})


def ways(table: Table, hook: str, rule: Rule) -> tuple[tuple[Rule, ...], ...] | None:
    """All ways from a built-in chain to a rule: the jumps, then the rule. None if they are too many to look at."""
    found: list[tuple[Rule, ...]] = []
    waiting: list[tuple[Rule, ...]] = [(rule,)]
    for _ in range(_MOST_WAYS):
        if not waiting:
            return tuple(found)
        way = waiting.pop()
        chain = way[0].chain
        if chain == hook:
            found.append(way)
        callers = table.callers.get(chain, ())
        if len(callers) > _MOST_WAYS:
            return None
        if chain not in {other.chain for other in way[1:]}:  # else a loop
            waiting += [(caller, *way) for caller in callers]
    return None


def asked_on(way: Sequence[Rule]) -> Conditions | None:
    """What all rules of a way ask; None if they exclude each other."""
    known: Conditions | None = Conditions(family=way[0].family)
    for rule in way:
        for asked in _tests(rule):
            known = meet(known, asked) if known else None
    return known


def asked_by(rule: Rule) -> Conditions | None:
    """What one rule asks; None if no packet can have it."""
    return asked_on((rule,))


def _tests(rule: Rule) -> Iterator[Conditions]:
    """Each thing that a rule asks, as conditions of its own."""
    for use in rule.shape.parameters:
        yield _parameter(rule, use)
    for part in rule.shape.matches:
        if part.entry is None:
            yield _UNKNOWN
        for use in part.uses:
            yield _option(rule, part, use)
        if part.entry and not part.uses:
            yield _UNKNOWN if part.name not in _TRANSPORT else Conditions()


def _parameter(rule: Rule, use: Use) -> Conditions:
    match use.option.name:
        case "-p":
            return _protocol(rule.protocol)
        case "-s":
            return Conditions(source=networks) if (networks := _networks(rule.source)) is not None else _UNKNOWN
        case "-d":
            return Conditions(destination=found) if (found := _networks(rule.destination)) is not None else _UNKNOWN
        case "-i":
            return Conditions(arrives=_interfaces(test)) if (test := rule.in_interface) else _UNKNOWN
        case "-o":
            return Conditions(leaves=_interfaces(test)) if (test := rule.out_interface) else _UNKNOWN
        case _:
            return _UNKNOWN


def _option(rule: Rule, part: Part, use: Use) -> Conditions:
    match part.name, use.option.name:
        case "comment", _:
            return Conditions()
        case _, "--sport" | "--sports" if part.name in _TRANSPORT:
            return Conditions(source_ports=ports) if (ports := _ports(rule.source_ports)) else _UNKNOWN
        case _, "--dport" | "--dports" if part.name in _TRANSPORT:
            return Conditions(destination_ports=ports) if (ports := _ports(rule.destination_ports)) else _UNKNOWN
        case "tcp", "--syn" | "--tcp-flags":
            return _flags(rule)
        case _, "--state" | "--ctstate":
            return _states(rule)
        case "addrtype", _:
            return _address_type(rule, use)
        case _:
            return _UNKNOWN


def _protocol(test: Test[int] | None) -> Conditions:
    if test is None or test.negated:
        return _UNKNOWN
    return Conditions(protocol=test.value or None)


def _networks(test: Test[tuple[Network, ...]] | None) -> tuple[Network, ...] | None:
    """The networks, none for all addresses; None if they cannot be told."""
    if test is None or test.negated or any(network.name for network in test.value):
        return None
    return test.value if all(network.mask for network in test.value) else ()


def _interfaces(test: Test[str]) -> Interfaces:
    if test.value == "+":
        return Interfaces()
    return Interfaces(excluded=test.value) if test.negated else Interfaces(test.value)


def _ports(test: Test[Ports] | None) -> Ports:
    if test is None:
        return ()
    return _other_ports(test.value) if test.negated else tuple(sorted(test.value))


def _other_ports(ports: Ports) -> Ports:
    found = []
    low = 0
    for first, last in sorted(ports):
        if low < first:
            found.append((low, first - 1))
        low = max(low, last + 1)
    return (*found, (low, 65535)) if low <= 65535 else tuple(found)


def _flags(rule: Rule) -> Conditions:
    test = rule.tcp_flags
    if test is None or test.negated:
        return _UNKNOWN
    wanted = test.value.set & test.value.mask
    return Conditions(flags_set=wanted, flags_clear=test.value.mask - wanted)


def _states(rule: Rule) -> Conditions:
    test = rule.states
    if test is None or test.value & {"SNAT", "DNAT"}:
        return _UNKNOWN
    return Conditions(states=frozenset(STATES) - test.value if test.negated else test.value)


def _address_type(rule: Rule, use: Use) -> Conditions:
    local = bool(use.operands) and rule.text(use.operands[0]).upper() == "LOCAL"
    match use.option.name:
        case "--dst-type" if local:
            return Conditions(destination_is_local=not use.negated)
        case "--src-type" if local:
            return Conditions(source_is_local=not use.negated)
        case _:
            return _UNKNOWN
