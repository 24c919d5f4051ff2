"""What iptables-restore refuses about rules and chain lines, with the word that is wrong. Knows one line at a time.

What depends on the lines before (a chain that is not declared yet) is in Ruleset.faults; tables and COMMIT are in
table_lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ruleset_lint.model.agreement import at_odds, wants_values
from ruleset_lint.model.chain_lines import about_commands, chain_lines
from ruleset_lint.model.combination import Circumstances, Misplaced, conflicts, misplaced
from ruleset_lint.model.mistakes import told_apart
from ruleset_lint.model.order import out_of_order
from ruleset_lint.model.reading import odd_ones, why_not
from ruleset_lint.model.refusal import Kind, Refusal
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Operand, Shape, Use, is_skipped
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS
from ruleset_lint.netfilter.values import OutOfRangeError, text
from ruleset_lint.syntax.document import Document, Line, Unparsed
from ruleset_lint.syntax.iptables_save import word_spans
from ruleset_lint.syntax.nodes import Node, RuleLine, TableLine
from ruleset_lint.text import Span


def refusals(ruleset: Ruleset) -> Iterator[Refusal]:
    """All that restore refuses about the file's lines, in no particular order."""
    for refusal in _found(ruleset):
        span = span_of(ruleset.document, refusal.line, refusal.item)
        yield told_apart(refusal, ruleset.document.source(span), ruleset.family)


def _found(ruleset: Ruleset) -> Iterator[Refusal]:
    document = ruleset.document
    for number, node in enumerate(document.nodes):
        if isinstance(node, RuleLine):
            continue
        if isinstance(node, Unparsed):
            yield Refusal(document.lines[number], None, node.reason, Kind.LINE)
        elif isinstance(node, TableLine) and node.name not in BUILTIN_CHAINS:
            known = ", ".join(BUILTIN_CHAINS)
            yield Refusal(document.lines[number], 1, f"no table {node.name}: there are {known}", Kind.LINE)
    for block in ruleset.blocks:
        yield from chain_lines(block)
    for shape, rules in _by_shape(ruleset).items():
        if is_skipped(shape, ruleset.family):
            continue
        yield from _about_shape(shape, rules)
        yield from about_commands(shape, rules)
        yield from _about_places(ruleset, shape, rules)
        yield from _about_values(ruleset, shape, rules)
    yield from out_of_order(ruleset)


def span_of(document: Document[Node], line: Line[Node], item: int | None) -> Span:
    """Where a word of a line stands, quotes included; the line from its first word on if there is no such word."""
    start, content, node = line.span.start, document.content_span(line), line.node
    if isinstance(node, Unparsed):
        return Span(min(start + node.column - 1, content.end), content.end)
    words = word_spans(document, line) if item is not None else []
    if item is None or not words:
        return content
    word = words[min(item, len(words) - 1)]
    return Span(start + word.start, start + word.end)


def _by_shape(ruleset: Ruleset) -> Mapping[Shape, Sequence[Rule]]:
    rules = ruleset.commands
    if len(rules) == len(ruleset.live_rules):  # each command appended or inserted a rule that is still there
        return ruleset.by_shape
    found: dict[Shape, list[Rule]] = {}
    for rule in rules:
        found.setdefault(rule.shape, []).append(rule)
    return found


def _about_shape(shape: Shape, rules: Sequence[Rule]) -> Iterator[Refusal]:
    for problem in shape.problems:
        yield from (Refusal(rule.line, problem.item, problem.reason, Kind.WORDS) for rule in rules)
    for conflict in conflicts(shape):
        yield from (Refusal(rule.line, conflict.item, conflict.reason, Kind.TOGETHER) for rule in rules)
    for use in uses(shape):
        yield from _old_negation(use, rules)
        for number in range(len(use.operands)):
            if use.option.reads[number] is not text:
                yield from _unreadable(use, number, rules)


def uses(shape: Shape) -> Iterator[Use]:
    """All options of a shape: the command, parameters, the jump, those of matches and of the target."""
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
    odd = odd_ones(reader, texts, family)
    wrong = {value: found for value in odd if (found := why_not(reader, value, family))}
    for rule in rules if wrong else ():
        if error := wrong.get(rule.text(operand)):
            kind = Kind.LIMIT if isinstance(error, OutOfRangeError) else Kind.VALUE
            yield Refusal(rule.line, item, str(error), kind, option=use.option.name)


def _old_negation(use: Use, rules: Sequence[Rule]) -> Iterator[Refusal]:
    """`-s ! 10.0.0.0/8`, which old releases of iptables take, and `-s !10.0.0.0/8`, which none does."""
    if not use.option.negatable or not use.operands or "!" not in rules[0].home.document.text:
        return
    operand = use.operands[0]
    texts = {operand} if isinstance(operand, str) else {rule.values[operand] for rule in rules}
    if not any(value.startswith("!") for value in texts):
        return
    reason = f"! stands before {use.option.name}, not behind it"
    for rule in rules:
        if rule.text(operand).startswith("!"):
            yield Refusal(rule.line, use.item + 1, reason, Kind.NEGATION, option=use.option.name)


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
            kind = Kind.PROTOCOL if found.protocol else Kind.LIMIT if found.limit else Kind.TOGETHER
            yield Refusal(rule.line, found.item, found.reason, kind, found.backends)
