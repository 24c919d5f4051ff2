"""Which of a rule's conditions no packet meets, alone or together. Knows no other rule."""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from ruleset_lint.model.rule import Rule
from ruleset_lint.packets.formula import ALWAYS
from ruleset_lint.packets.meaning_matches import match_formula
from ruleset_lint.packets.meaning_parameters import parameter_formula
from ruleset_lint.packets.meaning_words import words_of
from ruleset_lint.packets.space import PacketSet, Space

from ._patience import Patience

_MOST = 3  # conditions that exclude each other only together


class _Condition(NamedTuple):
    text: str
    packets: PacketSet


def excluding(space: Space, rule: Rule, among: PacketSet, patience: Patience) -> tuple[str, ...]:
    """The fewest of a rule's conditions that no packet among these meets, in its own words; none if that is unclear."""
    conditions = list(_conditions(space, rule)) if patience.asks() else []
    for count in range(1, min(_MOST, len(conditions)) + 1):
        for chosen in itertools.combinations(conditions, count):
            left = among
            for condition in chosen:
                left = space.both(condition.packets, left)
            if space.is_empty(left):
                return tuple(condition.text for condition in chosen)
    return ()


def _conditions(space: Space, rule: Rule) -> Iterator[_Condition]:
    """Those that ask something; an option of a match is told by its match."""
    for use in rule.shape.parameters:
        formula = parameter_formula(rule, use)
        if formula != ALWAYS:
            words = (*(["!"] if use.negated else []), use.option.name, *map(rule.text, use.operands))
            yield _Condition(" ".join(words), space.of(formula, (rule.number, use.item)))
    for part in rule.shape.matches:
        formula = match_formula(rule, part)
        if formula != ALWAYS:
            yield _Condition(words_of(rule, part), space.of(formula, (rule.number, part.item)))
