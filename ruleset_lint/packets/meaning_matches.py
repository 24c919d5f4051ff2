"""What one match of a rule asks of a packet: which file tells. Knows no parameter of iptables itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ruleset_lint.model.rule import Rule, Test
from ruleset_lint.model.shape import Part, Use
from ruleset_lint.packets.formula import ALWAYS, Formula
from ruleset_lint.packets.meaning_header import header_formula
from ruleset_lint.packets.meaning_logic import all_of, contrary, signed, some_of
from ruleset_lint.packets.meaning_quoted import ERRORS, asks_for_errors_alone, quoted_formula
from ruleset_lint.packets.meaning_tracking import (
    connection_formula,
    label_formula,
    limit_formula,
    tracking_formula,
    turned,
)
from ruleset_lint.packets.meaning_transport import WHOLE, icmp_numbers, transport_formula
from ruleset_lint.packets.meaning_words import asked, question

_ICMP = {4: 1, 6: 58}


def match_formula(rule: Rule, part: Part) -> Formula:
    """What a match asks; what does not read is a question of its own."""
    return match_reader(part)(rule)


def match_reader(part: Part) -> Callable[[Rule], Formula]:
    """The same, for many rules of a shape."""
    if part.entry is None or part.name == "policy":
        return partial(_read, part, part)
    order = [option.name for option in part.entry.options]
    uses = sorted(part.uses, key=lambda use: order.index(use.option.name))  # in any order they ask the same
    return partial(_read, part, part._replace(uses=tuple(uses)))


def _read(part: Part, in_order: Part, rule: Rule) -> Formula:
    try:
        return _match(rule, in_order) if part.entry else question(rule, part)
    except (ValueError, IndexError):
        return question(rule, part)


def _match(rule: Rule, part: Part) -> Formula:
    match part.entry.name if part.entry else part.name:
        case "comment":
            return ALWAYS
        case "tcp" | "udp" | "sctp" | "dccp" | "multiport" | "icmp" | "icmp6":
            return transport_formula(rule, part)
        case "addrtype" | "dscp" | "ecn" | "hl" | "iprange" | "length" | "mac" | "mark" | "pkttype" | "tos" | "ttl":
            return header_formula(rule, part)
        case "state" | "conntrack":
            return tracking_formula(rule, part)
        case "connmark" | "connbytes" | "cluster":
            return connection_formula(rule, part)
        case "connlabel" | "helper":
            return label_formula(rule, part)
        case "connlimit":
            return limit_formula(rule, part)
        case "u32":
            return _u32(rule, part)
        case _:
            return _other(rule, part)


def _other(rule: Rule, part: Part) -> Formula:
    """A question, turned where the kernel's answer to `!` is the contrary and nothing but that."""
    match part.name:
        case "esp" | "ipcomp":
            return all_of(WHOLE, *(asked(rule, part, use) for use in part.uses))  # esp_mt, comp_mt
        case "owner":
            return _owner(rule, part)
        case "devgroup":
            return all_of(*(asked(rule, part, use) for use in part.uses))  # devgroup_mt
        case "rpfilter":
            return _rpfilter(rule, part)
        # xt_cpu.c, xt_realm.c, xt_string.c, xt_tcpmss.c
        case "cpu" | "realm" | "string" | "tcpmss":
            return turned(rule, part)
        case "set" if not any(use.option.name.startswith(("--packets-", "--bytes-")) for use in part.uses):
            return _set(rule, part)
        case _:
            return question(rule, part)


def _owner(rule: Rule, part: Part) -> Formula:
    """Each option by itself, also where there is no socket: then all negated ones hold (owner_mt)."""
    beside = [use for use in part.uses if use.option.name == "--suppl-groups"]
    uses = [use for use in part.uses if use not in beside]
    return all_of(*(asked(rule, part, use, *(beside if use.option.name == "--gid-owner" else ())) for use in uses))


def _rpfilter(rule: Rule, part: Part) -> Formula:
    """Every answer of rpfilter_mt is turned by `--invert`."""
    kept = tuple(use for use in part.uses if use.option.name != "--invert")
    return signed(question(rule, part._replace(uses=kept)), len(kept) < len(part.uses))


def _set(rule: Rule, part: Part) -> Formula:
    """One set, turned by its `!` (match_set in net/netfilter/xt_set.c)."""
    sets = [use for use in part.uses if use.option.name == "--match-set"]
    if len(sets) != 1:
        return question(rule, part)
    return asked(rule, part, sets[0], *(use for use in part.uses if use is not sets[0]))


def _u32(rule: Rule, part: Part) -> Formula:
    """Of an ICMP error, what is asked of the packet it quotes; else a question (u32_mt turns every answer)."""
    use = part.use("--u32")
    text = rule.text(use.operands[0]) if use else ""
    found = quoted_formula(text, rule.family) if use else None
    if use is None or found is None:
        return turned(rule, part)
    if asks_for_error(rule):
        return signed(found, use.negated)
    if rule.protocol == Test(_ICMP[rule.family], negated=False) and asks_for_errors_alone(text, rule.family):
        return some_of(all_of(WHOLE, signed(found, use.negated)), all_of(contrary(WHOLE), turned(rule, part)))
    return turned(rule, part)


def asks_for_error(rule: Rule) -> bool:
    """Whether the rule is for ICMP errors only, all of which quote a packet."""
    match_of_icmp = rule.shape.match("icmp", "icmp6", "icmpv6")
    use = match_of_icmp.uses[0] if match_of_icmp and match_of_icmp.uses else None
    if use is None or use.negated or not use.operands:
        return False
    try:
        return icmp_numbers(rule.text(use.operands[0]), rule.family)[0] in ERRORS[rule.family]
    except ValueError:
        return False


def depends_on(part: Part, rule: Rule) -> tuple[Use, ...]:
    """The options that what a match asks depends on: its own, and for u32 the protocol and those of icmp."""
    if part.name != "u32":
        return part.uses
    icmp, protocol = rule.shape.match("icmp", "icmp6", "icmpv6"), rule.shape.parameter("-p")
    return (*part.uses, *(icmp.uses if icmp else ()), *((protocol,) if protocol else ()))
