"""ICMP messages of a type: what the filter says to them. Knows not which types matter."""

from dataclasses import replace
from typing import NamedTuple

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset, Table
from ruleset_lint.model.shape import Shape
from ruleset_lint.packets.formula import ICMP_CODE, ICMP_TYPE, Packet, holds
from ruleset_lint.packets.meaning_matches import match_formula
from ruleset_lint.packets.sketch import Sketch
from ruleset_lint.packets.walk import Decision, walk

from . import _shared

_NAMES = ("icmp", "icmp6", "icmpv6")
_PROTOCOL = {4: 1, 6: 58}


class Message(NamedTuple):
    """A type of ICMP messages, with the code they have, and its name in a rule."""

    type: int
    code: int
    name: str


class Refusal(NamedTuple):
    """The state of the packets that nothing may accept, and what refuses them."""

    state: str
    decision: Decision


def refused(ruleset: Ruleset, hook: str, message: Message, state: str, sources: str = "") -> Refusal | None:
    """What refuses all messages of a type in a state that come from outside or leave; None if some may pass."""
    for sketch in _shared.in_states(ruleset, hook, _sketch(ruleset.family, hook, state)):
        if _shared.passes_soon(ruleset, hook, sketch, sources, _NAMES):
            continue
        few = _shared.narrowed(ruleset, "filter", hook, sketch, sources)
        found = walk(_for_type(few, message), "filter", hook, sketch)
        if not found.may(*_shared.PASSES):
            return Refusal(sketch.state or state, _shared.refusal(found.decisions))
    return None


def accept(ruleset: Ruleset, hook: str, message: Message) -> str:
    """A rule that accepts messages of a type."""
    if ruleset.family == 4:
        return f"-A {hook} -p icmp -m icmp --icmp-type {message.name} -j ACCEPT"
    return f"-A {hook} -p ipv6-icmp -m icmp6 --icmpv6-type {message.name} -j ACCEPT"


def _sketch(family: int, hook: str, state: str) -> Sketch:
    outgoing = hook == "OUTPUT"
    return Sketch(
        family=family,
        protocol=_PROTOCOL[family],
        not_in=None if outgoing else "lo",
        not_out="lo" if outgoing else None,
        state=state,
    )


def _for_type(ruleset: Ruleset, message: Message) -> Ruleset:
    """The ruleset without rules for other types, and without the tests for this one."""
    table = ruleset.tables["filter"]
    if not any(shape.match(*_NAMES) for shape in ruleset.by_shape):
        return ruleset
    packet = Packet(ruleset.family, {ICMP_TYPE: message.type, ICMP_CODE: message.code})
    shapes: dict[Shape, Shape] = {}
    chains = {
        name: chain._replace(rules=tuple([one for made in chain.rules if (one := _of_type(made, packet, shapes))]))
        for name, chain in table.chains.items()
    }
    return replace(ruleset, tables={**ruleset.tables, "filter": Table(table.name, table.line, chains)})


def _of_type(made: Rule, packet: Packet, shapes: dict[Shape, Shape]) -> Rule | None:
    """The rule without its test for a type, None if it is for another one."""
    part = made.shape.match(*_NAMES)
    if part is None:
        return made
    if not holds(match_formula(made, part), packet):
        return None
    shape = made.shape
    if shape not in shapes:
        shapes[shape] = replace(shape, matches=tuple(other for other in shape.matches if other is not part))
    return made._replace(shape=shapes[shape])
