"""The packets of a connection by what they are in it: its first, its later ones, its replies, errors about it.

Flags are those that connection tracking takes for such a packet (tcp_valid_flags and tcp_conntracks of
nf_conntrack_proto_tcp.c, kernel 6.18). Knows no ruleset and no sets.
"""

from __future__ import annotations

from ruleset_lint.netfilter.values import TCP_FLAGS
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.endpoints import Endpoint
from ruleset_lint.packets.formula import ALWAYS, All, Bits, Formula, Not, Some, equal, in_state

FIN, SYN, RST, PSH, ACK, URG = (1 << number for number in range(len(TCP_FLAGS)))
_KIND = FIN | SYN | RST | ACK
_ANSWERED = {4: (3, 11, 12), 6: (1, 2, 3, 4)}  # what a program or path MTU discovery makes use of
_IGNORED = {4: (4, 5), 6: ()}  # source quench and redirect
_ICMP = {4: 1, 6: 58}

NEW, ESTABLISHED, RELATED, INVALID = (in_state(name) for name in ("NEW", "ESTABLISHED", "RELATED", "INVALID"))
ORIGINAL, REPLY = equal(ask.REPLY, 0), equal(ask.REPLY, 1)
NOT_TRANSLATED = All((equal(ask.SNAT, 0), equal(ask.DNAT, 0)))
_RESET = Bits(ask.FLAGS, _KIND | URG, RST)
_LATER = Some((
    Bits(ask.FLAGS, SYN | RST | ACK, ACK),
    Bits(ask.FLAGS, _KIND | URG, RST | ACK),
    _RESET,
))  # fmt: skip
_FIRST_ANSWER = Bits(ask.FLAGS, _KIND | URG, SYN | ACK)


def opens(endpoint: Endpoint) -> Formula:
    """Flags of a first packet."""
    return Bits(ask.FLAGS, _KIND, SYN) if endpoint.is_tcp else ALWAYS


def goes_on(endpoint: Endpoint) -> Formula:
    """Flags of a later packet of the side that began."""
    return _LATER if endpoint.is_tcp else ALWAYS


def answers(endpoint: Endpoint) -> Formula:
    """Flags of a packet of the other side."""
    return Some((_LATER, _FIRST_ANSWER)) if endpoint.is_tcp else ALWAYS


def answers_untracked(endpoint: Endpoint) -> Formula:
    """State and flags of a reply whose request was untracked: answers and resets open nothing, all else does."""
    if not endpoint.is_tcp:
        return NEW
    stray = Some((_FIRST_ANSWER, Bits(ask.FLAGS, RST, RST)))
    return All((answers(endpoint), Some((All((stray, INVALID)), All((Not(stray), NEW))))))


def acknowledges(endpoint: Endpoint) -> Formula:
    """Flags by which a packet of an untracked flow counts as part of a connection."""
    return Some((Bits(ask.FLAGS, ACK, ACK), Bits(ask.FLAGS, _KIND, RST))) if endpoint.is_tcp else ALWAYS


def resets() -> Formula:
    """Flags of what REJECT answers (nf_reject_ipv4.c: RST, or RST and ACK)."""
    return Bits(ask.FLAGS, FIN | SYN | RST | PSH | URG, RST)


def errors(endpoint: Endpoint, family: int, *, inward: bool, ignored: bool = False) -> Formula:
    """ICMP errors that quote a packet from the endpoint (`inward`), or one to it; `ignored`: of types nobody heeds."""
    types = (_IGNORED if ignored else _ANSWERED)[family]
    port = ask.QUOTED_SOURCE_PORT if inward else ask.QUOTED_DESTINATION_PORT
    return All((
        equal(ask.PROTOCOL, _ICMP[family]),
        Some(tuple(equal(ask.ICMP_TYPE, number) for number in types)),
        equal(ask.QUOTED_PROTOCOL, endpoint.protocol),
        equal(port, endpoint.service.port),
    ))  # fmt: skip
