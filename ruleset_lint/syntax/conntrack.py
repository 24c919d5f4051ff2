"""The conntrack table: /proc/net/nf_conntrack, ip_conntrack, `conntrack -L`. Knows its fields, not what they mean.

A table of 300,000 entries has a few dozen forms: an entry with its numbers and addresses taken out. Lark parses one
entry a form and says where the values stand; the other entries are that form and their own text.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

from lark import Lark, Token, Transformer, UnexpectedInput, v_args

from ruleset_lint.syntax.document import Blank, Comment, Document, Unparsed, parse_lines
from ruleset_lint.syntax.grammars import LONGEST_LINE, build, too_long

# What differs between entries of a form: numbers, addresses, keys of GRE. All else is part of the form.
_VALUE = re.compile(r"(?<==)[0-9a-f.:x]+(?![^ \r])|(?<= )[0-9]+(?= )")
_RECENT_FORMS = 16  # tried one after the other, which is faster than masking the line for as long as they are few

Slot = int | str  # which of an entry's values, or the text that all entries of the form have


class Field(NamedTuple):
    """`key=value`."""

    key: str
    slot: Slot


Fields = tuple[Field, ...]


@dataclass(frozen=True)
class Form:
    """What entries have in common.

    `state` is None for protocols without one, `family` (`ipv4`, `ipv6`) where the format has none, `timeout` (seconds)
    for offloaded connections. `details` stand before the original direction; `attributes` behind the reply direction.
    """

    literals: tuple[str, ...]
    family: str | None
    protocol: str
    number: Slot
    timeout: Slot | None
    state: str | None
    details: Fields
    original: Fields
    reply: Fields
    attributes: Fields
    flags: tuple[str, ...]

    @functools.cached_property
    def destination_port(self) -> Slot | None:
        """Where the port stands that the first packet went to; None for protocols without ports."""
        return next((slot for key, slot in self.original if key == "dport"), None)

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches the entries of this form; a group a value."""
        first, *rest = self.literals
        holes = (
            ("([0-9a-f.:x]++)" if before.endswith("=") else "([0-9]++)") + re.escape(literal)
            for before, literal in zip(self.literals, rest, strict=False)
        )
        return re.compile(re.escape(first) + "".join(holes))


class Entry(NamedTuple):
    """A connection: its form and its line."""

    form: Form
    content: str

    def values(self, fields: Fields) -> dict[str, str]:
        """Values by key of some fields of the form: `entry.values(entry.form.original)["dport"]`."""
        return {key: self.value(slot) for key, slot in fields}

    def value(self, slot: Slot) -> str:
        """The text at a slot of the form: `entry.value(entry.form.number)`."""
        if isinstance(slot, str):
            return slot
        match = self.form.pattern.fullmatch(self.content)
        return match[slot + 1] if match else ""


Node = Entry | Comment | Blank | Unparsed


class _Reader(NamedTuple):
    """What is remembered from line to line."""

    forms: dict[tuple[str, ...], Form]
    recent: list[Form]
    parse_plainly: Callable[[str], Node]


def parse(path: str, text: str) -> Document[Node]:
    """The entries of a table, line by line. The closing line of `conntrack -L` is a comment."""
    return parse_lines(path, text, functools.partial(_parse_line, _Reader({}, [], functools.lru_cache(parse_plainly))))


def parse_plainly(line: str) -> Node:
    """A line by the grammar alone: what the way over forms must agree with."""
    if refused := too_long(line):
        return refused
    try:
        found = cast("Form | Comment | Blank", _grammar().parse(line))
    except UnexpectedInput as error:
        return Unparsed((error.pos_in_stream or 0) + 1, "entry of the conntrack table expected")
    return Entry(_settled(found, line), line) if isinstance(found, Form) else found


def _parse_line(reader: _Reader, line: str) -> Node:
    recent = reader.recent
    for place, form in enumerate(recent):
        if form.pattern.fullmatch(line):
            if place:
                recent.insert(0, recent.pop(place))
            return Entry(form, line)
    return _other_form(reader, line) if len(line) <= LONGEST_LINE else reader.parse_plainly(line)


def _other_form(reader: _Reader, line: str) -> Node:
    """A line of a form that is new, or has not been seen for long."""
    literals = tuple(_VALUE.split(line))
    known = reader.forms.get(literals)
    if known is not None:  # seen twice: worth a pattern
        reader.recent.insert(0, known)
        del reader.recent[_RECENT_FORMS:]
        return Entry(known, line)
    node = reader.parse_plainly(line)
    if isinstance(node, Entry):
        reader.forms[literals] = node.form
    return node


def _settled(form: Form, line: str) -> Form:
    """The form of one entry with the grammar's tokens in its slots replaced by the numbers of its values."""
    slots = {match.start(): number for number, match in enumerate(_VALUE.finditer(line))}

    def slot(token: Slot) -> Slot:
        return slots.get(token.start_pos or 0, str(token)) if isinstance(token, Token) else token

    def fields(found: Fields) -> Fields:
        return tuple(Field(key, slot(token)) for key, token in found)

    return replace(
        form,
        literals=tuple(_VALUE.split(line)),
        number=slot(form.number),
        timeout=None if form.timeout is None else slot(form.timeout),
        details=fields(form.details),
        original=fields(form.original),
        reply=fields(form.reply),
        attributes=fields(form.attributes),
    )


class _Behind(NamedTuple):
    """What stands behind the original direction."""

    reply: Fields
    attributes: Fields
    flags: tuple[str, ...]


class _Nodes(Transformer[Token, Node]):
    """The form of an entry, with the grammar's tokens in its slots."""

    def head(self, tokens: list[Token]) -> dict[str, list[Token]]:
        found: dict[str, list[Token]] = {}
        for token in tokens:
            found.setdefault(token.type, []).append(token)
        return found

    def field(self, tokens: list[Token]) -> Field:
        return Field(str(tokens[0][:-1]), tokens[1])

    def fields(self, fields: list[Field]) -> Fields:
        return tuple(fields)

    direction = fields

    def flags(self, tokens: list[Token]) -> tuple[str, ...]:
        return tuple(map(str, tokens))

    def rest(self, children: list[Field | Token]) -> tuple[Fields, tuple[str, ...]]:
        flags = (str(child) for child in children if isinstance(child, Token) and child.type == "FLAG")
        return tuple(child for child in children if isinstance(child, Field)), tuple(flags)

    @v_args(inline=True)
    def behind(self, flags: tuple[str, ...], reply: Fields, rest: tuple[Fields, tuple[str, ...]]) -> _Behind:
        return _Behind(reply, rest[0], flags + rest[1])

    @v_args(inline=True)
    def entry(self, head: dict[str, list[Token]], details: Fields, original: Fields, behind: _Behind) -> Form:
        number, *timeout = head["NUMBER"]
        family, state = (str(head[name][0]).partition(" ")[0] if name in head else None for name in ("FAMILY", "STATE"))
        return Form(
            literals=(),
            family=family,
            protocol=str(head["NAME"][0]),
            number=number,
            timeout=timeout[0] if timeout else None,
            state=state,
            details=details,
            original=original,
            reply=behind.reply,
            attributes=behind.attributes,
            flags=behind.flags,
        )

    def comment(self, tokens: list[Token]) -> Node:
        return Comment(str(tokens[0]))

    def blank(self, _tokens: list[Token]) -> Node:
        return Blank()


@functools.cache
def _grammar() -> Lark:
    return build("conntrack", _Nodes())
