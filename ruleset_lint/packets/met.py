"""The rules that packets of a sketch come to and may match. Knows not what becomes of them afterwards.

Unlike `rules_on_way` it looks no further than a rule that takes all of the packets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset, Table
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.packets.answers import Answers
from ruleset_lint.packets.sketch import Answer, Sketch
from ruleset_lint.packets.walk import bottom_up


class _Seen:
    """Chain by chain the rules that packets come to and may match, and whether some leave the chain at its end."""

    def __init__(self) -> None:
        self.rules: dict[str, Sequence[Rule]] = {}
        self.falls: dict[str, bool] = {}


def rules_met(ruleset: Ruleset, table: str, hook: str, sketch: Sketch) -> tuple[Rule, ...]:
    """The rules of a built-in chain and of those below, each once: a chain's rules, then those of the chains it calls.

    A loop, which the kernel refuses, is passed through once.
    """
    found = ruleset.tables.get(table)
    if found is None or hook not in found.chains:
        return ()
    seen, answers = _Seen(), Answers(sketch)
    for name in bottom_up(found, hook):
        _look(found, name, answers, seen)
    return _collected(hook, seen.rules)


def _look(table: Table, name: str, answers: Answers, seen: _Seen) -> None:
    """Note what packets do in a chain, those that it calls being known."""
    met: list[Rule] = []
    leaves = False
    for rule in table.chains[name].rules:
        matched = answers.of(rule)
        if matched is Answer.NO:
            continue
        met.append(rule)
        continues, returns = _after(rule, seen.falls)
        leaves = leaves or returns
        if matched is Answer.YES and not continues:
            break
    else:
        leaves = True
    seen.rules[name], seen.falls[name] = met, leaves


def _after(rule: Rule, falls: Mapping[str, bool]) -> tuple[bool, bool]:
    """Whether a packet that a rule takes may go on to the next rule, and whether it may leave the chain."""
    jump = rule.jump if rule.shape.jump else None
    if jump is None:
        return rule.verdict is Verdict.CONTINUE, rule.verdict is Verdict.RETURN
    comes_back = falls.get(jump, True)  # an unknown target: anything may happen
    return comes_back and not rule.goto, comes_back and rule.goto


def _collected(hook: str, rules: Mapping[str, Sequence[Rule]]) -> tuple[Rule, ...]:
    found: list[Rule] = []
    waiting, known = [hook], {hook}
    while waiting:
        met = rules[waiting.pop()]
        found += met
        called = [jump for rule in met if (jump := rule.jump) in rules and jump not in known and jump]
        known.update(called)
        waiting += dict.fromkeys(called)
    return tuple(found)
