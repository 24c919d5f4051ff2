"""Routines as lines of a ruleset: names of chains, order of words, comments that say where a rule is from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ruleset_lint.model.made import PREFIX
from ruleset_lint.packets.endpoints import Endpoint
from ruleset_lint.rewrite.program import Action, Call, Condition, Existing, Perform, Return, Routine, all_routines
from ruleset_lint.syntax.words import quote

_LONGEST_NAME = 28
_LONGEST_ADDRESS = 15  # the end of a longer one tells servers apart
_PARAMETERS = ("-s", "-d", "-i", "-o", "-p", "-f")


def chain_names(service: Endpoint, routines: Sequence[Routine], taken: set[str]) -> dict[int, str]:
    """A name of its own for each routine, by identity, and none that is taken."""
    found: dict[int, str] = {}
    for routine in routines:
        slug = re.sub(r"[^A-Za-z0-9_.-]", "", routine.hint).removeprefix(PREFIX)
        base = f"{_label(service)}-{slug}".rstrip("-")
        name = base[:_LONGEST_NAME]
        number = 1
        while name in taken:
            number += 1
            name = f"{base[: _LONGEST_NAME - len(str(number)) - 1]}-{number}"
        taken.add(name)
        found[id(routine)] = name
    return found


def _label(end: Endpoint) -> str:
    address = f"@{end.address[-_LONGEST_ADDRESS:]}" if end.address else ""
    return f"{PREFIX}{end.service.protocol}-{end.service.port}{address}"


def chain_lines(service: Endpoint, routines: Sequence[Routine], names: Mapping[int, str]) -> list[str]:
    """The rules of the routines' chains, callees first."""
    lines = []
    for routine in routines:
        for step in routine.steps:
            words = action_words(step.action, names)
            lines.append(rule_line(service, names[id(routine)], step.conditions, words, step.origin))
    return lines


def called_routines(starts: Sequence[Routine]) -> list[Routine]:
    """The routines that need a chain: those called, not those that are one action."""
    return [routine for routine in all_routines(starts) if routine.steps]


def rule_line(
    service: Endpoint, chain: str, conditions: Sequence[Condition], action: Sequence[str], comment: str
) -> str:
    """One rule. Raises ValueError if a word cannot stand in a line."""
    text = f"ruleset-lint {service}: {comment}"
    words = ["-A", chain, *condition_words(conditions), "-m", "comment", "--comment", text, *action]
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


def action_words(action: Action, names: Mapping[int, str]) -> tuple[str, ...]:
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
