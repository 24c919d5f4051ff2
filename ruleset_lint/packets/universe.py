"""The packets that can exist: what is true of every packet, whatever a ruleset says. Knows no rule and no sets.

Fields that a packet does not have are 0 in it. Nothing is said here that a machine could be set up to contradict.
"""

from __future__ import annotations

from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.formula import All, Bits, Field, Formula, Not, Some, equal

_TCP, _ICMP = 6, {4: 1, 6: 58}
_ERRORS = {4: (3, 4, 5, 11, 12), 6: (1, 2, 3, 4)}
_WITH_PORTS = (_TCP, 17, 33, 132, 136)  # tcp, udp, dccp, sctp, udplite


def universe(family: int, *, fragments: bool = False) -> Formula:
    """What holds for every packet of a family.

    `fragments`: whether second and further fragments are seen. Where connection tracking is on they are put together
    before any table (nf_defrag_ipv4 and nf_defrag_ipv6 hook in at -400, raw at -300).
    """
    return All((*_transport(family, fragments), *_state(family), *_types(ask.SOURCE_TYPE, ask.SOURCE[family], family),
                *_types(ask.DESTINATION_TYPE, ask.DESTINATION[family], family)))  # fmt: skip


def implies(condition: Formula, then: Formula) -> Formula:
    """Where the condition holds, the other does."""
    return Some((Not(condition), then))


def _transport(family: int, fragments: bool) -> tuple[Formula, ...]:
    whole = equal(ask.FRAGMENT, 0)
    icmp = equal(ask.PROTOCOL, _ICMP[family])
    with_ports = All((Some(tuple(equal(ask.PROTOCOL, number) for number in _WITH_PORTS)), whole))
    quoted = (ask.QUOTED_PROTOCOL, ask.QUOTED_SOURCE_PORT, ask.QUOTED_DESTINATION_PORT)
    return (
        *(() if fragments else (whole,)),
        Some((All((equal(ask.PROTOCOL, _TCP), whole)), equal(ask.FLAGS, 0))),
        Some((with_ports, _all_zero(ask.SOURCE_PORT, ask.DESTINATION_PORT))),
        Some((All((icmp, whole)), _all_zero(ask.ICMP_TYPE, ask.ICMP_CODE, *quoted))),
    )


def _state(family: int) -> tuple[Formula, ...]:
    """Packets without a connection have no direction and no translation; the packet that opens one is no reply.

    ICMP errors are about connections and open none. Source: include/net/netfilter/nf_conntrack.h, nf_ct_get; enum
    ip_conntrack_info has no reply that is IP_CT_NEW; nf_conntrack_inet_error of nf_conntrack_proto_icmp.c.
    """
    types = Some(tuple(equal(ask.ICMP_TYPE, number) for number in _ERRORS[family]))
    errors = All((equal(ask.PROTOCOL, _ICMP[family]), equal(ask.FRAGMENT, 0), types))
    return (
        implies(errors, Not(ask.in_state("NEW", "ESTABLISHED"))),
        implies(ask.in_state("INVALID", "UNTRACKED"), _all_zero(ask.REPLY, ask.SNAT, ask.DNAT)),
        implies(ask.in_state("NEW"), equal(ask.REPLY, 0)),
    )


def _types(side: Field, address: Field, family: int) -> tuple[Formula, ...]:
    """Address types that no routing table can change.

    Source: __inet_dev_addr_type of net/ipv4/fib_frontend.c; in IPv6, __ipv6_addr_type of net/ipv6/addrconf_core.c.
    The other way round an IPv4 address may be MULTICAST or BROADCAST by a route.
    """
    if family == 6:
        multicast = Bits(address, 0xFF << 120, 0xFF << 120)
        kind = ask.of_type(side, "MULTICAST")
        return (implies(multicast, kind), implies(kind, multicast))
    broadcast = Some((equal(address, 0), equal(address, 0xFFFFFFFF)))
    loopback = Bits(address, 0xFF << 24, 127 << 24)
    return (
        implies(Bits(address, 0xF << 28, 0xE << 28), ask.of_type(side, "MULTICAST")),
        implies(broadcast, ask.of_type(side, "BROADCAST")),
        implies(loopback, Some((ask.of_type(side, "LOCAL"), ask.of_type(side, "BROADCAST")))),
    )


def _all_zero(*fields: Field) -> Formula:
    return All(tuple(equal(one, 0) for one in fields))
