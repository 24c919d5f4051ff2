"""A chain as the packets of a sketch see it: what the sketch answers is answered in advance. Knows no service.

The copy decides each packet of the sketch as the chain decides it when connection tracking reports the sketch's state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Chain, Ruleset, Table
from ruleset_lint.model.shape import Shape
from ruleset_lint.netfilter.extension import Memory, Verdict
from ruleset_lint.netfilter.foreign import owner_of
from ruleset_lint.packets.sketch import Answer, Sketch, answer
from ruleset_lint.packets.walk import bottom_up
from ruleset_lint.rewrite.conditions import STATE_TESTS, answers_with_reset, asked, target_words
from ruleset_lint.rewrite.program import (
    ACCEPT,
    DROP,
    NOTHING,
    Action,
    Call,
    Condition,
    Existing,
    Perform,
    Return,
    Routine,
    Step,
    Workshop,
    at_top,
)


@dataclass(slots=True)
class _Copying:
    workshop: Workshop
    table: Table
    sketch: Sketch
    tests_state: frozenset[str]  # chains in which, or below which, a state is tested
    copies: dict[str, Routine] = field(default_factory=dict)


def specialise(workshop: Workshop, ruleset: Ruleset, table: str, hook: str, sketch: Sketch) -> Routine:
    """The built-in chain for the packets of a sketch, its policy included. Named after the state it is for."""
    role = (sketch.state or "").lower()
    found = ruleset.tables[table]
    copying = _Copying(workshop, found, sketch, chains_that_test_state(found))
    *below, _ = bottom_up(found, hook)
    for name in below:
        copying.copies[name] = workshop.routine(f"{role}-{name}", _steps(copying, found.chains[name]))
    chain = found.chains[hook]
    steps = at_top(workshop, hook, _steps(copying, chain), (Step((), policy(chain)),))
    return workshop.routine(f"{role}-{hook}", (*steps, Step((), policy(chain), f"policy of {hook}")))


def policy(chain: Chain) -> Perform:
    """What a built-in chain does with what its rules leave over."""
    return DROP if chain.policy == "DROP" else ACCEPT


def tests_state(shape: Shape) -> bool:
    """Whether a rule of the shape asks for the connection's state."""
    return any(part.name in STATE_TESTS for part in shape.matches)


def chains_that_test_state(table: Table) -> frozenset[str]:
    """The chains in which, or in a chain below which, a rule tests state."""
    found = {chain.name for chain in table.chains.values() if any(tests_state(rule.shape) for rule in chain.rules)}
    waiting = list(found)
    while waiting:
        for rule in table.callers.get(waiting.pop(), ()):
            if rule.chain not in found:
                found.add(rule.chain)
                waiting.append(rule.chain)
    return frozenset(found)


def open_conditions(rule: Rule, sketch: Sketch) -> tuple[Condition, ...]:
    """The conditions of a rule that the sketch does not answer."""
    found = [one.condition for one in asked(rule, sketch) if one.answer is Answer.MAYBE and one.subject != "-p"]
    return with_protocol(rule, found)


def with_protocol(rule: Rule, conditions: list[Condition]) -> tuple[Condition, ...]:
    """The conditions, and the rule's protocol if one of them or the target needs it named."""
    target = rule.shape.target
    needed = any(one.protocol for one in conditions) or bool(target and target.entry and target.entry.protocols)
    use = rule.shape.parameter("-p")
    if not (needed or answers_with_reset(rule)) or use is None:
        return tuple(conditions)
    return (Condition(("-p", rule.text(use.operands[0])), "-p"), *conditions)


def is_pure(shape: Shape) -> bool:
    """Whether asking the conditions of a rule changes nothing: `-m recent --set` does its work without a target."""
    entries = (part.entry for part in shape.matches)
    return all(entry is not None and entry.memory in (Memory.NONE, Memory.CLOCK) for entry in entries)


def _steps(copying: _Copying, chain: Chain) -> Iterator[Step]:
    for number, rule in enumerate(chain.rules, 1):
        if answer(rule, copying.sketch) is Answer.NO:
            continue
        action = _action(copying, rule)
        if action:
            yield Step(open_conditions(rule, copying.sketch), action, f"from {chain.name} rule {number}")


def _action(copying: _Copying, rule: Rule) -> Action | None:
    """What a rule does; None if nothing."""
    if rule.jump is None:
        if rule.shape.target is None:
            return None if is_pure(rule.shape) else NOTHING
        return (
            Return()
            if rule.verdict is Verdict.RETURN
            else Perform(target_words(rule), rule.verdict is not Verdict.CONTINUE)
        )
    copy = copying.copies[rule.jump]
    if owner_of(rule.jump):  # it will hold other rules tomorrow
        return Existing(rule.jump, closed=False, goto=rule.goto)
    if rule.jump in copying.tests_state or len(copy.steps) <= 1:
        return Call(copy, rule.goto)
    return Existing(rule.jump, copy.closed, rule.goto)
