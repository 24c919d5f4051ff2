"""The opening test: would the ruleset have let the connection of this packet begin? Knows no service.

A later packet of an untracked connection has no entry that says so; instead the built-in chain is asked again, as the
connection's first packet would have met it. What a later packet cannot tell (how many came before, what the first one
held, by which interface it came) is tried both ways: the test passes if any way does. So every connection that was let
begin passes, and no other tuple does.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Chain, Ruleset, Table
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.netfilter.foreign import owner_of
from ruleset_lint.packets.sketch import Answer, Sketch, answer
from ruleset_lint.packets.walk import bottom_up
from ruleset_lint.rewrite.conditions import Asked, asked, of_later
from ruleset_lint.rewrite.mirroring import mirrored
from ruleset_lint.rewrite.program import (
    DROP,
    Action,
    Call,
    Condition,
    Existing,
    Return,
    Routine,
    Step,
    Workshop,
    at_top,
    merge,
)
from ruleset_lint.rewrite.specialise import policy, tests_state

_MARKS = ("MARK", "CONNMARK", "HMARK", "TPROXY")
MOST_WAYS = 64  # interfaces times combinations of conditions that no later packet tells


class UndecidableError(Exception):
    """No test can be made: `rule` asks what no later packet tells, and trying both ways will not do."""

    def __init__(self, rule: Rule, reason: str) -> None:
        """`rule` asks what no later packet tells."""
        super().__init__(reason)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the chain that a connection's first packet meets, the sketch of that packet, who asks."""

    ruleset: Ruleset
    table: str
    hook: str
    first: Sketch
    of_reply: bool  # the packet at hand goes the other way

    @property
    def by_interface(self) -> bool:
        """Whether a reply comes by the interface by which its request left, as on a router."""
        return self.hook == "FORWARD"

    @property
    def chains(self) -> Table:
        """The table of the chain."""
        return self.ruleset.tables[self.table]


@dataclass(slots=True)
class _Test:
    """One way to ask: an interface, and which of the untold conditions held."""

    workshop: Workshop
    question: Question
    first: Sketch
    held: Mapping[tuple[str, ...], bool]
    passes: Action
    refuses: Action
    copies: dict[str, Routine] = field(default_factory=dict)

    @property
    def role(self) -> str:
        """What the test's chains are named after."""
        return "reply" if self.question.of_reply else "opened"


def opening_test(workshop: Workshop, question: Question, passes: Action) -> Routine:
    """A routine that does `passes` with packets of connections that were let begin, and drops others."""
    tests = [_Test(workshop, question, first, held, passes, DROP) for first, held in _ways(question)]
    distinct = {_ask(test): test for test in tests}
    if any(routine is workshop.always(passes) for routine in distinct):
        return workshop.always(passes)
    refuses: Action = DROP
    found = workshop.always(DROP)
    for routine, test in distinct.items():
        if routine is not workshop.always(DROP):
            found = routine if refuses is DROP else _ask(replace(test, refuses=refuses, copies={}))
            refuses = Call(found)
    return found


Way = tuple[Sketch, Mapping[tuple[str, ...], bool]]


def _ask(test: _Test) -> Routine:
    question, workshop = test.question, test.workshop
    chain = question.chains.chains[question.hook]
    *below, _ = bottom_up(question.chains, chain.name)
    for name in below:
        test.copies[name] = workshop.routine(f"{test.role}-{name}", _steps(test, question.chains.chains[name]))
    last = test.passes if policy(chain) != DROP else test.refuses
    name = f"{test.role}-{chain.name}"
    steps = at_top(workshop, name, _steps(test, chain), (Step((), last),))
    return workshop.routine(name, (*steps, Step((), last, f"policy of {chain.name}")))


def _steps(test: _Test, chain: Chain) -> Iterator[Step]:
    for number, rule in enumerate(chain.rules, 1):
        action = None if answer(rule, test.first) is Answer.NO else _action(test, rule)
        conditions = _conditions(test, rule) if action else None
        if action and conditions is not None:
            yield Step(conditions, action, f"from {chain.name} rule {number}")


def _action(test: _Test, rule: Rule) -> Action | None:
    if rule.jump is not None and owner_of(rule.jump):  # it will hold other rules tomorrow; they judge no replies
        return None if test.question.of_reply else Existing(rule.jump, closed=False, goto=rule.goto)
    if rule.jump is not None:
        copy = test.copies[rule.jump]
        return Call(copy, rule.goto) if copy.steps or rule.goto else None
    match rule.verdict:
        case Verdict.ACCEPT:
            return test.passes
        case Verdict.DROP | Verdict.REJECT:
            return test.refuses
        case Verdict.RETURN:
            return Return()
        case _:
            return None


def _conditions(test: _Test, rule: Rule) -> tuple[Condition, ...] | None:
    """What is left to be asked of the packet at hand; None if the rule does not hold in this way."""
    found: tuple[Condition, ...] = ()
    for one in asked(rule, test.first):
        if one.answer is not Answer.MAYBE:
            continue
        told = _told(test.question, rule, one)
        if told is None:
            if not test.held[one.condition.words]:
                return None
            continue
        merged = merge(found, (told,))
        if merged is None:
            raise UndecidableError(rule, "its conditions and those for later packets do not fit into one rule")
        found = merged
    return _named_protocol(rule, found)


def _named_protocol(rule: Rule, conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    use = rule.shape.parameter("-p")
    if use is None or not any(condition.protocol for condition in conditions):
        return conditions
    return (Condition(("-p", rule.text(use.operands[0])), "-p"), *conditions)


def _told(question: Question, rule: Rule, one: Asked) -> Condition | None:
    """The condition as the packet at hand can be asked it; None if only the first packet could tell."""
    if question.of_reply:
        return mirrored(one, interfaces=question.by_interface)
    if one.subject == "mark" and not _marks_tell(question.ruleset):
        raise UndecidableError(rule, "it asks for a mark that depends on the packet's state")
    return of_later(one)


def _marks_tell(ruleset: Ruleset) -> bool:
    """Whether all packets of a connection get the same mark: no table sets marks and tests states."""
    marking = {rule.table for rule in ruleset.where(lambda shape: bool(shape.target and shape.target.name in _MARKS))}
    testing = {rule.table for rule in ruleset.where(tests_state)}
    return not marking & testing


def _ways(question: Question) -> Iterator[Way]:
    """All ways to ask: each interface that is named and one that is not, each combination of untold conditions."""
    rules = [rule for rule in _reached(question) if answer(rule, question.first) is not Answer.NO]
    untold = _untold(question, rules)
    sketches = _by_interface(question, rules)
    both_ways = [words for words, polarities in untold.items() if len(polarities) > 1]
    if len(sketches) * 2 ** len(both_ways) > MOST_WAYS:
        raise UndecidableError(rules[0], "too many conditions that only the first packet of a connection can tell")
    fixed = {words: next(iter(polarities)) for words, polarities in untold.items() if len(polarities) == 1}
    for sketch, held in itertools.product(sketches, itertools.product((True, False), repeat=len(both_ways))):
        yield sketch, {**fixed, **dict(zip(both_ways, held, strict=True))}


def _reached(question: Question) -> list[Rule]:
    names = question.chains.reached_from(question.hook)
    return [rule for name in names for rule in question.chains.chains[name].rules]


def _untold(question: Question, rules: Sequence[Rule]) -> dict[tuple[str, ...], set[bool]]:
    """Each condition that only the first packet tells, and whether it is to be taken as met, as unmet, or both ways."""
    leads = _leads(question)
    found: dict[tuple[str, ...], set[bool]] = {}
    for rule in rules:
        for one in asked(rule, question.first):
            tried = question.of_reply and one.subject == "-i" and not question.by_interface
            skip = one.answer is not Answer.MAYBE or tried
            if not skip and _told(question, rule, one) is None:
                found.setdefault(one.condition.words, set()).update(_polarities(leads, rule))
    return found


def _polarities(leads: Mapping[str, frozenset[Verdict]], rule: Rule) -> set[bool]:
    """Met on the way to an accept, unmet on the way to a refusal; where both follow, both."""
    to = leads[rule.jump] if rule.jump is not None else frozenset({rule.verdict})
    accepts = Verdict.ACCEPT in to
    refuses = bool(to & {Verdict.DROP, Verdict.REJECT})
    turns = rule.goto or (rule.jump is None and rule.verdict is Verdict.RETURN)
    if turns or (accepts and refuses):
        return {True, False}
    return {accepts} if accepts or refuses else {False}


def _leads(question: Question) -> dict[str, frozenset[Verdict]]:
    """The verdicts that a chain's rules, or those below, give to the first packet."""
    found: dict[str, frozenset[Verdict]] = {}
    for name in bottom_up(question.chains, question.hook):
        verdicts: set[Verdict] = set()
        for rule in question.chains.chains[name].rules:
            if answer(rule, question.first) is not Answer.NO:
                verdicts |= found[rule.jump] if rule.jump is not None else {rule.verdict}
        found[name] = frozenset(verdicts)
    return found


def _by_interface(question: Question, rules: Sequence[Rule]) -> list[Sketch]:
    """The sketch, once for each interface that the rules tell apart, when the packet at hand does not tell it."""
    if not question.of_reply or question.by_interface:
        return [question.first]
    tests = (rule.in_interface for rule in rules if rule.shape.parameter("-i"))
    names = dict.fromkeys(test.value for test in tests if test and test.value not in ("+", "lo"))
    if not names:
        return [question.first]
    examples = [name.removesuffix("+") for name in names if name != "+"]
    other = next(candidate for candidate in _UNNAMED if not any(candidate.startswith(name) for name in examples))
    return [question.first._replace(in_interface=name) for name in (*examples, other)]


_UNNAMED = (
    "#",
    "~",
    "^",
)  # no ruleset names such an interface, and its first character tells it from all that are named
