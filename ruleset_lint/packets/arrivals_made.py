"""Packets made up to meet given conditions, one of many that do, by chance. Knows no chain and no sets.

    Maker(family, names, chance)
    maker.packet(conditions, table, hook) -> Packet | None

That a packet exists and meets all conditions is for the caller to ask: what is made is only likely to.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ruleset_lint.netfilter.values import ADDRESS_TYPES, STATES
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.arrivals_index import Conditions, sorted_by_key
from ruleset_lint.packets.arrivals_spans import Spans, spans_of
from ruleset_lint.packets.formula import ALWAYS, IN, OUT, All, Bits, Field, Formula, Opaque, Packet, Some, holds
from ruleset_lint.packets.packet_fields import ICMP_OF, TCP, WITH_PORTS

_NARROW = 8  # bits of a field whose values are tried one by one
_GRE, _UDP = 47, 17
_ERRORS = {4: (3, 4, 5, 11, 12), 6: (1, 2, 3, 4)}
_ECHO = {4: 8, 6: 128}
_SYN_OR_ACK = (2, 16)
_NAMELESS = {IN: ("OUTPUT", "POSTROUTING"), OUT: ("PREROUTING", "INPUT")}
_BY_NAME = {name: number for number, name in enumerate(STATES)}
_USUAL = tuple(_BY_NAME[name] for name in ("NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED"))
_INVALID, _NEW, _RELATED = (_BY_NAME[name] for name in ("INVALID", "NEW", "RELATED"))
_SIDES = {  # by family address and type, and the hooks where the address is the host's own
    family: (
        (ask.SOURCE[family], ask.SOURCE_TYPE, ("OUTPUT", "POSTROUTING")),
        (ask.DESTINATION[family], ask.DESTINATION_TYPE, ("PREROUTING", "INPUT")),
    )
    for family in (4, 6)
}
_BITS = {4: 32, 6: 128}
_MULTICAST = {4: range(0xE0, 0xF0), 6: range(0xFF, 0x100)}
_MULTICAST_TYPE, _BROADCAST_TYPE, _LOCAL_TYPE, _UNICAST_TYPE = (
    ADDRESS_TYPES.index(name) for name in ("MULTICAST", "BROADCAST", "LOCAL", "UNICAST")
)

_Choice = TypeVar("_Choice")
Parts = dict[Field | str, Formula]


@dataclass(eq=False, slots=True)
class Maker:
    """Makes packets, each time others; the same `chance` gives the same.

    What a condition allows is remembered by its identity: conditions must be kept by whoever gives them.
    """

    family: int
    names: Sequence[str]  # one of each class of interfaces
    chance: random.Random
    _spans: dict[int, Spans | None] = field(default_factory=dict)
    _choices: dict[int, Sequence[int]] = field(default_factory=dict)
    _named: dict[tuple[str, str, int], Sequence[str]] = field(default_factory=dict)
    _joined: dict[tuple[int, int], All] = field(default_factory=dict)
    _joint: set[int] = field(default_factory=set)  # those that were joined here
    _chosen: dict[int, Conditions] = field(default_factory=dict)

    def packet(self, conditions: Iterable[Conditions], table: str, hook: str) -> Packet | None:
        """A packet that may meet the conditions at a hook, all questions answered yes; None if none was found."""
        parts: Parts = {}
        answers: dict[str, bool] = {}
        for condition in conditions:
            self._take(condition, parts, answers)
        interfaces = {side: self._name(side, hook, parts.pop(side, ALWAYS)) for side in (IN, OUT)}
        values: dict[Field, int] = {}
        for of, asked in parts.items():
            value = self._value(of, asked) if isinstance(of, Field) else None
            if value is None or not isinstance(of, Field):
                return None
            values[of] = value
        self._complete(values, table, hook)
        return Packet(self.family, values, interfaces, answers)

    def _take(self, conditions: Conditions, parts: Parts, answers: dict[str, bool]) -> None:
        asked, left = conditions
        if parts.keys().isdisjoint(asked):
            parts.update(asked)
        else:
            for key, part in asked.items():
                parts[key] = self._both(parts[key], part) if key in parts else part
        for part in left:
            if isinstance(part, Opaque):
                answers[part.text] = True
            elif isinstance(part, Some) and part.of:
                self._take(self._sorted(self.chance.choice(part.of)), parts, answers)

    def _sorted(self, part: Formula) -> Conditions:
        found = self._chosen.get(id(part))
        if found is None:
            found = self._chosen[id(part)] = sorted_by_key(part)
        return found

    def _both(self, first: Formula, second: Formula) -> All:
        """One condition of two; of three it is flat, too."""
        key = (id(first), id(second))
        found = self._joined.get(key)
        if found is None:
            found = self._joined[key] = All((*self._parts(first), second))
            self._joint.add(id(found))
        return found

    def _parts(self, of: Formula) -> tuple[Formula, ...]:
        """What a condition was joined of."""
        return of.of if isinstance(of, All) and id(of) in self._joint else (of,)

    def _name(self, side: str, hook: str, asked: Formula) -> str:
        key = (side, hook, id(asked))
        fit = self._named.get(key)
        if fit is None:
            names = [""] if hook in _NAMELESS[side] else self.names
            fit = [name for name in names if holds(asked, Packet(self.family, {}, {side: name}))]
            fit = self._named[key] = fit or names
        return self._one_of(fit)

    def _one_of(self, choices: Sequence[_Choice]) -> _Choice:
        return choices[int(self.chance.random() * len(choices))]

    def _value(self, of: Field, asked: Formula) -> int | None:
        """A number that meets a condition; None if there is none, or none was found."""
        if of.bits > _NARROW:
            return self._wide(of, asked)
        choices = self._choices.get(id(asked))
        if choices is None:
            choices = self._choices[id(asked)] = self._fitting(of, asked)
        if not choices:
            return None
        return choices[0] if of == ask.STATE else self._one_of(choices)

    def _fitting(self, of: Field, asked: Formula) -> Sequence[int]:
        numbers = _USUAL if of == ask.STATE else range(1 << of.bits)
        return [number for number in numbers if holds(asked, Packet(self.family, {of: number}))]

    def _wide(self, of: Field, asked: Formula) -> int | None:
        try:
            spans = self._spans[id(asked)]
        except KeyError:
            spans = self._spans[id(asked)] = spans_of(asked, of.bits)
        return self._by_bits(of, asked) if spans is None else self._within(spans)

    def _within(self, spans: Spans) -> int | None:
        if not spans:
            return None
        first, last = self._one_of(spans) if len(spans) > 1 else spans[0]
        return first if first == last else first + int(self.chance.random() * (last - first + 1))

    def _by_bits(self, of: Field, asked: Formula) -> int | None:
        """A number that one of a condition's parts asks for, or 0, or one with all bits."""
        parts = self._parts(asked)
        for value in (*(one.value for one in parts if isinstance(one, Bits)), 0, (1 << of.bits) - 1):
            if holds(asked, Packet(self.family, {of: value})):
                return value
        return None

    def _complete(self, values: dict[Field, int], table: str, hook: str) -> None:
        """Fill in what a packet has that nothing was asked of."""
        family, icmp = self.family, ICMP_OF[self.family]
        if ask.PROTOCOL not in values:
            values[ask.PROTOCOL] = self._one_of((_GRE, TCP, _UDP, icmp))
        protocol = values[ask.PROTOCOL]
        if not values.get(ask.FRAGMENT):
            self._complete_transport(values, protocol)
        for address, kind, hooks in _SIDES[family]:
            if address not in values:
                values[address] = self._address()
            if kind not in values:
                values[kind] = self._type(values[address], here=hook in hooks)
        values.setdefault(ask.TTL, 64)
        if ask.STATE not in values:
            error = protocol == icmp and values.get(ask.ICMP_TYPE) in _ERRORS[family]
            values[ask.STATE] = _INVALID if table == "raw" else _RELATED if error else _NEW

    def _complete_transport(self, values: dict[Field, int], protocol: int) -> None:
        if protocol in WITH_PORTS:
            values.setdefault(ask.SOURCE_PORT, int(self.chance.random() * 65536))
            values.setdefault(ask.DESTINATION_PORT, int(self.chance.random() * 65536))
        if protocol == TCP and ask.FLAGS not in values:
            values[ask.FLAGS] = self._one_of(_SYN_OR_ACK)
        elif protocol == ICMP_OF[self.family]:
            values.setdefault(ask.ICMP_TYPE, _ECHO[self.family])

    def _address(self) -> int:
        """One that is unlikely to be asked for: unicast in IPv4, global in IPv6."""
        share = self.chance.random()
        return int((1 + share * 222) * (1 << 24)) if self.family == 4 else 1 << 125 | int(share * (1 << 120))

    def _type(self, address: int, *, here: bool) -> int:
        """One that goes with the address: types of some are fixed."""
        top = address >> _BITS[self.family] - 8
        if top in _MULTICAST[self.family]:
            return _MULTICAST_TYPE
        if self.family == 4 and address in (0, 0xFFFFFFFF):
            return _BROADCAST_TYPE
        return _LOCAL_TYPE if here or (self.family == 4 and top == 127) else _UNICAST_TYPE
