"""What `-p -s -d -i -o -f` ask of a packet. Knows no match."""

from __future__ import annotations

from typing import cast

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.shape import Use
from ruleset_lint.netfilter.values import Network
from ruleset_lint.packets.formula import (
    ALWAYS,
    DESTINATION,
    FRAGMENT,
    IN,
    NEVER,
    OUT,
    PROTOCOL,
    SOURCE,
    Field,
    Formula,
    Interface,
    Opaque,
    equal,
)
from ruleset_lint.packets.meaning_logic import all_of, bits, signed, some_of
from ruleset_lint.packets.meaning_words import LOADED_BY_NFT

# ipv6_find_hdr (net/ipv6/exthdrs_core.c) goes on behind these headers: no packet has them as its protocol
_EXTENSION_HEADERS = frozenset({43, 44, 60})
_AUTHENTICATION = 51  # behind which only xtables goes on (IP6_FH_F_AUTH of nft_set_pktinfo_ipv6; measured)


def parameter_formula(rule: Rule, use: Use) -> Formula:
    """What a parameter of iptables itself asks; others than those ask nothing."""
    try:
        return signed(_positive(rule, use), use.negated)
    except (ValueError, IndexError):
        words = (use.option.name, *map(rule.text, use.operands))
        return signed(Opaque(" ".join(words)), use.negated)


def _positive(rule: Rule, use: Use) -> Formula:
    match use.option.name:
        case "-p":
            return _protocol(cast("int", rule.read(use)), rule.family)
        case "-s":
            return _networks(rule, use, SOURCE[rule.family])
        case "-d":
            return _networks(rule, use, DESTINATION[rule.family])
        case "-i":
            return _interface(IN, cast("str", rule.read(use)))
        case "-o":
            return _interface(OUT, cast("str", rule.read(use)))
        case "-f":
            return equal(FRAGMENT, 1)  # ip_packet_match in net/ipv4/netfilter/ip_tables.c
        case _:
            return signed(ALWAYS, use.negated)


def _protocol(number: int, family: int) -> Formula:
    """The protocol; in IPv6 it is that of the last header (ip6_packet_match in net/ipv6/netfilter/ip6_tables.c)."""
    if number == 0:
        return ALWAYS
    if family == 6 and number in _EXTENSION_HEADERS:
        return NEVER
    if number > 0xFF or (family == 6 and number == _AUTHENTICATION):
        # mptcp is 262: no packet for xtables, and 6 in the byte of nf_tables (measured with iptables 1.8.9)
        return all_of(LOADED_BY_NFT, equal(PROTOCOL, number & 0xFF))
    return equal(PROTOCOL, number)


def _networks(rule: Rule, use: Use, of: Field) -> Formula:
    found = sorted(set(cast("tuple[Network, ...]", rule.read(use))))
    return some_of(*(_network(use, network, of) for network in found))


def _network(use: Use, network: Network, of: Field) -> Formula:
    if network.name and network.mask:
        return Opaque(f"{use.option.name} {network.name}/{network.mask:#x}")
    return bits(of, network.mask, network.address)


def _interface(side: str, pattern: str) -> Formula:
    return ALWAYS if pattern == "+" else Interface(side, pattern)
