"""Answers of many rules to one sketch. Knows no chain.

What the rules of a shape have in common is asked once, and what a value makes of it once a value: a ruleset of 100,000
rules has a few dozen shapes, and most of its values stand in many rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter, itemgetter
from typing import NamedTuple

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.shape import Part, Shape, Use
from ruleset_lint.packets.sketch import Answer, Sketch, match_answer, parameter_answer, transport_answer

_TRANSPORT = frozenset({"tcp", "udp", "udplite", "sctp", "dccp", "multiport"})
_PLAIN_PORT = re.compile("[1-9][0-9]{0,3}|[1-5][0-9]{4}").fullmatch
_values: Callable[[Rule], tuple[str, ...]] = attrgetter("values")
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


class Answers:
    """What rules answer to a sketch."""

    def __init__(self, sketch: Sketch) -> None:
        """Nothing asked so far."""
        self.sketch = sketch
        self.known: dict[Shape, _Questions] = {}

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

    def may_match(self, rules: Sequence[Rule]) -> Sequence[Rule]:
        """Those rules of one shape that may match some of the sketch's packets.

        Condition by condition, each text that rules share is asked once: of 100,000 rules few are left to look at.
        """
        if not rules or self.known.setdefault(rules[0].shape, self._questions(rules[0])).fixed is Answer.NO:
            return ()
        left = rules
        for holes, ask, known in self.known[rules[0].shape].open:
            if len(holes) != 1:
                continue
            hole = holes[0]
            texts = dict(zip(map(itemgetter(hole), map(_values, left)), left, strict=True))
            for text, made in texts.items():
                if text not in known:
                    known[text] = ask(made)
            refused = {text for text in texts if known[text] is Answer.NO}
            if len(refused) == len(texts):
                return ()
            left = [made for made in left if made.values[hole] not in refused] if refused else left
        return [made for made in left if self.of(made) is not Answer.NO]

    def _questions(self, rule: Rule) -> _Questions:
        asked = list(self._conditions(rule.shape))
        fixed = [ask(rule) for holes, ask in asked if not holes]
        result = Answer.NO if Answer.NO in fixed else Answer.MAYBE if Answer.MAYBE in fixed else Answer.YES
        return _Questions(result, tuple(_Question(holes, ask, {}) for holes, ask in asked if holes))

    def _conditions(self, shape: Shape) -> Iterator[tuple[tuple[int, ...], _Ask]]:
        """The holes of each condition and how it is asked: what differs most from rule to rule, addresses, last."""
        for part in sorted(shape.matches, key=lambda part: part.name not in ("state", "conntrack")):
            if part.name == "comment":  # always holds
                continue
            if _holds_piece_by_piece(part):
                yield from ((_holes(use), _transport(part, use, self.sketch)) for use in part.uses)
                continue
            yield tuple(hole for use in part.uses for hole in _holes(use)), _match(part, self.sketch)
        for use in sorted(shape.parameters, key=lambda use: use.option.name in ("-s", "-d")):
            yield _holes(use), _parameter(use, self.sketch)


def _holes(use: Use) -> tuple[int, ...]:
    return tuple(operand for operand in use.operands if isinstance(operand, int))


def _parameter(use: Use, sketch: Sketch) -> _Ask:
    return lambda rule: parameter_answer(rule, use, sketch)


def _match(part: Part, sketch: Sketch) -> _Ask:
    return lambda rule: match_answer(rule, part, sketch)


def _holds_piece_by_piece(part: Part) -> bool:
    """Whether a match holds if each of its options does, which stand in it once."""
    kinds = {"--syn" if use.option.name == "--tcp-flags" else use.option.name for use in part.uses}
    return part.name in _TRANSPORT and len(kinds) == len(part.uses)


def _transport(part: Part, use: Use, sketch: Sketch) -> _Ask:
    """How an option of a transport match is asked: a port that is a plain number, as most are, needs no reader."""
    if use.option.name not in ("--sport", "--dport") or use.negated or not use.operands:
        return lambda rule: transport_answer(rule, part, use, sketch)
    known = sketch.source_port if use.option.name == "--sport" else sketch.destination_port
    low, high = known or (0, 65535)

    def ask(rule: Rule) -> Answer:
        text = rule.text(use.operands[0])
        if not _PLAIN_PORT(text):
            return transport_answer(rule, part, use, sketch)
        port = int(text)
        if low <= port <= high:
            return Answer.YES if low == high else Answer.MAYBE
        return Answer.NO

    return ask
