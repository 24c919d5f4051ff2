"""Conditions of rules as words, each with what a sketch answers to it. Knows no chain.

What a sketch answers with yes need not be asked again; what is left is printed as iptables-save would.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.shape import Operand, Part, Use
from ruleset_lint.netfilter.extension import Memory
from ruleset_lint.packets.sketch import Answer, Sketch, match_answer, parameter_answer, transport_answer
from ruleset_lint.rewrite.program import Condition

_TRANSPORT = frozenset({"tcp", "udp", "udplite", "sctp", "dccp", "multiport"})
_FLAGS = frozenset({"--tcp-flags", "--syn", "--tcp-option"})  # those of a connection's first packet are its own
STATE_TESTS = frozenset({"state", "conntrack"})


class Asked(NamedTuple):
    """A condition of a rule: what it is of (`-s`, or the name of a match), what a sketch answers, how it is printed."""

    subject: str
    answer: Answer
    condition: Condition
    part: Part | None
    use: Use | None


def asked(rule: Rule, sketch: Sketch) -> Iterator[Asked]:
    """All conditions of a rule but its comments."""
    for use in rule.shape.parameters:
        if use.option.name in ("-p", "-s", "-d", "-i", "-o", "-f"):
            words = use_words(rule, use)
            yield Asked(
                use.option.name, parameter_answer(rule, use, sketch), Condition(words, use.option.name), None, use
            )
    for part in rule.shape.matches:
        if part.name != "comment":
            yield from _transport(rule, part, sketch) if part.name in _TRANSPORT else [_match(rule, part, sketch)]


def _match(rule: Rule, part: Part, sketch: Sketch) -> Asked:
    entry = part.entry
    pure = entry is not None and entry.memory in (Memory.NONE, Memory.CLOCK)
    words = ("-m", part.name, *part_words(rule, part))
    condition = Condition(words, f"-m {part.name}", pure, bool(entry and entry.protocols))
    return Asked(part.name, match_answer(rule, part, sketch), condition, part, None)


def _transport(rule: Rule, part: Part, sketch: Sketch) -> Iterator[Asked]:
    """Each option of a port or flag match by itself, since a sketch may know one and not the other."""
    for use in part.uses:
        words = ("-m", part.name, *use_words(rule, use))
        condition = Condition(words, f"{part.name} {use.option.name}", protocol=True)
        yield Asked(part.name, transport_answer(rule, part, use, sketch), condition, part, use)


def of_later(one: Asked) -> Condition | None:
    """A condition on a connection's first packet as later ones that go the same way can be asked it; None if not."""
    if one.part is None:
        return one.condition if one.subject != "-f" else None
    entry = one.part.entry
    if entry is None or entry.memory is not Memory.NONE or entry.first_packet:
        return None
    return None if one.use and one.use.option.name in _FLAGS else one.condition


def part_words(rule: Rule, part: Part) -> tuple[str, ...]:
    """The options of a match or target as words."""
    texts = (word for use in part.uses for word in use_words(rule, use))
    return (*texts, *(rule.text(operand) for operand in part.opaque))


def use_words(rule: Rule, use: Use) -> tuple[str, ...]:
    """An option with its values as words, by its full name."""
    negation = ("!",) if use.negated else ()
    return (*negation, use.option.name, *(_operand(rule, operand) for operand in use.operands))


def _operand(rule: Rule, operand: Operand) -> str:
    return rule.text(operand)


def answers_with_reset(rule: Rule) -> bool:
    """Whether a rule answers TCP with a reset: `tcp-reset` may be cut short, and IPv4 has `tcp-rst` too."""
    return rule.target == "REJECT" and (rule.option(rule.shape.target, "--reject-with") or "").startswith("tcp-r")


def target_words(rule: Rule) -> tuple[str, ...]:
    """`-j` and the target with its options."""
    target = rule.shape.target
    return ("-j", target.name, *part_words(rule, target)) if target else ()
