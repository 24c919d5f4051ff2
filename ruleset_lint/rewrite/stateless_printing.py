"""Diversions as lines of a ruleset: names of chains, comments that say where a rule is from. Knows no meaning."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ruleset_lint.rewrite.layout import Additions
from ruleset_lint.rewrite.printing import action_words, called_routines, condition_words
from ruleset_lint.rewrite.program import Call, Return, Routine, Step, merge
from ruleset_lint.rewrite.roles import Diversion
from ruleset_lint.syntax.words import quote

_PREFIX = "SL-"
_LONGEST_NAME = 28
_FEWEST = 2  # rules that stand at the top of a built-in chain themselves; more are behind a jump


def table_additions(diversions: Sequence[Diversion], taken: set[str]) -> Additions:
    """What is added to the diversions' table, whose chains have names that are taken."""
    starts = [(diversion, _at_top(diversion)) for diversion in diversions]
    actions = [step.action for _, steps in starts for step in steps]
    needed = called_routines([action.routine for action in actions if isinstance(action, Call)])
    names = _chain_names(needed, taken)
    top: dict[str, list[str]] = {}
    for diversion, steps in starts:
        top.setdefault(diversion.hook, []).extend(_line(diversion.hook, step, names) for step in steps)
    rules = [_line(names[id(routine)], step, names) for routine in needed for step in routine.steps]
    return Additions(tuple(names.values()), rules, top)


def _at_top(diversion: Diversion) -> tuple[Step, ...]:
    """A jump to the routine, or a short routine itself."""
    jump = Step(diversion.conditions, Call(diversion.routine), diversion.purpose)
    steps = diversion.routine.steps
    merged = [merge(diversion.conditions, step.conditions) for step in steps]
    if len(steps) > _FEWEST or any(isinstance(step.action, Return) for step in steps):
        return (jump,)
    found = tuple(
        Step(conditions, step.action, step.origin or diversion.purpose)
        for step, conditions in zip(steps, merged, strict=True)
        if conditions is not None
    )
    return found if len(found) == len(steps) else (jump,)


def _chain_names(routines: Sequence[Routine], taken: set[str]) -> dict[int, str]:
    """A name of its own for each routine, by identity, and none that is taken."""
    found: dict[int, str] = {}
    for routine in routines:
        slug = re.sub(r"[^A-Za-z0-9_.-]", "", routine.hint).removeprefix(_PREFIX)
        base = f"{_PREFIX}{slug}".rstrip("-")
        name = base[:_LONGEST_NAME]
        number = 1
        while name in taken:
            number += 1
            name = f"{base[: _LONGEST_NAME - len(str(number)) - 1]}-{number}"
        taken.add(name)
        found[id(routine)] = name
    return found


def _line(chain: str, step: Step, names: Mapping[int, str]) -> str:
    """One rule. Raises ValueError if a word cannot stand in a line."""
    comment = ("-m", "comment", "--comment", f"ruleset-lint stateless: {step.origin}")
    words = ("-A", chain, *condition_words(step.conditions), *comment, *action_words(step.action, names))
    return " ".join(map(quote, words))
