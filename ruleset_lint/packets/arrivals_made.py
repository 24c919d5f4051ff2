"""Packets made up to meet given conditions, one of many that do, by chance. Knows no chain and no sets.

    Maker(family, names, chance)
    maker.packet(conditions, table, hook) -> Made | None

That a packet exists and meets all conditions is for the caller to ask: what is made is only likely to.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from ruleset_lint.netfilter.values import ADDRESS_TYPES, STATES
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.arrivals_index import Conditions, sorted_by_key
from ruleset_lint.packets.arrivals_spans import Spans, spans_of
from ruleset_lint.packets.formula import IN, OUT, All, Bits, Field, Formula, Opaque, Packet, Some, holds
from ruleset_lint.packets.packet_fields import ICMP_OF, TCP, WITH_PORTS

_NARROW = 8  # bits of a field whose values are tried one by one
_GRE, _UDP = 47, 17
_ERRORS = {4: (3, 4, 5, 11, 12), 6: (1, 2, 3, 4)}
_ECHO = {4: 8, 6: 128}
_SYN_OR_ACK = (2, 16)
_NAMELESS = {IN: ("OUTPUT", "POSTROUTING"), OUT: ("PREROUTING", "INPUT")}
_BY_NAME = {name: number for number, name in enumerate(STATES)}
_USUAL = tuple(_BY_NAME[name] for name in ("NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED"))
_HERE = {"source": ("OUTPUT", "POSTROUTING"), "destination": ("PREROUTING", "INPUT")}
_SIDES = (("source", ask.SOURCE, ask.SOURCE_TYPE), ("destination", ask.DESTINATION, ask.DESTINATION_TYPE))
_BITS = {4: 32, 6: 128}
_MULTICAST = {4: range(0xE0, 0xF0), 6: range(0xFF, 0x100)}
_MULTICAST_TYPE, _BROADCAST_TYPE, _LOCAL_TYPE, _UNICAST_TYPE = (
    ADDRESS_TYPES.index(name) for name in ("MULTICAST", "BROADCAST", "LOCAL", "UNICAST")
)

_Choice = TypeVar("_Choice")
Parts = dict[Field | str, list[Formula]]


class Made(NamedTuple):
    """A packet, and the questions that are answered yes."""

    values: Mapping[Field, int]
    interfaces: Mapping[str, str]
    answers: frozenset[str]


@dataclass(eq=False, slots=True)
class Maker:
    """Makes packets, each time others; the same `chance` gives the same.

    What a condition allows is remembered by its identity: conditions must be kept by whoever gives them.
    """

    family: int
    names: Sequence[str]  # one of each class of interfaces
    chance: random.Random
    _spans: dict[tuple[int, ...], Spans | None] = field(default_factory=dict)
    _choices: dict[int, Sequence[int]] = field(default_factory=dict)
    _named: dict[tuple[str, str, tuple[int, ...]], Sequence[str]] = field(default_factory=dict)
    _kept: list[Conditions] = field(default_factory=list)

    def packet(self, conditions: Iterable[Conditions], table: str, hook: str) -> Made | None:
        """A packet that may meet the conditions at a hook; None if none was found."""
        parts: Parts = {}
        answers: set[str] = set()
        for condition in conditions:
            self._take(condition, parts, answers)
        interfaces = {side: self._name(side, hook, parts.pop(side, [])) for side in (IN, OUT)}
        values: dict[Field, int] = {}
        for of, asked in parts.items():
            value = self._value(of, asked) if isinstance(of, Field) else None
            if value is None or not isinstance(of, Field):
                return None
            values[of] = value
        self._complete(values, table, hook)
        return Made(values, interfaces, frozenset(answers))

    def _take(self, conditions: Conditions, parts: Parts, answers: set[str]) -> None:
        for key, part in conditions[0].items():
            parts.setdefault(key, []).append(part)
        for part in conditions[1]:
            if isinstance(part, Opaque):
                answers.add(part.text)
            elif isinstance(part, Some) and part.of:
                chosen = sorted_by_key(self.chance.choice(part.of))
                self._kept.append(chosen)
                self._take(chosen, parts, answers)

    def _name(self, side: str, hook: str, parts: Sequence[Formula]) -> str:
        key = (side, hook, tuple(map(id, parts)))
        fit = self._named.get(key)
        if fit is None:
            names = [""] if hook in _NAMELESS[side] else self.names
            fit = [name for name in names if all(holds(one, Packet(self.family, {}, {side: name})) for one in parts)]
            fit = self._named[key] = fit or names
        return self._one_of(fit)

    def _one_of(self, choices: Sequence[_Choice]) -> _Choice:
        return choices[int(self.chance.random() * len(choices))]

    def _value(self, of: Field, parts: Sequence[Formula]) -> int | None:
        """A number that meets all parts; None if there is none, or none was found."""
        if of.bits > _NARROW:
            return self._wide(of, parts)
        choices = self._narrow(of, parts[0])
        if len(parts) > 1:
            choices = [number for number in choices if all(number in self._narrow(of, part) for part in parts[1:])]
        if not choices:
            return None
        return choices[0] if of == ask.STATE else self._one_of(choices)

    def _narrow(self, of: Field, formula: Formula) -> Sequence[int]:
        key = id(formula)
        found = self._choices.get(key)
        if found is None:
            numbers = _USUAL if of == ask.STATE else range(1 << of.bits)
            found = [number for number in numbers if holds(formula, Packet(self.family, {of: number}))]
            self._choices[key] = found
        return found

    def _wide(self, of: Field, parts: Sequence[Formula]) -> int | None:
        key = tuple(map(id, parts))
        if key not in self._spans:
            self._spans[key] = spans_of(All(tuple(parts)), of.bits) if len(parts) > 1 else spans_of(parts[0], of.bits)
        spans = self._spans[key]
        return self._by_bits(of, parts) if spans is None else self._within(spans)

    def _within(self, spans: Spans) -> int | None:
        if not spans:
            return None
        first, last = self._one_of(spans) if len(spans) > 1 else spans[0]
        return first if first == last else first + int(self.chance.random() * (last - first + 1))

    def _by_bits(self, of: Field, parts: Sequence[Formula]) -> int | None:
        """A number that one of the parts asks for, or 0, or one with all bits."""
        for value in (*(one.value for one in parts if isinstance(one, Bits)), 0, (1 << of.bits) - 1):
            if all(holds(part, Packet(self.family, {of: value})) for part in parts):
                return value
        return None

    def _complete(self, values: dict[Field, int], table: str, hook: str) -> None:
        """Fill in what a packet has that nothing was asked of."""
        icmp = ICMP_OF[self.family]
        if ask.PROTOCOL not in values:
            values[ask.PROTOCOL] = self._one_of((_GRE, TCP, _UDP, icmp))
        protocol = values[ask.PROTOCOL]
        if not values.get(ask.FRAGMENT):
            if protocol in WITH_PORTS:
                values.setdefault(ask.SOURCE_PORT, int(self.chance.random() * 65536))
                values.setdefault(ask.DESTINATION_PORT, int(self.chance.random() * 65536))
            if protocol == TCP and ask.FLAGS not in values:
                values[ask.FLAGS] = self._one_of(_SYN_OR_ACK)
            elif protocol == icmp:
                values.setdefault(ask.ICMP_TYPE, _ECHO[self.family])
        for side, address, kind in _SIDES:
            if address[self.family] not in values:
                values[address[self.family]] = self._address()
            if kind not in values:
                values[kind] = self._type(values[address[self.family]], here=hook in _HERE[side])
        values.setdefault(ask.TTL, 64)
        if ask.STATE not in values:
            error = protocol == icmp and values.get(ask.ICMP_TYPE) in _ERRORS[self.family]
            values[ask.STATE] = _BY_NAME["INVALID" if table == "raw" else "RELATED" if error else "NEW"]

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
