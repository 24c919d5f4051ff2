"""One packet on its way: what is known of it by now, and how it answers what rules ask. Knows no chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ruleset_lint.model.rule import Rule
from ruleset_lint.netfilter.values import STATES
from ruleset_lint.packets.effect import Assign, Replace, Translate
from ruleset_lint.packets.formula import (
    DESTINATION,
    DESTINATION_PORT,
    DESTINATION_TYPE,
    MAC,
    PROTOCOL,
    SOURCE,
    SOURCE_PORT,
    STATE,
    Field,
    Formula,
    Opaque,
    Packet,
    atoms,
    equal,
    holds,
)
from ruleset_lint.packets.packet_fields import value_text
from ruleset_lint.packets.packet_text import end_text
from ruleset_lint.packets.questions import Atom, hold, question, subject
from ruleset_lint.packets.supposing import Known
from ruleset_lint.packets.translated_packet import Translated, translate

NOT_KNOWN = "not known"
_NO_MAC = equal(MAC, 0)  # what came by a wire has one, whichever it is


class Doubt(NamedTuple):
    """A question that nothing of the packet answers, with its place if that counts; no was taken for an answer."""

    text: str
    rule: Rule


@dataclass(slots=True)
class Way:
    """A packet where it is now. `guessed` has what to say of a guess, `used` the guesses that a rule asked for."""

    family: int
    values: dict[Field, int]
    interfaces: Mapping[str, str]
    answers: Mapping[str, bool]
    guessed: dict[Known, str]
    unknown: set[Known]
    used: dict[str, None] = field(default_factory=dict)
    doubts: dict[str, Doubt] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)  # every name of a question that the packet does not answer
    moved: bool = False  # whether it has another destination than it had

    @property
    def packet(self) -> Packet:
        """The packet as it is now."""
        return Packet(self.family, self.values, self.interfaces)

    @property
    def state(self) -> str:
        """Its state by name."""
        return STATES[self.values[STATE]]

    def matches(self, rule: Rule, formula: Formula, *, matters: Callable[[], bool]) -> bool:
        """Whether it meets a formula of a rule; what has to be taken for granted is noted if something follows."""
        packet = self.packet
        sure = hold(formula, lambda atom: None if self._is_guess(atom) else self._answer(atom, rule, packet))
        if sure is not None:
            return sure
        found = hold(formula, lambda atom: self._answer(atom, rule, packet))
        if matters():
            self._note(rule, formula, packet, open_=found is None)
        return hold(formula, lambda atom: self._answer(atom, rule, packet) or False) or False

    def _answer(self, atom: Atom, rule: Rule, packet: Packet) -> bool | None:
        if not isinstance(atom, Opaque) and subject(atom) not in self.unknown:
            return holds(atom, packet)
        if atom == _NO_MAC:
            return False
        placed, plain = _placed(atom, rule), question(atom)
        self.asked |= {placed, plain}
        return self.answers.get(placed, self.answers.get(plain))

    def _is_guess(self, atom: Atom) -> bool:
        return not isinstance(atom, Opaque) and subject(atom) in self.guessed

    def _note(self, rule: Rule, formula: Formula, packet: Packet, *, open_: bool) -> None:
        assumed = hold(
            formula, lambda atom: None if self._is_guess(atom) else self._answer(atom, rule, packet) or False
        )
        for atom in atoms(formula):
            if self._is_guess(atom):
                if assumed is None and not isinstance(atom, Opaque):
                    self.used[self.guessed[subject(atom)]] = None
            elif open_ and self._answer(atom, rule, packet) is None:
                text = question(atom) if isinstance(atom, Opaque) and not atom.counts else _placed(atom, rule)
                self.doubts.setdefault(text, Doubt(text, rule))

    def assign(self, effect: Assign) -> str | None:
        """Change a field, and say how; None if nothing changes."""
        of = effect.field
        before = self._text(of)
        self.values[of] = self.values.get(of, 0) & ~effect.mask ^ effect.value
        if effect.mask == (1 << of.bits) - 1:
            self.unknown.discard(of)
            self.guessed.pop(of, None)
        after = self._text(of)
        return f"{of.name} {before} > {after}" if before != after else None

    def forget(self, effect: Replace) -> str:
        """A field is not known any more; in words."""
        before = self._text(effect.field)
        self.guessed.pop(effect.field, None)
        self.unknown.add(effect.field)
        return f"{effect.field.name} {before} > {NOT_KNOWN} ({effect.text})"

    def translate(self, effect: Translate, hook: str) -> str:
        """Its addresses after NAT; in words."""
        if effect.text.startswith("NETMAP"):  # in a chain of one's own, only the hook tells
            effect = replace(effect, source=hook in ("POSTROUTING", "INPUT"))
        side = "source" if effect.source else "destination"
        before = self._end(effect.source)
        self._take(translate(effect, self.packet, hook))
        return f"{side} {before} > {self._end(effect.source)}"

    def _take(self, found: Translated) -> None:
        self.values |= found.known | found.guessed
        self.unknown = (self.unknown - found.known.keys() - found.guessed.keys()) | found.unknown
        self.moved |= DESTINATION_TYPE in found.known | found.guessed
        for of in (*found.known, *found.unknown):
            self.guessed.pop(of, None)
        self.guessed |= {of: f"{of.name} {value_text(of, value)} after NAT" for of, value in found.guessed.items()}

    def _text(self, of: Field) -> str:
        return NOT_KNOWN if of in self.unknown else value_text(of, self.values.get(of, 0))

    def _end(self, source: bool) -> str:
        address, port = (SOURCE, SOURCE_PORT) if source else (DESTINATION, DESTINATION_PORT)
        of = address[self.family]
        if of in self.unknown:
            known = port not in self.unknown and self.values.get(port)
            return f"{NOT_KNOWN}, port {self.values[port]}" if known else NOT_KNOWN
        if port not in self.unknown:
            return end_text(self.packet, of, port)
        return end_text(Packet(self.family, {of: self.values[of], PROTOCOL: 0}), of, port) + ", port not known"


def _placed(atom: Atom, rule: Rule) -> str:
    return f"{question(atom)} at line {rule.number}"
