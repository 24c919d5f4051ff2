"""What matches on addresses, single fields of the header and marks ask of a packet. Knows no transport and no state."""

from __future__ import annotations

from typing import cast

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.shape import Part, Use
from ruleset_lint.netfilter import normal_name_values
from ruleset_lint.netfilter.values import Masked
from ruleset_lint.packets.formula import (
    DESTINATION,
    DESTINATION_TYPE,
    LENGTH,
    MAC,
    MARK,
    PACKET_TYPE,
    PACKET_TYPES,
    SOURCE,
    SOURCE_TYPE,
    TOS,
    TTL,
    Field,
    Formula,
    equal,
    of_type,
)
from ruleset_lint.packets.meaning_logic import all_of, among, bits, contrary, signed, some_of
from ruleset_lint.packets.meaning_words import asked

# match_type6 of net/netfilter/xt_addrtype.c tells these by the route, the others by the address
_ROUTED = frozenset({"LOCAL", "ANYCAST"})
_UNICAST6 = ("UNICAST", "LOCAL", "ANYCAST", "UNREACHABLE")


def header_formula(rule: Rule, part: Part) -> Formula:
    """What a match on the IP header, the link layer or the mark asks. Raises ValueError if a value does not read."""
    return all_of(*(_option(rule, part, use) for use in part.uses))


def _option(rule: Rule, part: Part, use: Use) -> Formula:
    match use.option.name:
        case "--mac-source":
            return _mac(cast("str", rule.read(use)), negated=use.negated)
        case "--src-type" | "--dst-type":
            return _address_type(rule, part, use)
        case "--limit-iface-in" | "--limit-iface-out":
            return all_of()
        case name if name.startswith("--ecn-tcp-"):
            return asked(rule, part, use)  # match_tcp in net/netfilter/xt_ecn.c
        case _:
            return signed(_positive(rule, use), use.negated)


def _positive(rule: Rule, use: Use) -> Formula:
    value = rule.read(use)
    match use.option.name:
        case "--mark":
            return bits(MARK, cast("Masked", value).mask, cast("Masked", value).value)
        case "--src-range":
            return among(SOURCE[rule.family], (cast("tuple[int, int]", value),))
        case "--dst-range":
            return among(DESTINATION[rule.family], (cast("tuple[int, int]", value),))
        case "--length":
            return among(LENGTH, (cast("tuple[int, int]", value),))
        case "--pkt-type":
            return _packet_type(cast("str", value))
        case "--ecn-ip-ect":
            return bits(TOS, 0x03, cast("int", value))
        case "--dscp":
            return bits(TOS, 0xFC, cast("int", value) << 2)
        case "--dscp-class":
            return bits(TOS, 0xFC, int(normal_name_values.dscp_class(cast("str", value), rule.family), 16) << 2)
        case "--tos":
            return bits(TOS, *tos_mask_and_value(cast("str", value)))
        case _:
            return _hops(use.option.name, cast("int", value))


def _hops(option: str, value: int) -> Formula:
    """`--ttl-eq`, `--hl-lt` and their like."""
    match option.rpartition("-")[2]:
        case "eq":
            return equal(TTL, value)
        case "lt":
            return among(TTL, ((0, value - 1),))
        case "gt":
            return among(TTL, ((value + 1, 0xFF),))
        case _:
            raise ValueError(f"{option} is not known")


def tos_mask_and_value(text: str) -> tuple[int, int]:
    """The bits that a type of service looks at, and what they are; a name stands for six bits. Raises ValueError."""
    value, _, mask = normal_name_values.tos(text, 4).partition("/")
    return int(mask, 16), int(value, 16)


def _packet_type(text: str) -> Formula:
    name = normal_name_values.packet_type(text, 4).removesuffix("host")  # otherhost
    return equal(PACKET_TYPE, PACKET_TYPES.index(name))


def _mac(text: str, *, negated: bool) -> Formula:
    """The sender's address; what came by no Ethernet has none (0) and is not matched, negated or not (xt_mac.c)."""
    found = 0
    for part in text.split(":"):
        found = found << 8 | int(part, 16)
    return all_of(contrary(equal(MAC, 0)), signed(equal(MAC, found), negated))


def _address_type(rule: Rule, part: Part, use: Use) -> Formula:
    beside = [other for other in part.uses if other.option.name.startswith("--limit-iface")]
    wanted = cast("frozenset[str]", rule.read(use))
    found = _types(wanted, SOURCE_TYPE if use.option.name == "--src-type" else DESTINATION_TYPE, rule.family)
    return asked(rule, part, use, *beside) if beside or found is None else signed(found, use.negated)


def _types(wanted: frozenset[str], of: Field, family: int) -> Formula | None:
    """The address is of one of the types; None if the fields cannot tell.

    In IPv6 an address that is LOCAL or ANYCAST is UNICAST as well, and types of both kinds must both be had.
    """
    if family == 4:
        return some_of(*(of_type(of, name) for name in sorted(wanted)))
    form, routed = sorted(wanted - _ROUTED), wanted & _ROUTED
    if len(form) > 1 or not set(form) <= {"UNICAST", "MULTICAST"}:
        return None
    forms = set(_UNICAST6 if form == ["UNICAST"] else form)
    names = forms.intersection(routed) if form and routed else forms.union(routed)
    return some_of(*(of_type(of, name) for name in sorted(names)))
