"""Diversions as lines of a table: names of chains, order of words, comments that say where a rule is from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ruleset_lint.model.made import PREFIX
from ruleset_lint.packets.endpoints import Endpoint
from ruleset_lint.rewrite.layout import Additions
from ruleset_lint.rewrite.program import (
    Action,
    Call,
    Condition,
    Existing,
    Perform,
    Return,
    Routine,
    Step,
    all_routines,
    merge,
)
from ruleset_lint.rewrite.roles import Diversion
from ruleset_lint.syntax.words import quote

_LONGEST_NAME = 28
_LONGEST_ADDRESS = 15  # the end of a longer one tells servers apart
_FEWEST = 2  # rules that stand at the top of a built-in chain themselves; more are behind a jump, asked once
_PARAMETERS = ("-s", "-d", "-i", "-o", "-p", "-f")


class Label(NamedTuple):
    """What is added is told by: how its chains' names begin, and what its comments say."""

    chains: str
    comments: str


def label_of(service: Endpoint) -> Label:
    """Of what is there for a service."""
    address = f"@{service.address[-_LONGEST_ADDRESS:]}" if service.address else ""
    return Label(f"{PREFIX}{service.service.protocol}-{service.service.port}{address}", str(service))


def table_additions(label: Label, diversions: Sequence[Diversion], taken: set[str]) -> Additions:
    """What is added to the diversions' table, whose chains have names that are taken."""
    starts = [(diversion, _at_top(diversion)) for diversion in diversions]
    actions = [step.action for _, steps in starts for step in steps]
    needed = _called_routines([action.routine for action in actions if isinstance(action, Call)])
    names = _chain_names(label, needed, taken)
    top: dict[str, list[str]] = {}
    for diversion, steps in starts:
        top.setdefault(diversion.hook, []).extend(rule_line(label, diversion.hook, step, names) for step in steps)
    rules = [rule_line(label, names[id(routine)], step, names) for routine in needed for step in routine.steps]
    return Additions(tuple(names.values()), rules, top)


def _at_top(diversion: Diversion) -> tuple[Step, ...]:
    """The rules at the top of the built-in chain: a jump, or a short routine itself."""
    call = Step(diversion.conditions, Call(diversion.routine), diversion.purpose)
    steps = diversion.routine.steps
    merged = [merge(diversion.conditions, step.conditions) for step in steps]
    if len(steps) > _FEWEST or any(isinstance(step.action, Return) for step in steps):
        return (call,)
    found = tuple(
        Step(conditions, step.action, step.origin if step.conditions else diversion.purpose)
        for step, conditions in zip(steps, merged, strict=True)
        if conditions is not None
    )
    return found if len(found) == len(steps) else (call,)


def _called_routines(starts: Sequence[Routine]) -> list[Routine]:
    """The routines that need a chain: those called, not those that are one action."""
    return [routine for routine in all_routines(starts) if routine.steps]


def _chain_names(label: Label, routines: Sequence[Routine], taken: set[str]) -> dict[int, str]:
    """A name of its own for each routine, by identity, and none that is taken."""
    found: dict[int, str] = {}
    prefix = label.chains[: len(PREFIX)]
    for routine in routines:
        slug = re.sub(r"[^A-Za-z0-9_.-]", "", routine.hint).removeprefix(prefix)
        base = f"{label.chains}-{slug}".rstrip("-")
        name = base[:_LONGEST_NAME]
        number = 1
        while name in taken:
            number += 1
            name = f"{base[: _LONGEST_NAME - len(str(number)) - 1]}-{number}"
        taken.add(name)
        found[id(routine)] = name
    return found


def rule_line(label: Label, chain: str, step: Step, names: Mapping[int, str]) -> str:
    """One rule. Raises ValueError if a word cannot stand in a line."""
    comment = ("-m", "comment", "--comment", f"ruleset-lint {label.comments}: {step.origin}")
    words = ("-A", chain, *condition_words(step.conditions), *comment, *_action_words(step.action, names))
    return " ".join(map(quote, words))


def condition_words(conditions: Sequence[Condition]) -> list[str]:
    """The words of conditions as they stand in one rule."""
    ordered = sorted(conditions, key=_rank)
    words: list[str] = []
    match = ""
    for condition in ordered:
        same_match = condition.words[:2] == ("-m", match) and match in ("tcp", "udp")
        words += condition.words[2:] if same_match else condition.words
        match = condition.words[1] if condition.words[0] == "-m" else ""
    return words


def _rank(condition: Condition) -> tuple[int, bool]:
    """Parameters first, in iptables-save's order, then the protocol's own match, then the others as they come."""
    if condition.subject in _PARAMETERS:
        return _PARAMETERS.index(condition.subject), False
    return len(_PARAMETERS), condition.words[1] not in ("tcp", "udp")


def _action_words(action: Action, names: Mapping[int, str]) -> tuple[str, ...]:
    """`-j` or `-g` and what follows it."""
    match action:
        case Perform():
            return action.words
        case Return():
            return ("-j", "RETURN")
        case Existing():
            return ("-g" if action.goto else "-j", action.chain)
        case Call():
            return ("-g" if action.goto else "-j", names[id(action.routine)])
