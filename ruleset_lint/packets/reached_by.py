"""Machines behind this one, and how they are reached, as far as the rules tell that accept packets to them."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.endpoints import Endpoint, at
from ruleset_lint.packets.formula import All, Formula, Interface, Not, Some


def reached_by(ruleset: Ruleset, end: Endpoint) -> tuple[str, ...]:
    """The interfaces (`-o`) of rules of FORWARD that accept the service at this address alone; none if one names none.

    What another port of the server is reached by does not tell: there may be two ways to it.
    """
    if end.address is None:
        return ()
    server = int(ip_address(end.address))
    rules = (rule for rule, address in _accepting(ruleset) if address == server and _may_serve(rule, end))
    tests = [rule.out_interface for rule in rules]
    found = [test.value for test in tests if test and not test.negated]
    return tuple(dict.fromkeys(found)) if len(found) == len(tests) else ()


def _may_serve(rule: Rule, end: Endpoint) -> bool:
    """Whether packets to the service's port may be among those that it matches."""
    protocol, ports = rule.protocol, rule.destination_ports
    if protocol and protocol.value != 0 and (protocol.value == end.protocol) is protocol.negated:
        return False
    return ports is None or any(low <= end.service.port <= high for low, high in ports.value) is not ports.negated


def addresses_behind(ruleset: Ruleset) -> frozenset[int]:
    """Single addresses that rules of FORWARD accept packets to: what is forwarded is for no address of this machine."""
    return frozenset(address for _, address in _accepting(ruleset))


def _accepting(ruleset: Ruleset) -> Iterator[tuple[Rule, int]]:
    table, full = ruleset.tables.get("filter"), (1 << (32 if ruleset.family == 4 else 128)) - 1
    names = table.reached_from("FORWARD") if table and "FORWARD" in table.chains else ()
    for rule in (rule for name in names if table for rule in table.chains[name].rules):
        to = rule.destination
        if to and not to.negated and rule.verdict is Verdict.ACCEPT and [one.mask for one in to.value] == [full]:
            yield rule, to.value[0].address


def astray(end: Endpoint, interfaces: tuple[str, ...]) -> Formula:
    """Packets to the server and from it by other interfaces than these."""
    family = end.family or 4
    leaving, coming = (Some(tuple(Interface(side, name) for name in interfaces)) for side in (ask.OUT, ask.IN))
    to, of = at(ask.DESTINATION[family], end), at(ask.SOURCE[family], end)
    return Some((All((*to, Not(leaving))), All((*of, Not(coming)))))
