"""What iptables-restore refuses about rules and chain lines, with the word that is wrong. Knows one line at a time.

What depends on the lines before (a chain that is not declared yet) is in Ruleset.faults; tables and COMMIT are in
table_lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from ruleset_lint.model.agreement import at_odds, wants_values
from ruleset_lint.model.combination import (
    BACKENDS,
    LEGACY,
    NFT,
    Circumstances,
    Misplaced,
    conflicts,
    misplaced,
    out_of_place,
)
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Operand, Shape, Use, is_skipped
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS, is_builtin
from ruleset_lint.netfilter.name_values import chain
from ruleset_lint.netfilter.targets import TARGETS
from ruleset_lint.netfilter.values import Reader, networks, text
from ruleset_lint.syntax.document import Document, Line, Unparsed
from ruleset_lint.syntax.iptables_save import ChainLine, Node, TableLine, word_spans
from ruleset_lint.text import Span

_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_USUAL_NETWORK = re.compile(rf"(?:{_BYTE}\.){{3}}{_BYTE}(?:/(?:3[0-2]|[12]?[0-9]))?")
_VERDICTS = ("ACCEPT", "DROP", "QUEUE", "RETURN")


class Kind(Enum):
    """What a refusal is about."""

    LINE = "line"  # not a line that restore's reader takes
    WORDS = "words"  # an option that is not there, or not with these words
    VALUE = "value"  # does not read
    TOGETHER = "together"  # options that exclude or want each other
    PROTOCOL = "protocol"  # wants another protocol
    PLACE = "place"  # not in this table or hook
    CHAIN = "chain"  # name or policy of a chain


class Refusal(NamedTuple):
    """What is refused: the line, the number of the wrong word on it (None: the line), why, and by which backends."""

    line: Line[Node]
    item: int | None
    reason: str
    kind: Kind
    backends: frozenset[str] = BACKENDS
    option: str = ""  # whose value it is


def refusals(ruleset: Ruleset) -> Iterator[Refusal]:
    """All that restore refuses whatever the other lines are, in no particular order."""
    for line in ruleset.document.lines:
        if isinstance(line.node, Unparsed):
            yield Refusal(line, None, line.node.reason, Kind.LINE)
        elif isinstance(line.node, TableLine) and line.node.name not in BUILTIN_CHAINS:
            known = ", ".join(BUILTIN_CHAINS)
            yield Refusal(line, 1, f"no table {line.node.name}: there are {known}", Kind.LINE)
    for block in ruleset.blocks:
        for line in block.lines:
            if isinstance(line.node, ChainLine):
                yield from _chain_line(block.table, line, line.node)
    for shape, rules in _by_shape(ruleset.commands).items():
        if is_skipped(shape, ruleset.family):
            continue
        yield from _about_shape(shape, rules)
        yield from _about_commands(shape, rules)
        yield from _about_places(ruleset, shape, rules)
        yield from _about_values(ruleset, shape, rules)


def span_of(document: Document[Node], line: Line[Node], item: int | None) -> Span:
    """Where a word of a line stands, quotes included; the line from its first word on if there is no such word."""
    words = word_spans(document, line)
    start = line.span.start
    if item is None or not words:
        content = document.content_span(line)
        node = line.node
        return Span(min(start + node.column - 1, content.end), content.end) if isinstance(node, Unparsed) else content
    word = words[min(item, len(words) - 1)]
    return Span(start + word.start, start + word.end)


def _by_shape(rules: Sequence[Rule]) -> dict[Shape, list[Rule]]:
    found: dict[Shape, list[Rule]] = {}
    for rule in rules:
        found.setdefault(rule.shape, []).append(rule)
    return found


def _about_shape(shape: Shape, rules: Sequence[Rule]) -> Iterator[Refusal]:
    for problem in shape.problems:
        yield from (Refusal(rule.line, problem.item, problem.reason, Kind.WORDS) for rule in rules)
    for conflict in conflicts(shape):
        yield from (Refusal(rule.line, conflict.item, conflict.reason, Kind.TOGETHER) for rule in rules)
    for use in _uses(shape):
        for number in range(len(use.operands)):
            if use.option.reads[number] is not text:
                yield from _unreadable(use, number, rules)


def _uses(shape: Shape) -> Iterator[Use]:
    if shape.command:
        yield shape.command
    yield from shape.parameters
    if shape.jump:
        yield shape.jump
    for part in shape.parts:
        yield from part.uses


def _unreadable(use: Use, number: int, rules: Sequence[Rule]) -> Iterator[Refusal]:
    operand = use.operands[number]
    reader, family, item = use.option.reads[number], rules[0].family, use.item + 1 + number
    texts = {operand} if isinstance(operand, str) else {rule.values[operand] for rule in rules}
    wrong = {value: found for value in texts if (found := why_not(reader, value, family))}
    for rule in rules if wrong else ():
        if reason := wrong.get(rule.text(operand)):
            yield Refusal(rule.line, item, reason, Kind.VALUE, option=use.option.name)


def why_not(reader: Reader, value: str, family: int) -> str:
    """What was expected where a value does not read, empty where it does."""
    if reader is networks and family == 4 and _USUAL_NETWORK.fullmatch(value):
        return ""
    try:
        reader(value, family)
    except ValueError as error:
        return str(error)
    return ""


def _about_commands(shape: Shape, rules: Sequence[Rule]) -> Iterator[Refusal]:
    command = shape.command
    if not command:
        return
    for problem in out_of_place(shape):
        yield from (Refusal(rule.line, problem.item, problem.reason, Kind.WORDS) for rule in rules)
    name, first = command.option.name, command.item + 1
    if name in ("-N", "-E"):
        number = len(command.operands) - 1
        for rule in rules if number == len(command.option.reads) - 1 else ():
            for reason in _new_name(rule.text(command.operands[number])):
                yield Refusal(rule.line, first + number, reason, Kind.CHAIN)
    elif name == "-P" and len(command.operands) > 1:
        for rule in rules:
            yield from _policy_command(rule, first, rule.text(command.operands[1]))


def _new_name(name: str) -> Iterator[str]:
    if name in TARGETS:
        yield f"{name} is the name of a target"
    if name.startswith(("-", "!")):
        yield f"name of a chain begins with {name[0]}"


def _policy_command(rule: Rule, first: int, policy: str) -> Iterator[Refusal]:
    if not is_builtin(rule.table, rule.chain):
        if rule.table in BUILTIN_CHAINS:
            yield Refusal(rule.line, first, "only a built-in chain has a policy", Kind.CHAIN)
    elif policy not in ("ACCEPT", "DROP"):
        yield Refusal(rule.line, first + 1, "policy ACCEPT or DROP expected", Kind.CHAIN)
    elif rule.table == "nat" and policy == "DROP":
        yield Refusal(rule.line, first + 1, "the nat table is not for dropping packets", Kind.CHAIN)


def _chain_line(table: str, line: Line[Node], node: ChainLine) -> Iterator[Refusal]:
    if is_builtin(table, node.name):
        if node.policy not in ("ACCEPT", "DROP", "-"):
            yield Refusal(line, 1, "policy ACCEPT or DROP expected", Kind.CHAIN)
        return
    if reason := why_not(chain, node.name, 4):
        yield Refusal(line, 0, reason, Kind.CHAIN)
    if node.name in _VERDICTS:
        yield Refusal(line, 0, f"{node.name} is the name of a target", Kind.CHAIN)
    if node.name.startswith(("-", "!")):
        yield Refusal(line, 0, f"name of a chain begins with {node.name[0]}", Kind.CHAIN, NFT)
    if node.policy != "-" and table in BUILTIN_CHAINS:
        yield Refusal(line, 1, "a chain of one's own has no policy, - expected", Kind.CHAIN, LEGACY)


def _about_places(ruleset: Ruleset, shape: Shape, rules: Iterable[Rule]) -> Iterator[Refusal]:
    if not shape.command or shape.command.option.name not in ("-A", "-I", "-R"):
        return
    known: dict[tuple[str, str, str], tuple[Misplaced, ...]] = {}
    use = shape.parameter("-p")
    protocol: Operand = use.operands[0] if use and use.operands else ""
    for rule in rules:
        key = (rule.table, rule.chain, protocol if isinstance(protocol, str) else rule.values[protocol])
        if key not in known:
            table = ruleset.tables.get(rule.table)
            hooks = table.hooks.get(rule.chain, frozenset()) if table else frozenset()
            known[key] = tuple(misplaced(shape, Circumstances(rule.table, rule.chain, hooks, rule.protocol)))
        for found in known[key]:
            kind = Kind.PROTOCOL if found.protocol else Kind.PLACE
            yield Refusal(rule.line, found.item, found.reason, kind, found.backends)


def _about_values(ruleset: Ruleset, shape: Shape, rules: Iterable[Rule]) -> Iterator[Refusal]:
    if not wants_values(shape):
        return
    for rule in rules:
        table = ruleset.tables.get(rule.table)
        for found in at_odds(rule, bool(table and rule.jump in table.chains)):
            kind = Kind.PROTOCOL if found.protocol else Kind.TOGETHER
            yield Refusal(rule.line, found.item, found.reason, kind, found.backends)
