"""From a document to a ruleset: runs its commands in order, as restore does. Knows no host."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ruleset_lint.model.binding import Binding, bind
from ruleset_lint.model.blocks import Block, blocks, looks_like_fragment
from ruleset_lint.model.rule import Home, Rule
from ruleset_lint.model.ruleset import Chain, Fault, Ruleset, Table
from ruleset_lint.model.shape import Operand, Shape, Use, is_skipped
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS, is_builtin
from ruleset_lint.netfilter.targets import misspelt_target
from ruleset_lint.syntax.document import Document, Line, Unparsed
from ruleset_lint.syntax.iptables_save import words
from ruleset_lint.syntax.nodes import ChainLine, Node, RuleLine
from ruleset_lint.syntax.patterns import Pattern


@dataclass(slots=True)
class _Chain:
    policy: str
    line: Line[Node] | None = None
    rules: list[Rule] = field(default_factory=list)
    declared: bool = True


class _Simple(NamedTuple):
    """What is to be known of a shape whose rules are just appended: their chain, and the chain they jump to."""

    chain: Operand
    jump: Operand | None


@dataclass(slots=True)
class _Loader:
    """The state of restore while it reads a document."""

    family: int
    fragment: bool
    simple: dict[Shape, _Simple | Literal[False]] = field(default_factory=dict)
    bindings: dict[Pattern, dict[tuple[str, ...], Shape]] = field(default_factory=dict)
    depends: dict[Pattern, tuple[int, ...]] = field(default_factory=dict)
    tables: dict[str, dict[str, _Chain]] = field(default_factory=dict)
    lines: dict[str, Line[Node]] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
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
        tuple(loader.rules),
        tuple(itertools.chain.from_iterable(chains)),
        tuple(loader.commands),
        tuple(loader.faults),
    )


def _load_block(loader: _Loader, home: Home, block: Block) -> None:
    if block.table not in loader.tables or (block.first and not loader.fragment):
        loader.tables[block.table] = {name: _Chain("ACCEPT") for name in BUILTIN_CHAINS.get(block.table, ())}
    if block.first:
        loader.lines[block.table] = block.first
    chains = loader.tables[block.table]
    for number, node in enumerate(block.nodes, block.start + 1):
        if isinstance(node, RuleLine):
            shape = _shape(loader, node)
            chain = _plain_chain(loader, chains, shape, node)
            if chain is None:
                _run(loader, home, shape, node, number)
                continue
            rule = Rule(shape, node.values, number, chain, home)
            chains[chain].rules.append(rule)
            loader.rules.append(rule)
            loader.commands.append(rule)
        elif isinstance(node, ChainLine):
            _declare(chains, block.table, home.document.lines[number - 1], node)


def _plain_chain(loader: _Loader, chains: dict[str, _Chain], shape: Shape, node: RuleLine) -> str | None:
    """The chain of a rule that is just appended, jumping nowhere or to a declared chain; else None."""
    simple = loader.simple.get(shape)
    if simple is None:
        simple = loader.simple[shape] = _simple(shape, loader.family)
    if not simple:
        return None
    name = _text(node, simple.chain)
    chain = chains.get(name)
    if chain is None or not chain.declared:
        return None
    if simple.jump is not None:
        called = chains.get(_text(node, simple.jump))
        if called is None or not called.declared or called.policy != "-":
            return None
    return name


def _simple(shape: Shape, family: int) -> _Simple | Literal[False]:
    command = shape.command
    if command is None or command.option.name != "-A" or not command.operands or is_skipped(shape, family):
        return False
    if shape.jump and not shape.jump.operands:
        return False
    return _Simple(command.operands[0], shape.jump.operands[0] if shape.jump else None)


def _declare(chains: dict[str, _Chain], table: str, line: Line[Node], node: ChainLine) -> None:
    before = chains.get(node.name)
    builtin = is_builtin(table, node.name)
    policy = node.policy if builtin and node.policy != "-" else ("ACCEPT" if builtin else "-")
    chains[node.name] = _Chain(policy, line, before.rules if before else [])


def _run(loader: _Loader, home: Home, shape: Shape, node: RuleLine, number: int) -> None:
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
    if name in ("-A", "-I", "-R"):
        loader.rules.append(rule)
    if name == "-N":
        chains[rule.chain] = _Chain("-", rule.line, chains[rule.chain].rules if rule.chain in chains else [])
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
        chains[operands[1]] = chains.pop(rule.chain)


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
        chains[rule.chain] = _Chain("-", declared=False)
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
