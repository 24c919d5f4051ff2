"""Packets by what they are to connection tracking, told by their headers. Knows no ruleset.

Source: tcp_conntracks and tcp_valid_flags of nf_conntrack_proto_tcp.c (nf_conntrack_tcp_loose is 1, its default),
nf_conntrack_proto_icmp.c and nf_conntrack_proto_icmpv6.c; strays measured with iptables 1.8.9, kernel 6.18.
"""

from __future__ import annotations

from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.formula import All, Between, Bits, Formula, Not, Opaque, Some, equal, in_state
from ruleset_lint.packets.parts import ACK, FIN, NOT_TRANSLATED, RST, SYN
from ruleset_lint.packets.places import CARRIED
from ruleset_lint.packets.walking import never_tracked

_KIND = FIN | SYN | RST | ACK
_REQUESTS = {4: (8, 13, 15, 17), 6: (128, 139)}
_REPLIES = {4: (0, 14, 16, 18), 6: (129, 140)}
_ERRORS = {4: (3, 11, 12), 6: (1, 2, 3, 4)}

TCP = equal(ask.PROTOCOL, 6)
UDP = equal(ask.PROTOCOL, 17)
_SYN = Bits(ask.FLAGS, _KIND, SYN)
_LATER = Some((Bits(ask.FLAGS, SYN | RST | ACK, ACK), Bits(ask.FLAGS, FIN | SYN | RST, RST)))
_ANSWER = Some((_LATER, Bits(ask.FLAGS, _KIND, SYN | ACK)))
_TO_CLIENT = Between(ask.DESTINATION_PORT, 1024, 65535)
TCP_TO_CLIENT, UDP_TO_CLIENT = All((TCP, _TO_CLIENT)), All((UDP, _TO_CLIENT))
_PIECE, _FIRST_PIECE = Opaque("-m frag"), Opaque("-m frag --fragfirst")


def _of_protocols(tcp: Formula, icmp: Formula, others: Formula, family: int) -> Formula:
    """A test of TCP, one of ICMP, and one of all else."""
    number = equal(ask.PROTOCOL, 58 if family == 6 else 1)
    return Some((All((TCP, tcp)), All((number, icmp)), All((Not(Some((TCP, number))), others))))


def _types(numbers: tuple[int, ...]) -> Formula:
    return Some(tuple(equal(ask.ICMP_TYPE, number) for number in numbers))


def plain(family: int) -> Formula:
    """What is not translated, gets no state from the hook before, and is a fragment if the frag match says so."""
    later, whole = equal(ask.FRAGMENT, 1), equal(ask.FRAGMENT, 0)
    told = Some((All((_PIECE, Not(_FIRST_PIECE), later)), All((Some((Not(_PIECE), _FIRST_PIECE)), whole))))
    return All((NOT_TRANSLATED, equal(CARRIED, 0), *((told,) if family == 6 else ())))


def opening(family: int) -> Formula:
    """Packets that may open a connection."""
    return _of_protocols(_SYN, _types(_REQUESTS[family]), ask.ALWAYS, family)


def going_on(family: int) -> Formula:
    """Later packets of the side that began."""
    return _of_protocols(_LATER, _types(_REQUESTS[family]), ask.ALWAYS, family)


def answer(family: int) -> Formula:
    """Packets of the other side."""
    return _of_protocols(_ANSWER, _types(_REPLIES[family]), ask.ALWAYS, family)


def error(family: int) -> Formula:
    """ICMP errors that a program or path MTU discovery makes use of."""
    return All((equal(ask.PROTOCOL, 58 if family == 6 else 1), _types(_ERRORS[family])))


def usual(family: int) -> Formula:
    """All packets but TCP with flags that nobody sends."""
    return _of_protocols(Some((_SYN, _ANSWER)), ask.ALWAYS, ask.ALWAYS, family)


def stray(family: int) -> Formula:
    """Packets that belong to no connection, in the states that they have."""
    picked_up = Bits(ask.FLAGS, _KIND, ACK)
    new = _of_protocols(Some((_SYN, picked_up)), _types(_REQUESTS[family]), ask.ALWAYS, family)
    discovery = never_tracked(family)
    first = All((new, in_state("NEW")))
    other = All((Not(new), Not(discovery), in_state("INVALID")))
    return Some((first, other, All((discovery, in_state("UNTRACKED")))))
