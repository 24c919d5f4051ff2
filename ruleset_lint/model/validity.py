"""What iptables-restore refuses about rules and chain lines, with the word that is wrong. Knows one line at a time.

What depends on the lines before (a chain that is not declared yet) is in Ruleset.faults; tables and COMMIT are in
table_lines.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from itertools import chain
from operator import itemgetter

from ruleset_lint.model.agreement import at_odds, looked_at
from ruleset_lint.model.chain_lines import about_commands, chain_lines, strange_names
from ruleset_lint.model.combination import Circumstances, Misplaced, conflicts, misplaced
from ruleset_lint.model.mistakes import told_apart
from ruleset_lint.model.order import out_of_order
from ruleset_lint.model.reading import odd_ones, why_not
from ruleset_lint.model.refusal import Kind, Refusal
from ruleset_lint.model.rule import Home, Rule
from ruleset_lint.model.ruleset import Ruleset, texts
from ruleset_lint.model.shape import Operand, Shape, Use, is_skipped
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS, WITHOUT_INPUT, WITHOUT_OUTPUT
from ruleset_lint.netfilter.values import OutOfRangeError, text
from ruleset_lint.syntax.document import Document, Line, Unparsed
from ruleset_lint.syntax.iptables_save import word_spans
from ruleset_lint.syntax.nodes import Node, TableLine
from ruleset_lint.text import Span

_ASKED_BY_NAME = WITHOUT_INPUT | WITHOUT_OUTPUT
_home: Callable[[Rule], Home] = itemgetter(Rule._fields.index("home"))
_chain: Callable[[Rule], str] = itemgetter(Rule._fields.index("chain"))
_Around = tuple[str, str, frozenset[str]]  # a table, a built-in chain that is asked by name, the hooks that lead here


def refusals(ruleset: Ruleset) -> Iterator[Refusal]:
    """All that restore refuses about the file's lines, in no particular order."""
    for refusal in _found(ruleset):
        span = span_of(ruleset.document, refusal.line, refusal.item)
        yield told_apart(refusal, ruleset.document.source(span), ruleset.family)


def _found(ruleset: Ruleset) -> Iterator[Refusal]:
    document = ruleset.document
    for line in (document.lines[number - 1] for number in document.numbers(Unparsed, TableLine)):
        if isinstance(line.node, Unparsed):
            yield Refusal(line, None, line.node.reason, Kind.LINE)
        elif isinstance(line.node, TableLine) and line.node.name not in BUILTIN_CHAINS:
            known = ", ".join(BUILTIN_CHAINS)
            yield Refusal(line, 1, f"no table {line.node.name}: there are {known}", Kind.LINE)
    for block in ruleset.blocks:
        yield from chain_lines(block)
    negations = document.text.count("!") > document.text.count("! -")  # some stand before no option
    for shape, rules in _by_shape(ruleset).items():
        if is_skipped(shape, ruleset.family):
            continue
        yield from _about_shape(ruleset, shape, rules, negations)
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


def _about_shape(ruleset: Ruleset, shape: Shape, rules: Sequence[Rule], negations: bool) -> Iterator[Refusal]:
    for problem in shape.problems:
        yield from (Refusal(rule.line, problem.item, problem.reason, Kind.WORDS) for rule in rules)
    for conflict in conflicts(shape):
        yield from (Refusal(rule.line, conflict.item, conflict.reason, Kind.TOGETHER) for rule in rules)
    for use in uses(shape):
        if negations and use.option.negatable and use.operands:
            yield from _old_negation(use, rules, _texts(ruleset, rules, use.operands[0]))
        for number, operand in enumerate(use.operands):
            if use.option.reads[number] is not text:
                yield from _unreadable(use, number, rules, _texts(ruleset, rules, operand))


def _texts(ruleset: Ruleset, rules: Sequence[Rule], operand: Operand) -> str:
    """The texts that an operand has in rules of one shape, each with a line feed behind it.

    Left out are names of chains that are judged where they are declared.
    """
    shape = rules[0].shape
    if ruleset.by_shape.get(shape) is not rules:
        return texts(rules, operand)
    return "" if _names_chains(shape, operand) and _are_usual(ruleset) else ruleset.texts(shape, operand)


def _names_chains(shape: Shape, operand: Operand) -> bool:
    """Whether an operand is the chain that rules are appended to, or the one that they call."""
    command, jump = shape.command, shape.jump
    appended = command.operands if command and command.option.name == "-A" else ()
    return isinstance(operand, int) and operand in (*appended, *(jump.operands if jump else ()))


@lru_cache(maxsize=4)
def _are_usual(ruleset: Ruleset) -> bool:
    """Whether rules speak of chains that are declared before, and all of these have names that are right."""
    at_once = all(table.known for table in ruleset.tables.values())
    return at_once and not any(map(strange_names, ruleset.blocks))


def uses(shape: Shape) -> Iterator[Use]:
    """All options of a shape: the command, parameters, the jump, those of matches and of the target."""
    if shape.command:
        yield shape.command
    yield from shape.parameters
    if shape.jump:
        yield shape.jump
    for part in shape.parts:
        yield from part.uses


def _unreadable(use: Use, number: int, rules: Sequence[Rule], values: str) -> Iterator[Refusal]:
    operand = use.operands[number]
    reader, family, item = use.option.reads[number], rules[0].family, use.item + 1 + number
    odd = odd_ones(reader, values, family)
    wrong = {value: found for value in odd if (found := why_not(reader, value, family))}
    for rule in rules if wrong else ():
        if error := wrong.get(rule.text(operand)):
            kind = Kind.LIMIT if isinstance(error, OutOfRangeError) else Kind.VALUE
            yield Refusal(rule.line, item, str(error), kind, option=use.option.name)


def _old_negation(use: Use, rules: Sequence[Rule], values: str) -> Iterator[Refusal]:
    """`-s ! 10.0.0.0/8`, which old releases of iptables take, and `-s !10.0.0.0/8`, which none does."""
    if "\n!" not in f"\n{values}":
        return
    operand = use.operands[0]
    reason = f"! stands before {use.option.name}, not behind it"
    read = use.option.reads[0]
    for rule in rules:
        value = rule.text(operand)
        alone = value == "!" and rule.shape.problems  # what it stands before is left over
        if value.startswith("!") and (alone or why_not(read, value, rule.family)):  # a name may begin so
            yield Refusal(rule.line, use.item + 1, reason, Kind.NEGATION, option=use.option.name)


def _about_places(ruleset: Ruleset, shape: Shape, rules: Sequence[Rule]) -> Iterator[Refusal]:
    if not shape.command or shape.command.option.name not in ("-A", "-I", "-R"):
        return
    alike = isinstance(_protocol_operand(shape), str)  # then asked once for each kind of chain
    if alike and not _may_be_misplaced(ruleset, rules):
        return
    known: dict[tuple[str, str, frozenset[str], str], Sequence[Misplaced]] = {}
    for rule in rules:
        around = _circumstances(ruleset, rule.table, rule.chain)
        key = (*around, rule.text(_protocol_operand(shape)))
        if key not in known:
            known[key] = _misplaced(rule, *around)
        for found in known[key]:
            kind = Kind.PROTOCOL if found.protocol else Kind.PLACE
            yield Refusal(rule.line, found.item, found.reason, kind, found.backends)


def _protocol_operand(shape: Shape) -> Operand:
    use = shape.parameter("-p")
    return use.operands[0] if use and use.operands else ""


def _may_be_misplaced(ruleset: Ruleset, rules: Sequence[Rule]) -> bool:
    """Whether rules of one shape may be in the wrong place, if their protocol is the same."""
    if not any(_misplaced(rules[0], *around) for around in _everywhere(ruleset)):
        return False
    homes = set(map(_home, rules))
    parts = ((home, rules if len(homes) == 1 else [rule for rule in rules if rule.home is home]) for home in homes)
    found = (_different(ruleset, home.table, set(map(_chain, part))) for home, part in parts)
    return any(_misplaced(rules[0], *around) for around in chain.from_iterable(found))


@lru_cache(maxsize=4)
def _everywhere(ruleset: Ruleset) -> Collection[_Around]:
    found = (_different(ruleset, name, table.chains.keys()) for name, table in ruleset.tables.items())
    nowhere: set[_Around] = {(name, "", frozenset()) for name in ruleset.tables}  # chains that are not there
    return nowhere.union(*found)


def _different(ruleset: Ruleset, table: str, chains: AbstractSet[str]) -> Iterator[_Around]:
    """The different circumstances of chains; a chain of one's own is what leads to it."""
    hooks = ruleset.tables[table].hooks if table in ruleset.tables else {}
    yield from (_circumstances(ruleset, table, name) for name in chains & _ASKED_BY_NAME)
    yield from ((table, "", reached or frozenset()) for reached in set(map(hooks.get, chains)))


def _circumstances(ruleset: Ruleset, name: str, chain: str) -> tuple[str, str, frozenset[str]]:
    table = ruleset.tables.get(name)
    hooks = table.hooks.get(chain, frozenset()) if table else frozenset()
    return name, chain if chain in _ASKED_BY_NAME else "", hooks


def _misplaced(rule: Rule, table: str, chain: str, hooks: frozenset[str]) -> Sequence[Misplaced]:
    return tuple(misplaced(rule.shape, Circumstances(table, chain, hooks, rule.protocol)))


def _about_values(ruleset: Ruleset, shape: Shape, rules: Iterable[Rule]) -> Iterator[Refusal]:
    holes = looked_at(shape)
    if holes is None:
        return
    known: dict[tuple[object, ...], Sequence[Misplaced]] = {}
    for rule in rules:
        values = rule.values
        chain = rule.chain if rule.chain in _ASKED_BY_NAME else ""
        key = (rule.table, chain, *[values[hole] for hole in holes])
        if key not in known:
            table = ruleset.tables.get(rule.table)
            known[key] = tuple(at_odds(rule, bool(table and rule.jump in table.chains)))
        for found in known[key]:
            kind = Kind.PROTOCOL if found.protocol else Kind.LIMIT if found.limit else Kind.TOGETHER
            yield Refusal(rule.line, found.item, found.reason, kind, found.backends)
