"""Answers of many rules to one sketch. Knows no chain.

What the rules of a shape have in common is asked once, and what a value makes of it once a value: a ruleset of 100,000
rules has a few dozen shapes, and most of its values stand in many rules.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import compress
from typing import NamedTuple

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Part, Shape, Use
from ruleset_lint.packets.sketch import Answer, Sketch, match_answer, parameter_answer, transport_answer

_TRANSPORT = frozenset({"tcp", "udp", "udplite", "sctp", "dccp", "multiport"})
_MATCHES = _TRANSPORT | {"state", "conntrack", "addrtype"}  # those of whose tests something is known
_PORTS = frozenset({"--sport", "--sports", "--dport", "--dports"})
_BYTE = "(?:[1-9]?[0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])"
_PORT = "(?:0|[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_PLAIN_PORT = re.compile(_PORT).fullmatch
_ODD_PORT = re.compile(f"\\n(?!{_PORT}\\n|\\Z)(.*)")
_PLAIN_NETWORK = re.compile(rf"({_BYTE}\.{_BYTE})\.{_BYTE}\.{_BYTE}/(?:1[6-9]|2[0-9]|3[0-2])").fullmatch
_Ask = Callable[[Rule], Answer]


class _Question(NamedTuple):
    """A condition of a shape: the values it depends on, how it is asked, and what was answered so far.

    `refuses` is False where no value makes the answer NO. `port` is the packets', where all that is asked is whether
    it is among the rule's.
    """

    holes: tuple[int, ...]
    ask: _Ask
    known: dict[str, Answer]
    refuses: bool = True
    port: int | None = None


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
        for holes, ask, known, _, _ in questions.open:
            key = values[holes[0]] if len(holes) == 1 else "\0".join([values[hole] for hole in holes])
            answered = known.get(key)
            if answered is None:
                answered = known[key] = ask(rule)
            if answered is Answer.NO:
                return answered
            if answered is Answer.MAYBE:
                result = answered
        return result

    def may_match(self, ruleset: Ruleset, shape: Shape) -> Sequence[Rule]:
        """The rules of a shape that may match some of the sketch's packets.

        Condition by condition, each text that rules share is asked once: of 100,000 rules few are left to look at.
        """
        rules = ruleset.by_shape.get(shape, ())
        if not rules or self.known.setdefault(shape, self._questions(rules[0])).fixed is Answer.NO:
            return ()
        refusing = [question for question in self.known[shape].open if question.refuses]
        left = rules
        for question in refusing:
            if len(question.holes) == 1 and left:
                left = _taken_of_all(question, ruleset, rules) if left is rules else _taken_of(question, left)
        if all(len(question.holes) == 1 for question in refusing):
            return left
        return tuple(made for made in left if self.of(made) is not Answer.NO)

    def _questions(self, rule: Rule) -> _Questions:
        asked = list(self._conditions(rule.shape))
        fixed = [question.ask(rule) for question in asked if not question.holes]
        result = Answer.NO if Answer.NO in fixed else Answer.MAYBE if Answer.MAYBE in fixed else Answer.YES
        return _Questions(result, tuple(question for question in asked if question.holes))

    def _conditions(self, shape: Shape) -> Iterator[_Question]:
        """What is asked of each condition: what differs most from rule to rule, addresses, last."""
        for part in sorted(shape.matches, key=lambda part: part.name not in ("state", "conntrack")):
            if part.name == "comment":  # always holds
                continue
            if _holds_piece_by_piece(part):
                yield from (_transport(part, use, self.sketch) for use in part.uses)
                continue
            holes = tuple(hole for use in part.uses for hole in _holes(use))
            yield _Question(holes, _match(part, self.sketch), {}, part.name in _MATCHES)
        for use in sorted(shape.parameters, key=lambda use: use.option.name in ("-s", "-d")):
            refuses = any(one.negated for one in shape.parameters) or _is_known(use, self.sketch)
            yield _Question(_holes(use), _parameter(shape, use, self.sketch), {}, refuses)


def _taken_of_all(question: _Question, ruleset: Ruleset, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Those of all rules of a shape to which a condition on one value does not say NO."""
    shape, hole = rules[0].shape, question.holes[0]
    if question.port is not None:
        taken = _taken(question, _odd_ports(ruleset, shape, hole)) | {str(question.port)}
    else:
        taken = _taken(question, each := ruleset.each(shape, hole))
        if len(taken) == len(each):
            return rules
    if len(taken) == 1:
        return tuple([rules[place] for place in _places(ruleset.texts(shape, hole), *taken)])
    return tuple(compress(rules, map(taken.__contains__, ruleset.column(shape, hole))))


def _taken_of(question: _Question, rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The same of some rules of a shape."""
    hole = question.holes[0]
    taken = _taken(question, {made.values[hole]: made for made in rules})
    return tuple([made for made in rules if made.values[hole] in taken])


def _taken(question: _Question, each: Mapping[str, Rule]) -> set[str]:
    """Those texts to which the answer is not NO; `each` has a rule for each text."""
    known = question.known
    known.update((text, question.ask(made)) for text, made in each.items() if text not in known)
    return {text for text in each if known[text] is not Answer.NO}


@lru_cache(maxsize=256)
def _odd_ports(ruleset: Ruleset, shape: Shape, hole: int) -> Mapping[str, Rule]:
    """The words for ports that are more than a plain number, with a rule for each."""
    texts: set[str] = {*_ODD_PORT.findall(f"\n{ruleset.texts(shape, hole)}")}
    return {text: ruleset.each(shape, hole)[text] for text in texts}


def _places(texts: str, wanted: str) -> Iterator[int]:
    """Which of the lines, counted from 0, are this text."""
    lines, sought = f"\n{texts}", f"\n{wanted}\n"
    number, start, found = 0, 0, lines.find(sought)
    while found >= 0:
        number += lines.count("\n", start, found)
        yield number
        start, found = found, lines.find(sought, found + 1)


def _holes(use: Use) -> tuple[int, ...]:
    return tuple(operand for operand in use.operands if isinstance(operand, int))


def _is_known(use: Use, sketch: Sketch) -> bool:
    """Whether something is known of what a parameter asks for."""
    match use.option.name:
        case "-s":
            return sketch.source is not None
        case "-d":
            return sketch.destination is not None
        case "-i":
            return (sketch.in_interface or sketch.not_in) is not None
        case "-o":
            return (sketch.out_interface or sketch.not_out) is not None
        case _:
            return True


def _parameter(shape: Shape, use: Use, sketch: Sketch) -> _Ask:
    """How a parameter is asked: an address that is plainly elsewhere, as most are, needs no reader."""
    known = {"-s": sketch.source, "-d": sketch.destination}.get(use.option.name)
    is_narrow = known is not None and sketch.family == 4 and known.mask >> 16 == 0xFFFF and not known.name
    if known is None or not is_narrow or not use.operands or shape.parameter(use.option.name) is not use:
        return lambda rule: parameter_answer(rule, use, sketch)
    lead = f"{known.address >> 24}.{known.address >> 16 & 0xFF}"

    def ask(rule: Rule) -> Answer:
        plain = _PLAIN_NETWORK(rule.text(use.operands[0]))
        if plain is None or plain[1] == lead:
            return parameter_answer(rule, use, sketch)
        return Answer.YES if use.negated else Answer.NO

    return ask


def _match(part: Part, sketch: Sketch) -> _Ask:
    return lambda rule: match_answer(rule, part, sketch)


def _holds_piece_by_piece(part: Part) -> bool:
    """Whether a match holds if each of its options does, which stand in it once."""
    kinds = {"--syn" if use.option.name == "--tcp-flags" else use.option.name for use in part.uses}
    return part.name in _TRANSPORT and len(kinds) == len(part.uses)


def _transport(part: Part, use: Use, sketch: Sketch) -> _Question:
    """What an option of a transport match is asked: a port that is a plain number, as most are, needs no reader."""
    holes, name = _holes(use), use.option.name
    ports = sketch.source_port if name in ("--sport", "--sports") else sketch.destination_port
    if name not in ("--sport", "--dport") or use.negated or not use.operands:
        refuses = name not in _PORTS or use.negated or ports is not None
        return _Question(holes, lambda rule: transport_answer(rule, part, use, sketch), {}, refuses)
    low, high = ports or (0, 65535)

    def ask(rule: Rule) -> Answer:
        text = rule.text(use.operands[0])
        if not _PLAIN_PORT(text):
            return transport_answer(rule, part, use, sketch)
        port = int(text)
        if low <= port <= high:
            return Answer.YES if low == high else Answer.MAYBE
        return Answer.NO

    return _Question(holes, ask, {}, ports is not None, low if low == high else None)
