"""Packets as text: `in=eth0 tcp 203.0.113.7:40000 > 192.0.2.10:80 flags=SYN state=NEW`. Knows no ruleset.

A packet that is read has the fields that its text says and no others: nothing is guessed here. Beside `key=value`
there are the words `fragment`, `snat`, `dnat`, `reply` and `original`, and answers to what no field tells:
`"-m set --match-set a src"=yes`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from ruleset_lint.netfilter.protocol_names import PROTOCOL_NAMES
from ruleset_lint.netfilter.services import port_of
from ruleset_lint.netfilter.values import interface, protocol
from ruleset_lint.packets.formula import (
    DESTINATION,
    DESTINATION_PORT,
    FRAGMENT,
    IN,
    OUT,
    PROTOCOL,
    SOURCE,
    SOURCE_PORT,
    Field,
    Packet,
)
from ruleset_lint.packets.packet_fields import ICMP_OF, KEYS, TCP, WITH_PORTS, WORDS, Values, field_words, read_field
from ruleset_lint.text import safe

LONGEST = 8192  # characters

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"\S*|>|[^\s">]+|\S', re.DOTALL)
_ANSWER = re.compile(r'"((?:[^"\\]|\\.)*)"=(yes|no)', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_EXAMPLE = "in=eth0 tcp 203.0.113.7:40000 > 192.0.2.10:80"
_SHOWN = 40  # characters of a word in an error


class PacketError(ValueError):
    """A text that is no packet: what is wrong, and the column (from 1) where."""

    def __init__(self, column: int, reason: str) -> None:
        """Both as one text, too."""
        super().__init__(f"column {column}: {reason}")
        self.column, self.reason = column, reason


class _Word(NamedTuple):
    text: str
    column: int

    def wrong(self, reason: str) -> PacketError:
        shown = self.text if len(self.text) <= _SHOWN else self.text[: _SHOWN - 1] + "…"
        return PacketError(self.column, f"`{safe(shown)}`: {reason}")


def read_packet(text: str) -> Packet:
    """The packet that a text describes, with the fields that it says. Raises PacketError."""
    if len(text) > LONGEST:
        raise PacketError(LONGEST + 1, f"a packet of at most {LONGEST} characters expected")
    reading = _Reading(*_tuple(words := _words(text)))
    for word in words:
        _say(reading, word)
    _check_ports(reading)
    return Packet(reading.family, reading.values, reading.interfaces, reading.answers)


def packet_text(packet: Packet) -> str:
    """The packet as a text that reads back as it: every field that is not 0, and the state if it has one."""
    sides = [f"{side}={safe(name)}" for side in (IN, OUT) if (name := packet.interfaces.get(side))]
    kind = packet.value(PROTOCOL)
    named = PROTOCOL_NAMES.get(kind, str(kind))
    source = end_text(packet, SOURCE[packet.family], SOURCE_PORT)
    destination = end_text(packet, DESTINATION[packet.family], DESTINATION_PORT)
    answers = (answer_text(text, answer=answer) for text, answer in packet.answers.items())
    return " ".join((*sides, named, source, ">", destination, *field_words(packet.values, packet.family), *answers))


def end_text(packet: Packet, of: Field, port: Field) -> str:
    """An address of a packet, with its port if its protocol has ports: `192.0.2.1:80`, `[2001:db8::1]:80`."""
    address = IPv4Address(packet.value(of)) if packet.family == 4 else IPv6Address(packet.value(of))
    if packet.value(PROTOCOL) not in WITH_PORTS or packet.value(FRAGMENT):
        return str(address)
    return f"{address}:{packet.value(port)}" if packet.family == 4 else f"[{address}]:{packet.value(port)}"


def answer_text(question: str, *, answer: bool) -> str:
    """An answer to what no field tells, as a packet's text has it: `"-m set --match-set a src"=yes`."""
    escaped = question.replace("\\", r"\\").replace('"', r"\"")
    return f'"{safe(escaped)}"={"yes" if answer else "no"}'


@dataclass(frozen=True, slots=True)
class _Reading:
    """What has been said so far."""

    family: int
    values: dict[Field, int]
    interfaces: dict[str, str] = field(default_factory=dict)
    answers: dict[str, bool] = field(default_factory=dict)
    columns: dict[Field, _Word] = field(default_factory=dict)


def _words(text: str) -> list[_Word]:
    return [_Word(match[0], match.start() + 1) for match in _TOKEN.finditer(text)]


def _tuple(words: list[_Word]) -> tuple[int, dict[Field, int]]:
    """Take protocol, source and destination out of the words: the family, and their fields."""
    at = next((place for place, word in enumerate(words) if word.text == ">"), None)
    if at is None or at < 2 or at + 1 == len(words):
        column = words[-1].column + len(words[-1].text) if words else 1
        wanted = f"protocol, source, > and destination expected, as in `{_EXAMPLE}`"
        raise PacketError(column if at is None else words[at].column, wanted)
    named, source, _, destination = words[at - 2 : at + 2]
    del words[at - 2 : at + 2]
    ends = _end(source), _end(destination)
    family = ends[0].address.version
    if ends[1].address.version != family:
        raise destination.wrong(f"IPv{family} address expected, as the source is one")
    values = {PROTOCOL: _protocol(named, family)}
    values |= {SOURCE[family]: int(ends[0].address), DESTINATION[family]: int(ends[1].address)}
    for of, end in ((SOURCE_PORT, ends[0]), (DESTINATION_PORT, ends[1])):
        if end.port is not None:
            values[of] = _port(end.port, values[PROTOCOL])
    return family, values


class _End(NamedTuple):
    address: IPv4Address | IPv6Address
    port: _Word | None


def _end(word: _Word) -> _End:
    """`192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`."""
    if word.text.startswith("["):
        host, bracket, rest = word.text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise word.wrong("address as in [2001:db8::1]:80 expected")
    else:
        host, colon, port = word.text.partition(":")
        host, rest = (host, colon + port) if "." in host else (word.text, "")
    try:
        address = ip_address(host)
    except ValueError:
        raise word.wrong("address expected, with a port or without: 192.0.2.1:80, [2001:db8::1]:80") from None
    if "%" in host:
        raise word.wrong("address without a zone expected")
    return _End(address, _Word(rest[1:], word.column + len(word.text) - len(rest) + 1) if rest else None)


def _protocol(word: _Word, family: int) -> int:
    try:
        found = protocol(word.text, family)
    except ValueError as error:
        raise word.wrong(str(error)) from None
    if found > 255 or (found == 0 and word.text.lower() in ("all", "ip")):
        raise word.wrong("protocol expected that packets have: a name or a number up to 255")
    return ICMP_OF[family] if word.text.lower() == "icmp" else found


def _port(word: _Word, number: int) -> int:
    if number not in WITH_PORTS:
        raise word.wrong("no port expected: the protocol has none")
    found = port_of(word.text, {TCP: "tcp", 17: "udp"}.get(number))
    if found is None:
        raise word.wrong("port expected: a number up to 65535 or the name of a service")
    return found


def _check_ports(reading: _Reading) -> None:
    said = [of for of in (SOURCE_PORT, DESTINATION_PORT) if of in reading.values]
    if reading.values.get(FRAGMENT):
        if said:
            raise reading.columns[FRAGMENT].wrong("no ports expected: a further fragment has no transport header")
    elif reading.values[PROTOCOL] in WITH_PORTS and len(said) < 2:
        raise PacketError(1, f"a port expected for source and destination, as in `{_EXAMPLE}`")


def _say(reading: _Reading, word: _Word) -> None:
    """Take in one word that is not part of the tuple."""
    if word.text.startswith('"'):
        _answer(reading, word)
        return
    key, equals, value = word.text.partition("=")
    if equals and key in (IN, OUT):
        _interface(reading, word, key, value)
        return
    said = WORDS.get(word.text) if not equals else _read(reading, word, key, value)
    if said is None:
        raise word.wrong(f"one of {', '.join((*WORDS, *(f'{one}=' for one in (IN, OUT, *KEYS))))} expected")
    for of, number in said.items():
        if of in reading.columns:
            raise word.wrong(f"said already at column {reading.columns[of].column}: {of.name}")
        reading.values[of], reading.columns[of] = number, word


def _answer(reading: _Reading, word: _Word) -> None:
    match = _ANSWER.fullmatch(word.text)
    if not match:
        raise word.wrong('answer expected, as in "-m set --match-set a src"=yes or …=no')
    reading.answers[_ESCAPE.sub(r"\1", match[1])] = match[2] == "yes"


def _interface(reading: _Reading, word: _Word, side: str, value: str) -> None:
    try:
        name = interface(value, reading.family)
    except ValueError as error:
        raise word.wrong(str(error)) from None
    if side in reading.interfaces:
        raise word.wrong("said already")
    if name.endswith("+"):
        raise word.wrong("name of one interface expected")
    reading.interfaces[side] = name


def _read(reading: _Reading, word: _Word, key: str, value: str) -> Values | None:
    of = {"flags": TCP, "type": ICMP_OF[reading.family], "code": ICMP_OF[reading.family]}.get(key)
    if of is not None and reading.values[PROTOCOL] != of:
        raise word.wrong(f"only packets of {PROTOCOL_NAMES[of]} have {key}")
    try:
        return read_field(key, value, reading.family)
    except ValueError as error:
        raise word.wrong(str(error)) from None
