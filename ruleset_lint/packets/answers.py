"""Answers of many rules to one sketch. Knows no chain.

What the rules of a shape have in common is asked once, and what a value makes of it once a value: a ruleset of 100,000
rules has a few dozen shapes, and most of its values stand in many rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.shape import Part, Shape, Use
from ruleset_lint.packets.sketch import Answer, Sketch, match_answer, parameter_answer

_Ask = Callable[[Rule], Answer]


class _Question(NamedTuple):
    """A condition of a shape: the values it depends on, how it is asked, and what was answered so far."""

    holes: tuple[int, ...]
    ask: _Ask
    known: dict[str, Answer]


class _Questions(NamedTuple):
    """The conditions of a shape: what those without values answer, and the others."""

    fixed: Answer
    open: tuple[_Question, ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """What rules answer to a sketch."""

    sketch: Sketch
    known: dict[Shape, _Questions] = field(default_factory=dict)

    def of(self, rule: Rule) -> Answer:
        """Whether the rule's conditions hold for the sketch's packets: the same as `sketch.answer`, faster."""
        questions = self.known.get(rule.shape)
        if questions is None:
            questions = self.known[rule.shape] = self._questions(rule)
        result = questions.fixed
        if result is Answer.NO:
            return result
        values = rule.values
        for holes, ask, known in questions.open:
            key = values[holes[0]] if len(holes) == 1 else "\0".join([values[hole] for hole in holes])
            answered = known.get(key)
            if answered is None:
                answered = known[key] = ask(rule)
            if answered is Answer.NO:
                return answered
            if answered is Answer.MAYBE:
                result = answered
        return result

    def _questions(self, rule: Rule) -> _Questions:
        asked = list(self._conditions(rule.shape))
        fixed = [ask(rule) for holes, ask in asked if not holes]
        result = Answer.NO if Answer.NO in fixed else Answer.MAYBE if Answer.MAYBE in fixed else Answer.YES
        return _Questions(result, tuple(_Question(holes, ask, {}) for holes, ask in asked if holes))

    def _conditions(self, shape: Shape) -> Iterator[tuple[tuple[int, ...], _Ask]]:
        """The holes of each condition and how it is asked, addresses last: they differ most from rule to rule."""
        for part in shape.matches:
            holes = tuple(hole for use in part.uses for hole in _holes(use))
            yield holes, _match(part, self.sketch)
        for use in sorted(shape.parameters, key=lambda use: use.option.name in ("-s", "-d")):
            yield _holes(use), _parameter(use, self.sketch)


def _holes(use: Use) -> tuple[int, ...]:
    return tuple(operand for operand in use.operands if isinstance(operand, int))


def _parameter(use: Use, sketch: Sketch) -> _Ask:
    return lambda rule: parameter_answer(rule, use, sketch)


def _match(part: Part, sketch: Sketch) -> _Ask:
    return lambda rule: match_answer(rule, part, sketch)
