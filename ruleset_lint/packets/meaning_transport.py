"""What tcp, udp, sctp, dccp, multiport, icmp and icmp6 ask of a packet. Knows no other match.

None of them matches a second or further fragment, whatever is negated (`par->fragoff != 0` in net/netfilter/
xt_tcpudp.c, xt_sctp.c, xt_dccp.c, xt_multiport.c). Left out: packets whose header is cut short, which are dropped;
and that for the tcp and udp of iptables-nft the ports of such a fragment in IPv6 are the first bytes of the IPv6 header
(measured, kernel 6.18): `! --dport 80` matches it.
"""

from __future__ import annotations

from typing import cast

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.shape import Part, Use
from ruleset_lint.netfilter.normal_name_values import icmp_type
from ruleset_lint.netfilter.values import TCP_FLAGS, Ports, number_up_to
from ruleset_lint.packets.formula import (
    ALWAYS,
    DESTINATION_PORT,
    FLAGS,
    FRAGMENT,
    ICMP_CODE,
    ICMP_TYPE,
    NEVER,
    SOURCE_PORT,
    Formula,
    equal,
)
from ruleset_lint.packets.meaning_logic import all_of, among, bits, signed, some_of
from ruleset_lint.packets.meaning_words import LOADED_BY_NFT, asked

WHOLE = equal(FRAGMENT, 0)
_SYN = (frozenset({"FIN", "SYN", "RST", "ACK"}), frozenset({"SYN"}))


def transport_formula(rule: Rule, part: Part) -> Formula:
    """What a match on the transport header asks. Raises ValueError if a value does not read."""
    every = [_option(rule, part, use) for use in part.uses]
    strict = all_of(WHOLE, *every)
    if part.name not in ("tcp", "udp") or part.use("--tcp-option") or all(_is_empty(rule, use) for use in part.uses):
        return strict
    # iptables-nft 1.8.9 makes these into expressions of its own, and leaves out what it takes for saying nothing, a
    # `!` before it as well (add_nft_tcp, add_nft_udp); measured
    told = [asks for asks, use in zip(every, part.uses, strict=True) if not _is_left_out(rule, use)]
    if len(told) == len(every):
        return strict
    native = all_of(WHOLE, *told) if told else ALWAYS
    return strict if native == strict else some_of(strict, all_of(LOADED_BY_NFT, native))


def _is_left_out(rule: Rule, use: Use) -> bool:
    """All ports, or no flag that is looked at."""
    if use.option.name in ("--sport", "--dport"):
        return rule.read(use) == ((0, 0xFFFF),)
    return use.option.name == "--tcp-flags" and not rule.read(use)


def _is_empty(rule: Rule, use: Use) -> bool:
    """Whether all packets of the protocol have it, so that iptables-nft sees a match that asks nothing."""
    flags = use.option.name == "--tcp-flags" and rule.read(use, 1)
    return not use.negated and not flags and _is_left_out(rule, use)


def _option(rule: Rule, part: Part, use: Use) -> Formula:
    match use.option.name:
        case "--sport" | "--sports":
            return signed(among(SOURCE_PORT, cast("Ports", rule.read(use))), use.negated)
        case "--dport" | "--dports":
            return signed(among(DESTINATION_PORT, cast("Ports", rule.read(use))), use.negated)
        case "--ports":
            ports = cast("Ports", rule.read(use))
            return signed(some_of(among(SOURCE_PORT, ports), among(DESTINATION_PORT, ports)), use.negated)
        case "--syn":
            return signed(_flags(*_SYN), use.negated)
        case "--tcp-flags":
            mask, flags = (cast("frozenset[str]", rule.read(use, number)) for number in (0, 1))
            return signed(_flags(mask, flags), use.negated)
        case "--icmp-type" | "--icmpv6-type":
            return signed(_icmp(cast("str", rule.read(use)), rule.family), use.negated)
        case _:
            return asked(rule, part, use)  # tcp_find_option, dccp_mt and sctp_mt turn the answer, nothing else


def _flags(mask: frozenset[str], flags: frozenset[str]) -> Formula:
    return bits(FLAGS, flag_bits(mask), flag_bits(flags))


def flag_bits(flags: frozenset[str]) -> int:
    """TCP flags as they are numbered in FLAGS."""
    return sum(1 << number for number, flag in enumerate(TCP_FLAGS) if flag in flags)


def _icmp(text: str, family: int) -> Formula:
    """The type and its codes; 255 is any type in IPv4 only (icmp_type_code_match, icmp6_type_code_match)."""
    kind, low, high = icmp_numbers(text, family)
    if kind == 255 and family == 4:
        return ALWAYS
    return all_of(equal(ICMP_TYPE, kind), among(ICMP_CODE, ((low, high),))) if low <= high else NEVER


def icmp_numbers(text: str, family: int) -> tuple[int, int, int]:
    """Type, first and last code of `echo-request`, `8`, `3/4` or `3/0:4`; type 255 for any. Raises ValueError."""
    written = text if text[:1].isdigit() else icmp_type(text, family)
    kind, slash, code = ("255", "", "") if written == "any" else written.partition("/")
    low, colon, high = code.partition(":")
    first = number_up_to(low, 0xFF) if slash else 0
    last = number_up_to(high, 0xFF) if colon else (first if slash else 0xFF)
    found = number_up_to(kind, 0xFF)
    if min(found, first, last) < 0:
        raise ValueError("ICMP type expected")
    return found, first, last
