"""Questions about packets as text: `tcp dport 22,80-90 from 10.0.0.0/8 but not 10.1.0.0/16 in eth0`. Knows no ruleset.

Words stand in any order, values of one word with commas between them; `not` before a word turns what it says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from ruleset_lint.netfilter.services import port_of
from ruleset_lint.netfilter.values import STATES, interface, protocol
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.box_text import WORDS, YES_OR_NO
from ruleset_lint.packets.formula import All, Between, Bits, Field, Formula, Interface, Not, Some, equal
from ruleset_lint.packets.packet_fields import ICMP_OF, TCP, WITH_PORTS, read_field

LONGEST = 8192  # characters
MOST_VALUES = 1024  # of one word

_OF_ICMP = (
    ask.ICMP_TYPE, ask.ICMP_CODE, ask.QUOTED_PROTOCOL, ask.QUOTED_SOURCE_PORT, ask.QUOTED_DESTINATION_PORT,
)  # fmt: skip
_TOKEN = re.compile(r"[^\s,]+(?:\s*,\s*[^\s,]+)*|,")
_SHOWN = 40  # characters of a word in an error
_SYN = Bits(ask.FLAGS, 0b010111, 0b000010)  # of FIN, SYN, RST and ACK only SYN


class QuestionError(ValueError):
    """A text that is no question: what is wrong, and the column (from 1) where."""

    def __init__(self, column: int, reason: str) -> None:
        """Both as one text, too."""
        super().__init__(f"column {column}: {reason}")
        self.column, self.reason = column, reason


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of packets. `opening`: no state was said, and those that open a connection are meant."""

    family: int
    formula: Formula
    patterns: frozenset[str] = frozenset()  # of interfaces
    sides: frozenset[str] = frozenset()  # IN and OUT, if they are said
    opening: bool = True

    @property
    def course(self) -> str:
        """The course that the interfaces tell: to this machine, if they do not."""
        if ask.OUT not in self.sides:
            return "incoming"
        return "forwarded" if ask.IN in self.sides else "outgoing"


class _Word(NamedTuple):
    text: str
    column: int

    def wrong(self, reason: str) -> QuestionError:
        shown = self.text if len(self.text) <= _SHOWN else self.text[: _SHOWN - 1] + "…"
        return QuestionError(self.column, f"`{shown}`: {reason}")

    @property
    def values(self) -> list[str]:
        return [one.strip() for one in self.text.split(",")]


@dataclass(slots=True)
class _Reading:
    """The words that are left, and what was said."""

    family: int
    words: list[_Word]
    said: dict[Field | str, _Word] = field(default_factory=dict)
    formulas: list[Formula] = field(default_factory=list)
    patterns: set[str] = field(default_factory=set)


def read_question(text: str, family: int) -> Question:
    """The question that a text asks about packets of a family. Raises QuestionError."""
    if len(text) > LONGEST:
        raise QuestionError(LONGEST + 1, f"a question of at most {LONGEST} characters expected")
    reading = _Reading(family, [_Word(match[0], match.start() + 1) for match in _TOKEN.finditer(text)])
    while reading.words:
        _say(reading)
    opening = ask.STATE not in reading.said
    if opening:
        reading.formulas.append(_opening(reading))
    sides = frozenset({ask.IN, ask.OUT} & reading.said.keys())
    return Question(family, All(tuple(reading.formulas)), frozenset(reading.patterns), sides, opening)


def _opening(reading: _Reading) -> Formula:
    """Packets that open a connection: NEW ones, and of TCP only SYN, as long as nothing else is said."""
    if ask.FLAGS in reading.said:
        return ask.in_state("NEW")
    return All((ask.in_state("NEW"), Some((Not(equal(ask.PROTOCOL, TCP)), _SYN))))


def _say(reading: _Reading) -> None:
    """Take in one word and its values."""
    word = reading.words.pop(0)
    negated = word.text == "not"
    if negated:
        word = _next(reading, word, "a word that is to be negated")
    key, formula = _asked(reading, word)
    if key in reading.said:
        raise word.wrong(f"said already at column {reading.said[key].column}: values of one word go with commas")
    reading.said[key] = word
    reading.formulas.append(_has(reading.family, key, Not(formula) if negated else formula))


def _next(reading: _Reading, after: _Word, wanted: str) -> _Word:
    if not reading.words:
        raise QuestionError(after.column + len(after.text), f"{wanted} expected after `{after.text[:_SHOWN]}`")
    return reading.words.pop(0)


def _asked(reading: _Reading, word: _Word) -> tuple[Field | str, Formula]:
    """What a word asks, and of which field."""
    text = word.text.lower()
    for of, (yes, no) in YES_OR_NO.items():
        if text in (yes, no):
            return of, equal(of, int(text == yes))
    of_word = next((of for of, known in WORDS.items() if known == text and _is_of(of, reading.family)), None)
    if of_word is not None:
        return of_word, _values(reading, word, of_word)
    return ask.PROTOCOL, Some(tuple(_protocol(reading, word, one) for one in word.values))


def _is_of(of: Field | str, family: int) -> bool:
    return of not in (ask.SOURCE[10 - family], ask.DESTINATION[10 - family])


def _has(family: int, of: Field | str, formula: Formula) -> Formula:
    """What is asked of a field, of packets that have it."""
    if of == ask.FLAGS:
        owners = {TCP}
    elif of in (ask.SOURCE_PORT, ask.DESTINATION_PORT):
        owners = {*WITH_PORTS}
    else:
        owners = {ICMP_OF[family]} if of in _OF_ICMP else set()
    some = Some(tuple(equal(ask.PROTOCOL, number) for number in sorted(owners)))
    return All((some, formula)) if owners else formula


def _protocol(reading: _Reading, word: _Word, text: str) -> Formula:
    try:
        found = protocol(text, reading.family)
    except ValueError:
        known = ", ".join(("a protocol", "not", *dict.fromkeys(filter(None, WORDS.values())), "snat, dnat, reply"))
        raise word.wrong(f"not known; the words are {known}") from None
    if found > 255 or text.lower() in ("all", "ip"):
        raise word.wrong("protocol expected that packets have: a name or a number up to 255")
    return equal(ask.PROTOCOL, ICMP_OF[reading.family] if text.lower() == "icmp" else found)


def _values(reading: _Reading, word: _Word, of: Field | str) -> Formula:
    """The values after a word, and those that are left out of them."""
    among = _some(reading, _next(reading, word, "a value"), of)
    if [one.text for one in reading.words[:2]] != ["but", "not"]:
        return among
    last = reading.words[1]
    del reading.words[:2]
    return All((among, Not(_some(reading, _next(reading, last, "a value"), of))))


def _some(reading: _Reading, word: _Word, of: Field | str) -> Formula:
    """The values of one word; flags have `or` between them, since one value has commas."""
    values = [word.text] if of == ask.FLAGS else word.values
    while of == ask.FLAGS and reading.words and reading.words[0].text == "or":
        values.append(_next(reading, reading.words.pop(0), "flags").text)
    if len(values) > MOST_VALUES:
        raise word.wrong(f"at most {MOST_VALUES} values expected")
    return Some(tuple(_value(reading, word, of, one) for one in values))


def _value(reading: _Reading, word: _Word, of: Field | str, text: str) -> Formula:
    try:
        if isinstance(of, str):
            return _interface(reading, of, text)
        return _READERS.get(of, _other)(of, text, reading.family)
    except ValueError as error:
        raise word.wrong(str(error)) from None


def _interface(reading: _Reading, side: str, text: str) -> Formula:
    name = "" if text == '""' else interface(text, reading.family)
    reading.patterns.add(name)
    return Interface(side, name)


def _address(of: Field, text: str, family: int) -> Formula:
    """`192.0.2.1`, `10.0.0.0/8`, `10.0.0.1-10.0.0.9`, `10.0.0.1/255.0.0.255`."""
    wrong = ValueError(f"IPv{family} network, address or range expected: {_EXAMPLES[family]}")
    low, dash, high = text.partition("-")
    host, _, mask = text.partition("/")
    try:
        ends = [ip_address(low), ip_address(high)] if dash else []
        bits = [ip_address(host), ip_address(mask)] if re.search(r"[.:]", mask) else []
        network = ip_network(text, strict=False) if not ends and not bits else None
    except ValueError:
        raise wrong from None
    found = network.network_address if network else (ends or bits)[0]
    if any(one.version != family for one in (found, *ends, *bits)) or "%" in text:
        raise wrong
    if ends:
        return Between(of, int(ends[0]), int(ends[1]))
    looked = int(network.netmask) if network else int(bits[1])
    return Bits(of, looked, int(found) & looked)


_EXAMPLES = {4: "192.0.2.1, 10.0.0.0/8, 10.0.0.1-10.0.0.9", 6: "2001:db8::1, 2001:db8::/32, 2001:db8::1-2001:db8::9"}


def _port(of: Field, text: str, _family: int) -> Formula:
    """`22`, `ssh`, `80-90`, `80:90`, `1024-`."""
    if (single := port_of(text)) is not None:
        return equal(of, single)
    low, mark, high = text.partition(":" if ":" in text else "-")
    first, last = port_of(low) if low else 0, port_of(high) if high else 65535
    if not mark or first is None or last is None or not (low or high):
        raise ValueError("port expected: a number up to 65535, the name of a service, or a range as 80-90")
    return Between(of, first, last)


def _flags(of: Field, text: str, family: int) -> Formula:
    """`SYN`: that and no other flag; `SYN/SYN,ACK`: of these only SYN."""
    wanted, slash, looked = text.replace(" ", "").partition("/")
    value = (read_field("flags", wanted, family) or {})[of]
    mask = (read_field("flags", looked, family) or {})[of] if slash else (1 << of.bits) - 1
    return Bits(of, mask, value)


def _type(_of: Field, text: str, family: int) -> Formula:
    read = read_field("type", text, family) or {}
    return All(tuple(equal(one, value) for one, value in read.items()))


def _state(_of: Field, text: str, _family: int) -> Formula:
    if text.upper() not in STATES:
        raise ValueError(f"one of {', '.join(STATES)} expected")
    return ask.in_state(text.upper())


def _other(of: Field, text: str, family: int) -> Formula:
    """A value as the text of a packet has it, a range of numbers, or a value with a mask."""
    word = WORDS[of]
    low, mark, high = text.partition("/" if of in (ask.MARK, ask.TOS) else "-")
    ranged = mark and of in (ask.TTL, ask.LENGTH, ask.ICMP_CODE, ask.MARK, ask.TOS)
    if of in (ask.QUOTED_SOURCE_PORT, ask.QUOTED_DESTINATION_PORT):
        return _port(of, text, family)
    if not ranged:
        return equal(of, (read_field(word, text, family) or {})[of])
    first, second = ((read_field(word, one, family) or {})[of] for one in (low, high))
    return Bits(of, second, first) if of in (ask.MARK, ask.TOS) else Between(of, first, second)


_Reader = Callable[[Field, str, int], Formula]
_READERS: dict[Field, _Reader] = {
    ask.SOURCE[4]: _address, ask.SOURCE[6]: _address, ask.DESTINATION[4]: _address, ask.DESTINATION[6]: _address,
    ask.SOURCE_PORT: _port, ask.DESTINATION_PORT: _port, ask.FLAGS: _flags, ask.ICMP_TYPE: _type, ask.STATE: _state,
}  # fmt: skip


def families(text: str) -> Iterator[int]:
    """The families that a question can be about. Raises QuestionError if there is none."""
    errors: list[QuestionError] = []
    for family in (4, 6):
        try:
            read_question(text, family)
        except QuestionError as error:
            errors.append(error)
        else:
            yield family
    if len(errors) == 2:
        raise max(errors, key=lambda error: error.column)
