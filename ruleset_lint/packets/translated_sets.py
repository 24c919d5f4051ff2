"""What address translation makes of packets: something else that nobody can tell, on one side. Knows no chain.

A packet has each side translated once on its way at most. What it becomes is the same for the same packet, whatever
rule did it: who compares rulesets compares which rule translated what, too.
"""

from __future__ import annotations

from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.formula import All, Field, Not, equal
from ruleset_lint.packets.space import PacketSet, Space
from ruleset_lint.packets.store import Store, unknown

OPENS = Field("related packet opens a connection", 1)
_STATUS = frozenset({ask.STATE, ask.REPLY, ask.SNAT, ask.DNAT})


def opening(space: Space, store: Store) -> PacketSet:
    """The packets that the nat table is asked about: NEW ones, and RELATED ones that open a connection.

    Source: nf_nat_inet_fn of net/netfilter/nf_nat_core.c and nf_nat_ipv4_fn: RELATED ICMP is translated, never asked.
    """
    new = space.of(ask.in_state("NEW"))
    icmp = equal(ask.PROTOCOL, {4: 1, 6: 58}[space.family])
    related = space.of(All((ask.in_state("RELATED"), equal(OPENS, 1), Not(icmp))))
    return store.now(space, space.either(new, related), frozenset({ask.STATE}))


def translate(space: Space, store: Store, source: bool, by_rules: PacketSet, others: PacketSet) -> None:
    """Translate a side of the packets for which rules said so, and of others as their connections are."""
    where = space.either(by_rules, space.both(others, _by_connection(space, store, source)))
    for of in _fields(space.family, source):
        _make_unknown(space, store, where, of)
    # a rule that puts in the address that is there already does not count as one (nf_nat_setup_info)
    _make_unknown(space, store, by_rules, ask.SNAT if source else ask.DNAT)


def _by_connection(space: Space, store: Store, source: bool) -> PacketSet:
    """Packets of connections whose translation changes this side of theirs: replies have the sides swapped."""
    snat, dnat, reply = (space.of(equal(of, 1)) for of in (ask.SNAT, ask.DNAT, ask.REPLY))
    mine, other = (snat, dnat) if source else (dnat, snat)
    known = space.of(ask.in_state("ESTABLISHED", "RELATED"))
    return store.now(space, space.both(known, space.choose(reply, other, mine)), _STATUS)


def _fields(family: int, source: bool) -> tuple[Field, ...]:
    if source:
        return ask.SOURCE[family], ask.SOURCE_PORT, ask.SOURCE_TYPE
    return ask.DESTINATION[family], ask.DESTINATION_PORT, ask.DESTINATION_TYPE


def _make_unknown(space: Space, store: Store, where: PacketSet, of: Field) -> None:
    store.put(space, where, of, unknown(space, of, of.bits, "translated"), change=f"translated {of.name}")
