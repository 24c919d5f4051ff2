"""From a document to a ruleset: runs its commands in order, as restore does. Knows no host."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module

from ruleset_lint.model.appending import append_all
from ruleset_lint.model.blocks import Block, blocks, looks_like_fragment
from ruleset_lint.model.loader import ChainSoFar, Loader, Whole, chains_of, declare, open_table, shape_of
from ruleset_lint.model.rule import Home, Rule
from ruleset_lint.model.ruleset import Fault, Ruleset, Table, chain_of
from ruleset_lint.model.sameness import may_be_same
from ruleset_lint.model.shape import Shape, Use, is_skipped
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS, is_builtin
from ruleset_lint.netfilter.targets import misspelt_target, targets_of_others
from ruleset_lint.netfilter.values import number as read_number
from ruleset_lint.syntax.document import Document, Line, Unparsed
from ruleset_lint.syntax.iptables_save import words
from ruleset_lint.syntax.nodes import ChainLine, Node, RuleLine


def load(document: Document[Node], family: int = 4, *, fragment: bool | None = None) -> Ruleset:
    """The ruleset that a document makes; `fragment` None finds out from what it holds."""
    found = tuple(blocks(document))
    is_fragment = looks_like_fragment(found) if fragment is None else fragment
    loader = Loader(family, is_fragment)
    for block in found:
        home = Home(document, block.table, family)
        open_table(loader, block)
        if not append_all(loader, home, block):
            _run_all(loader, home, block)
    tables = {name: _table(name, loader, document) for name in loader.tables}
    rules = (table.rules for table in tables.values())
    return Ruleset(
        document,
        family,
        is_fragment,
        found,
        tables,
        tuple(itertools.chain.from_iterable(rules)),
        tuple(loader.commands),
        tuple(loader.faults),
    )


def _run_all(loader: Loader, home: Home, block: Block) -> None:
    """Run the lines of a block one by one."""
    loader.begun.add(block.table)
    chains, declared = chains_of(loader, block.table), iter(block.declared)
    for number, node in enumerate(block.nodes, block.start + 1):
        if isinstance(node, RuleLine):
            _run(loader, home, node, number)
        elif isinstance(node, ChainLine):
            declare(chains, block.table, *next(declared))


def _run(loader: Loader, home: Home, node: RuleLine, number: int) -> None:
    shape = shape_of(loader, node)
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


def _run_command(loader: Loader, rule: Rule, command: Use, operands: list[str]) -> None:
    chains = loader.tables[rule.table]
    name = command.option.name
    if name == "-N":
        before = chains[rule.chain].rules if rule.chain in chains else []
        chains[rule.chain] = ChainSoFar(rule.chain, "-", rule.number, before)
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


def _want_chain(loader: Loader, rule: Rule, item: int, name: str) -> None:
    """Note that a chain is not there, where it could not be there by other means than this file."""
    found = loader.tables[rule.table].get(name)
    if item > 1 and is_builtin(rule.table, name) and rule.shape.jump and rule.shape.jump.item + 1 == item:
        loader.faults.append(Fault(rule.line, item, f"{name} is a built-in chain: no rule can jump to it"))
    elif (found is None or not found.declared) and not loader.fragment and rule.table in BUILTIN_CHAINS:
        loader.faults.append(Fault(rule.line, item, f"chain {name} is not declared before this line", name))


def _change_rules(loader: Loader, rule: Rule, command: Use, number: str) -> None:
    chains = loader.tables[rule.table]
    name = command.option.name
    if rule.shape.jump and rule.jump is not None and not _is_foreign(rule.shape, rule.jump):
        _want_chain(loader, rule, rule.shape.jump.item + 1, rule.jump)
    if rule.chain not in chains and (loader.fragment or name == "-A"):
        # declared elsewhere, or a mistake that a rule reports
        chains[rule.chain] = ChainSoFar(rule.chain, "-", declared=False)
    rules = chains[rule.chain].rules if rule.chain in chains else []
    found = read_number(number)
    index = None if found is None else found - 1
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
    """Whether what a rule jumps to is a target of others: a known one, or one with options and no name like ours."""
    return bool(targets_of_others((target,))) or (bool(shape.unclaimed) and misspelt_target(target) is None)


def _delete(rules: list[Rule], rule: Rule, index: int | None) -> None:
    if index is None:
        index = next((i for i, other in enumerate(rules) if _is_same(rule, other)), len(rules))
    if 0 <= index < len(rules):
        del rules[index]


def _is_same(rule: Rule, other: Rule) -> bool:
    """Whether `-D` means the other rule: in its words, or as both are printed once loaded."""
    if _specification(rule) == _specification(other):
        return True
    if not may_be_same(rule, other):
        return False
    normal = import_module("ruleset_lint.model.normal")  # large, and few rulesets delete
    try:
        return bool(normal.normal_bodies(rule, "nft") == normal.normal_bodies(other, "nft"))
    except normal.NoNormalFormError:
        return False


def _specification(rule: Rule) -> list[str]:
    node = rule.line.node
    return words(node)[2:] if isinstance(node, RuleLine) else []


def _text(node: RuleLine, operand: int | str) -> str:
    return operand if isinstance(operand, str) else node.values[operand]


def _table(name: str, loader: Loader, document: Document[Node]) -> Table:
    line = loader.lines.get(name)
    if name in loader.whole:
        return _whole_table(name, line, loader.whole[name], document)
    made = loader.tables[name]
    fields = ((chain, one.policy, tuple(one.rules), document, one.number) for chain, one in made.items())
    return Table(name, line, dict(zip(made, map(chain_of, fields), strict=True)))


def _whole_table(name: str, line: Line[Node] | None, made: Whole, document: Document[Node]) -> Table:
    numbers, policies = made.numbers, itertools.chain(made.policies.values(), itertools.repeat("-"))
    fields = zip(numbers, policies, map(tuple, made.rules), itertools.repeat(document), numbers.values(), strict=False)
    return Table(name, line, dict(zip(numbers, map(chain_of, fields), strict=True)), made.calls)


def unparsed(document: Document[Node]) -> Iterator[tuple[Line[Node], Unparsed]]:
    """The lines that restore's reader refuses."""
    for line in document.lines:
        if isinstance(line.node, Unparsed):
            yield line, line.node
