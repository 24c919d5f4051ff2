"""From a document to a ruleset: runs its commands in order, as restore does. Knows no host."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ruleset_lint.model.binding import Binding, bind
from ruleset_lint.model.blocks import Block, blocks, looks_like_fragment
from ruleset_lint.model.rule import Home, Rule
from ruleset_lint.model.ruleset import Chain, Fault, Ruleset, Table
from ruleset_lint.model.shape import Shape, Use, is_skipped
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS, is_builtin
from ruleset_lint.netfilter.targets import misspelt_target
from ruleset_lint.syntax.document import Document, Line, Unparsed
from ruleset_lint.syntax.iptables_save import words
from ruleset_lint.syntax.nodes import ChainLine, Node, RuleLine
from ruleset_lint.syntax.patterns import Pattern


@dataclass(slots=True)
class _Chain:
    name: str
    policy: str
    line: Line[Node] | None = None
    rules: list[Rule] = field(default_factory=list)
    declared: bool = True


class _Plain(NamedTuple):
    """A shape whose rules are just appended; the numbers of the values that name their chain and the one they call."""

    shape: Shape
    chain: int
    jump: int | None


@dataclass(slots=True)
class _Loader:
    """The state of restore while it reads a document."""

    family: int
    fragment: bool
    plain: dict[Pattern, _Plain] = field(default_factory=dict)
    bindings: dict[Pattern, dict[tuple[str, ...], Shape]] = field(default_factory=dict)
    depends: dict[Pattern, tuple[int, ...]] = field(default_factory=dict)
    tables: dict[str, dict[str, _Chain]] = field(default_factory=dict)
    lines: dict[str, Line[Node]] = field(default_factory=dict)
    commands: list[Rule] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def load(document: Document[Node], family: int = 4, *, fragment: bool | None = None) -> Ruleset:
    """The ruleset that a document makes; `fragment` None finds out from what it holds."""
    found = tuple(blocks(document))
    is_fragment = looks_like_fragment(found) if fragment is None else fragment
    loader = _Loader(family, is_fragment)
    for block in found:
        _load_block(loader, Home(document, block.table, family), block)
    tables = {name: _table(name, loader) for name in loader.tables}
    chains = (chain.rules for table in tables.values() for chain in table.chains.values())
    return Ruleset(
        document,
        family,
        is_fragment,
        found,
        tables,
        tuple(itertools.chain.from_iterable(chains)),
        tuple(loader.commands),
        tuple(loader.faults),
    )


def _load_block(loader: _Loader, home: Home, block: Block) -> None:
    if block.table not in loader.tables or (block.first and not loader.fragment):
        loader.tables[block.table] = {name: _Chain(name, "ACCEPT") for name in BUILTIN_CHAINS.get(block.table, ())}
    if block.first:
        loader.lines[block.table] = block.first
    chains = loader.tables[block.table]
    plain_shapes, commands, declarations = loader.plain, loader.commands, iter(block.declarations)
    for number, node in enumerate(block.nodes, block.start + 1):
        if isinstance(node, RuleLine):
            pattern, values, _ = node
            plain = plain_shapes.get(pattern)
            chain = chains.get(values[plain.chain]) if plain else None
            if plain is None or chain is None or not chain.declared:
                _run(loader, home, node, number)
                continue
            if plain.jump is not None:
                called = chains.get(values[plain.jump])  # has to be a declared chain of one's own
                if called is None or not called.declared or called.policy != "-":
                    _run(loader, home, node, number)
                    continue
            rule = Rule(plain.shape, values, number, chain.name, home)
            chain.rules.append(rule)
            commands.append(rule)
        elif isinstance(node, ChainLine):
            _declare(chains, block.table, next(declarations)[1], node)


def _plain(shape: Shape, family: int) -> _Plain | None:
    """What makes rules of a shape easy: `-A`, and values where the names of chains stand; None if they are not."""
    command, jump = shape.command, shape.jump
    if command is None or command.option.name != "-A" or is_skipped(shape, family):
        return None
    names = (*command.operands[:1], *(jump.operands[:1] if jump else ()))
    if len(names) != (2 if jump else 1) or not isinstance(names[0], int) or not isinstance(names[-1], int):
        return None
    return _Plain(shape, names[0], names[-1] if jump else None)


def _declare(chains: dict[str, _Chain], table: str, line: Line[Node], node: ChainLine) -> None:
    before = chains.get(node.name)
    policy = "-"
    if is_builtin(table, node.name):
        policy = node.policy if node.policy != "-" else "ACCEPT"
    chains[node.name] = _Chain(node.name, policy, line, before.rules if before else [])


def _run(loader: _Loader, home: Home, node: RuleLine, number: int) -> None:
    shape = _shape(loader, node)
    command = shape.command
    operands = [_text(node, operand) for operand in command.operands] if command else []
    rule = Rule(shape, node.values, number, operands[0] if operands else "", home)
    loader.commands.append(rule)
    if is_skipped(shape, loader.family):
        return
    if command and operands:
        _run_command(loader, rule, command, operands)
    elif command and command.option.name == "-F":
        for chain in loader.tables[home.table].values():
            chain.rules.clear()
    elif command and command.option.name == "-X":
        for name in [
            name for name, chain in loader.tables[home.table].items() if chain.policy == "-" and not chain.rules
        ]:
            del loader.tables[home.table][name]


def _run_command(loader: _Loader, rule: Rule, command: Use, operands: list[str]) -> None:
    chains = loader.tables[rule.table]
    name = command.option.name
    if name == "-N":
        chains[rule.chain] = _Chain(
            rule.chain, "-", rule.line, chains[rule.chain].rules if rule.chain in chains else []
        )
        return
    if name != "-P" or rule.chain in chains:
        _want_chain(loader, rule, command.item + 1, rule.chain)
    if name in ("-A", "-I", "-R", "-D", "-F"):
        _change_rules(loader, rule, command, operands[1] if len(operands) > 1 else "")
    elif name == "-X":
        if not is_builtin(rule.table, rule.chain):
            chains.pop(rule.chain, None)
    elif rule.chain in chains and len(operands) > 1 and name == "-P":
        chains[rule.chain].policy = operands[1]
    elif rule.chain in chains and len(operands) > 1 and name == "-E":
        chains[operands[1]] = replace(chains.pop(rule.chain), name=operands[1])


def _want_chain(loader: _Loader, rule: Rule, item: int, name: str) -> None:
    """Note that a chain is not there, where it could not be there by other means than this file."""
    found = loader.tables[rule.table].get(name)
    if item > 1 and is_builtin(rule.table, name) and rule.shape.jump and rule.shape.jump.item + 1 == item:
        loader.faults.append(Fault(rule.line, item, f"{name} is a built-in chain: no rule can jump to it"))
    elif (found is None or not found.declared) and not loader.fragment and rule.table in BUILTIN_CHAINS:
        loader.faults.append(Fault(rule.line, item, f"chain {name} is not declared before this line", name))


def _change_rules(loader: _Loader, rule: Rule, command: Use, number: str) -> None:
    chains = loader.tables[rule.table]
    name = command.option.name
    if rule.shape.jump and rule.jump is not None and not _is_foreign(rule.shape, rule.jump):
        _want_chain(loader, rule, rule.shape.jump.item + 1, rule.jump)
    if rule.chain not in chains and (loader.fragment or name == "-A"):
        # declared elsewhere, or a mistake that a rule reports
        chains[rule.chain] = _Chain(rule.chain, "-", declared=False)
    rules = chains[rule.chain].rules if rule.chain in chains else []
    index = int(number) - 1 if re.fullmatch("[0-9]{1,9}", number) else None
    if index is not None and not loader.fragment and not 0 <= index < len(rules) + (name == "-I"):
        loader.faults.append(Fault(rule.line, command.item + 2, f"{rule.chain} has only {len(rules)} rules here"))
    if name == "-A":
        rules.append(rule)
    elif name == "-I":
        rules.insert(max(index or 0, 0), rule)
    elif name == "-F":
        rules.clear()
    elif name == "-R" and index is not None and 0 <= index < len(rules):
        rules[index] = rule
    elif name == "-D":
        _delete(rules, rule, index)


def _is_foreign(shape: Shape, target: str) -> bool:
    """Whether what a rule jumps to is a target that the catalogue does not have: it has options, and no known name."""
    return bool(shape.unclaimed) and misspelt_target(target) is None


def _delete(rules: list[Rule], rule: Rule, index: int | None) -> None:
    if index is None:
        wanted = _specification(rule)
        index = next((i for i, other in enumerate(rules) if _specification(other) == wanted), len(rules))
    if 0 <= index < len(rules):
        del rules[index]


def _specification(rule: Rule) -> list[str]:
    node = rule.line.node
    return words(node)[2:] if isinstance(node, RuleLine) else []


def _shape(loader: _Loader, node: RuleLine) -> Shape:
    shapes = loader.bindings.get(node.pattern)
    if shapes is not None:
        depends = loader.depends[node.pattern]
        found = shapes.get(tuple([node.values[hole] for hole in depends]) if depends else ())
        if found:
            return found
    binding = bind(node.pattern, node.values, loader.family)
    return _remember(loader, node, binding)


def _remember(loader: _Loader, node: RuleLine, binding: Binding) -> Shape:
    # the union of what was looked at: one rule of a pattern may load a match that another does not
    depends = tuple(sorted({*loader.depends.get(node.pattern, ()), *binding.depends}))
    if depends != loader.depends.get(node.pattern):
        loader.bindings[node.pattern] = {}
        loader.depends[node.pattern] = depends
    key = tuple([node.values[hole] for hole in depends])
    loader.bindings[node.pattern][key] = binding.shape
    plain = None if depends else _plain(binding.shape, loader.family)
    if plain:
        loader.plain[node.pattern] = plain
    return binding.shape


def _text(node: RuleLine, operand: int | str) -> str:
    return operand if isinstance(operand, str) else node.values[operand]


def _table(name: str, loader: _Loader) -> Table:
    chains = {
        chain: Chain(chain, made.policy, made.line, tuple(made.rules)) for chain, made in loader.tables[name].items()
    }
    return Table(name, loader.lines.get(name), chains)


def unparsed(document: Document[Node]) -> Iterator[tuple[Line[Node], Unparsed]]:
    """The lines that restore's reader refuses."""
    for line in document.lines:
        if isinstance(line.node, Unparsed):
            yield line, line.node
