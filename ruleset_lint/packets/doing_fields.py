"""How targets change the fields of a packet: marks, type of service, hops, addresses. Knows no verdict."""

from __future__ import annotations

from typing import cast

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.shape import Part, Use
from ruleset_lint.netfilter import normal_name_values
from ruleset_lint.netfilter.values import Masked
from ruleset_lint.packets.effect import Assign, Effect, Note, Replace
from ruleset_lint.packets.formula import DESTINATION, MARK, SOURCE, TOS, TTL, Field
from ruleset_lint.packets.meaning_header import tos_mask_and_value
from ruleset_lint.packets.meaning_words import words_of

# one option of each target that puts in what depends on the old value, on the connection or on the address
_BY_WORDS = frozenset({"--restore-mark", "--ttl-inc", "--ttl-dec", "--hl-inc", "--hl-dec", "--src-pfx", "--hmark-mod"})


def changes(rule: Rule, target: Part) -> tuple[Effect, ...]:
    """The fields that a target changes; none, if it changes none, and what does not read puts in what nobody knows."""
    try:
        return tuple(effect for use in target.uses for effect in _by_option(rule, target, use))
    except (ValueError, IndexError):
        return (*_by_words(rule, target), Note(_text(rule, target), matters=True))


def _by_option(rule: Rule, target: Part, use: Use) -> tuple[Effect, ...]:
    match target.name, use.option.name:
        case "MARK", _:
            return (_mark(use.option.name, cast("Masked | int", rule.read(use))),)
        case "TPROXY", "--tproxy-mark":
            found = cast("Masked", rule.read(use))
            return (Assign(MARK, found.mask, found.value),)
        case "TOS", _:
            return (_tos(use.option.name, rule.read(use)),)
        case "DSCP", _:
            return (Assign(TOS, 0xFC, _code(rule, use) << 2),)
        case "ECN", "--ecn-ip-ect":
            return (Assign(TOS, 0x03, cast("int", rule.read(use))),)
        case "ECN", _:
            return (Note(_text(rule, target._replace(uses=(use,))), matters=True),)  # set_ect_tcp: bits without a field
        case _, "--ttl-set" | "--hl-set":
            return (Assign(TTL, 0xFF, cast("int", rule.read(use))),)
        case "SET", "--map-mark":
            return (*_by_words(rule, target), Note(_text(rule, target), matters=True))
        case _, name if name in _BY_WORDS:
            return _by_words(rule, target)
        case _:
            return ()


def _code(rule: Rule, use: Use) -> int:
    """The six bits of `--set-dscp` or of a class."""
    value = rule.read(use)
    return value if isinstance(value, int) else int(normal_name_values.dscp_class(str(value), rule.family), 16)


def _by_words(rule: Rule, target: Part) -> tuple[Effect, ...]:
    """The field that the target changes has what its words put in."""
    field = _changed(rule, target)
    return (Replace(field, _text(rule, target)),) if field else ()


def _changed(rule: Rule, target: Part) -> Field | None:
    match target.name:
        case "MARK" | "CONNMARK" | "HMARK" | "SET" | "TPROXY":
            return MARK
        case "TOS" | "DSCP" | "ECN":
            return TOS
        case "TTL" | "HL":
            return TTL
        case "SNPT":
            return SOURCE[rule.family]
        case "DNPT":
            return DESTINATION[rule.family]
        case _:
            return None


def _text(rule: Rule, target: Part) -> str:
    return words_of(rule, target, match=False).removeprefix("-j ")


def _mark(option: str, given: Masked | int) -> Assign:
    """mark_tg: the bits of the mask cleared, then those of the value turned (net/netfilter/xt_mark.c)."""
    value, mask = given if isinstance(given, Masked) else (given, 0)
    match option:
        case "--set-mark":
            mask |= value
        case "--and-mark":
            value, mask = 0, ~value & 0xFFFFFFFF
        case "--or-mark":
            mask = value
        case _:
            pass
    return Assign(MARK, mask, value)


def _tos(option: str, given: object) -> Assign:
    """tos_tg: like MARK, in eight bits (net/netfilter/xt_DSCP.c)."""
    if option == "--set-tos":
        return Assign(TOS, *tos_mask_and_value(cast("str", given)))
    value = cast("int", given)
    match option:
        case "--and-tos":
            return Assign(TOS, ~value & 0xFF, 0)
        case "--or-tos":
            return Assign(TOS, value, value)
        case _:
            return Assign(TOS, 0, value)
