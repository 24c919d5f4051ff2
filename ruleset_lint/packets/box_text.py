"""Boxes as text: `tcp in eth0 from 10.0.0.0/8 but not 10.1.0.0/16 dport 22,80-90 if "-m set --match-set a src"`.

Knows no ruleset. What is said of fields reads back as a question (`question_text`).
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache

from ruleset_lint.netfilter.normal_name_values import icmp_type
from ruleset_lint.netfilter.normal_values import address_text, network_text
from ruleset_lint.netfilter.option_names import ICMP, ICMP6
from ruleset_lint.netfilter.values import Network
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.boxes import Box, Condition, Part, subject
from ruleset_lint.packets.formula import Between, Bits, Field, Interface, Opaque
from ruleset_lint.packets.packet_fields import WITH_PORTS, value_text
from ruleset_lint.packets.space import Afterwards
from ruleset_lint.text import safe

SHOWN = 12
"""Values of one field that are shown, if there are many."""

WORDS: dict[Field | str, str] = {
    ask.PROTOCOL: "", ask.IN: "in", ask.OUT: "out", ask.SOURCE[4]: "from", ask.SOURCE[6]: "from",
    ask.DESTINATION[4]: "to", ask.DESTINATION[6]: "to", ask.SOURCE_PORT: "sport", ask.DESTINATION_PORT: "dport",
    ask.FLAGS: "flags", ask.ICMP_TYPE: "type", ask.ICMP_CODE: "code", ask.STATE: "state", ask.MARK: "mark",
    ask.TOS: "tos", ask.TTL: "ttl", ask.LENGTH: "length", ask.MAC: "mac", ask.PACKET_TYPE: "pkttype",
    ask.SOURCE_TYPE: "src-type", ask.DESTINATION_TYPE: "dst-type", ask.QUOTED_PROTOCOL: "quoted",
    ask.QUOTED_SOURCE_PORT: "quoted-sport", ask.QUOTED_DESTINATION_PORT: "quoted-dport",
}  # fmt: skip
"""How what is asked of each field begins, in the order in which it is said."""
YES_OR_NO = {
    ask.REPLY: ("reply", "original"),
    ask.SNAT: ("snat", "not snat"),
    ask.DNAT: ("dnat", "not dnat"),
    ask.FRAGMENT: ("fragment", "not fragment"),
}
_FAMILIES = {side[family]: family for side in (ask.SOURCE, ask.DESTINATION) for family in (4, 6)}
_PORTS = (ask.SOURCE_PORT, ask.DESTINATION_PORT)


def box_text(box: Box, family: int) -> str:
    """A box in words; the one without conditions is `everything`."""
    said = sorted(box.conditions, key=_place)
    words = [condition_text(one, family) for one in said if not _goes_without_saying(one, box)]
    return " ".join(words) or "everything"


def _place(condition: Condition) -> tuple[int, str]:
    """Fields in the order of the words, then what is so or not, by its text."""
    order = [*WORDS, *YES_OR_NO]
    key = condition.key
    if isinstance(key, Field | str) and key in order:
        return order.index(key), ""
    return len(order), key_text(key)


def _goes_without_saying(condition: Condition, box: Box) -> bool:
    """Whether it says that the packets have ports, where their ports are said."""
    if condition.key != ask.PROTOCOL or condition.but or not any(box.condition(port) for port in _PORTS):
        return False
    return {part.value for part in condition.among if isinstance(part, Bits)} == WITH_PORTS


def condition_text(condition: Condition, family: int) -> str:
    """One condition: `from 10.0.0.0/8`, `not dport 22`, `unless "-m limit --limit 5/min" (line 12)`."""
    of, key = subject(condition.key), condition.key
    if isinstance(of, Opaque):
        return f'{"if" if condition.among else "unless"} "{safe(of.text)}"{_where(key)}'
    if isinstance(of, Field) and (of in YES_OR_NO or of not in WORDS):
        yes = condition.formula == ask.equal(of, 1)
        return YES_OR_NO[of][not yes] if of in YES_OR_NO else f'{"if" if yes else "unless"} "{of.name}"'
    word = WORDS[of]
    among, but = (_list(of, parts_text(key, parts, family)) for parts in (condition.among, condition.but))
    told = f"{among} but not {but}" if among and but else among or but
    said = f"{word} {told}" if word else told
    return _later(key) + (f"not {said}" if not among else said)


def _where(key: Hashable) -> str:
    """Where a question is asked that counts, or after what: `(line 12, called in line 7)`."""
    if isinstance(key, Afterwards):
        return f" ({safe(key.event)})"
    lines: list[int] = []
    while isinstance(key, tuple) and not isinstance(key, Opaque) and len(key) == 2:
        lines += [number] if (number := _line(key[1])) is not None else []
        key = key[0]
    said = [f"line {number}" if not place else f"called in line {number}" for place, number in enumerate(lines[::-1])]
    return f" ({', '.join(said)})" if said else ""


def _line(place: Hashable) -> int | None:
    """The line that a place names, however deep."""
    while isinstance(place, tuple) and place:
        if len(place) == 2 and isinstance(place[1], int):
            return place[1]
        place = place[0]
    return None


def _later(key: Hashable) -> str:
    if isinstance(key, Afterwards):
        return "translated " if key.event == "translated" else f'after "{safe(key.event)}" '
    return "" if isinstance(key, Field | str) else "rerouted "


def _list(of: Field | str, words: list[str]) -> str:
    more = [f"and {len(words) - SHOWN} more"] if len(words) > SHOWN + 1 else []
    shown = words[:SHOWN] if more else words
    between = " or " if of == ask.FLAGS else ","
    return " ".join((between.join(shown), *more)) if shown else ""


def key_text(key: Hashable) -> str:
    """What a condition is about: `source`, `in`, `-m set --match-set a src`, `translated destination port`."""
    of = subject(key)
    if isinstance(of, Opaque):
        return safe(of.text) + _where(key)
    return _later(key) + (of.name if isinstance(of, Field) else of)


def parts_text(key: Hashable, parts: tuple[Part, ...], family: int) -> list[str]:
    """Values as words; of a question, and of what is so or not, `yes` and `no`."""
    of = subject(key)
    if isinstance(of, Opaque):
        return ["yes" for _ in parts]
    if isinstance(of, Field) and of.bits == 1:
        return ["yes" if one == ask.equal(of, 1) else "no" for one in parts]
    if of != ask.ICMP_TYPE:
        return [_part(one) for one in parts]
    names = icmp_names(family)
    return [names.get(str(one.value), str(one.value)) if isinstance(one, Bits) else _part(one) for one in parts]


def _part(part: Part) -> str:
    """One value: `10.0.0.0/8`, `80-90`, `SYN/FIN,SYN,RST,ACK`, `eth+`."""
    match part:
        case Interface(_, pattern):
            return safe(pattern) or '""'
        case Opaque(text):
            return safe(text)
        case Between(of, low, high):
            return f"{_value(of, low)}-{_value(of, high)}"
        case Bits(of, mask, value) if of in _FAMILIES:
            return network_text(Network(value, mask), _FAMILIES[of]).removesuffix(f"/{of.bits}")
        case Bits(of, mask, value):
            full = mask == (1 << of.bits) - 1
            looked = value_text(of, mask) if of in (ask.FLAGS, ask.MARK, ask.TOS) else f"{mask:#x}"
            return _value(of, value) if full else f"{_value(of, value)}/{looked}"


def _value(of: Field, value: int) -> str:
    return address_text(value, _FAMILIES[of]) if of in _FAMILIES else value_text(of, value)


@cache
def icmp_names(family: int) -> dict[str, str]:
    """The first name of each ICMP type, and of each type with a code, by `8` and `3/4`."""
    found: dict[str, str] = {}
    for name in ICMP if family == 4 else ICMP6:
        found.setdefault(icmp_type(name, family), name)
    return found
