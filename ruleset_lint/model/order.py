"""What restore refuses because of the lines before: chains that are there already, rules that are not there.

Runs the commands in their order. Ruleset.faults has the chains that are not there. Measured on kernel 6.18 with
iptables 1.8.9 (nft and legacy).
"""

from collections.abc import Iterator
from typing import NamedTuple

from ruleset_lint.model.combination import LEGACY
from ruleset_lint.model.refusal import Kind, Refusal
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.sameness import may_be_same
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS, is_builtin

_ASKED = frozenset({"-C", "-D", "-E", "-N", "-X"})


class _Table(NamedTuple):
    """The chains of a table so far, with their rules; `made` by -N."""

    name: str
    chains: dict[str, list[Rule]]
    made: set[str]


def out_of_order(ruleset: Ruleset) -> Iterator[Refusal]:
    """What cannot be done at the place where it stands; nothing in fragments, whose chains are made elsewhere."""
    names = {shape.command.option.name for shape in ruleset.command_shapes if shape.command}
    if ruleset.fragment or names.isdisjoint(_ASKED):
        return
    declared = {number: name for block in ruleset.blocks for name, _, number in block.declared}
    starts = {block.first.number: block.table for block in ruleset.blocks if block.first}
    commands = {command.number: command for command in ruleset.commands}
    table = _Table("", {}, set())
    for number in sorted({*declared, *starts, *commands}):
        if number in starts:
            table = _Table(starts[number], {name: [] for name in BUILTIN_CHAINS.get(starts[number], ())}, set())
        elif number in declared:
            name = declared[number]
            if name in table.made:
                line = ruleset.document.lines[number - 1]
                yield Refusal(line, 0, f"chain {name} is there already", Kind.ORDER, LEGACY)
            table.chains.setdefault(name, [])
        else:
            yield from _run(table, commands[number])


def _run(table: _Table, rule: Rule) -> Iterator[Refusal]:
    command = rule.shape.command
    if not command or rule.shape.problems:
        return
    name = command.option.name
    operands = [rule.text(operand) for operand in command.operands]
    second = operands[1] if len(operands) > 1 else ""
    rules = table.chains.get(rule.chain)
    if name in ("-N", "-X", "-E"):
        yield from _about_chain(table, rule, name, second)
    elif rules is not None and name in ("-C", "-D") and not second:
        yield from _about_rule(rule, rules, name)
    elif rules is not None:
        _change(rules, rule, name, second)
    elif name == "-F" and not operands:
        for each in table.chains.values():
            each.clear()


def _about_chain(table: _Table, rule: Rule, name: str, new: str) -> Iterator[Refusal]:
    item = rule.shape.command.item + 1 if rule.shape.command else 0
    if name == "-N":
        if rule.chain in table.chains:
            yield Refusal(rule.line, item, f"chain {rule.chain} is there already", Kind.ORDER)
        table.chains.setdefault(rule.chain, [])
        table.made.add(rule.chain)
    elif name == "-X":
        for chain in [rule.chain] if rule.chain else [one for one in table.chains if not is_builtin(table.name, one)]:
            if reason := _why_not_deleted(table, chain):
                yield Refusal(rule.line, item if rule.chain else item - 1, reason, Kind.ORDER)
                return
            table.chains.pop(chain, None)
            table.made.discard(chain)
    elif is_builtin(table.name, rule.chain):
        yield Refusal(rule.line, item, f"{rule.chain} is a built-in chain", Kind.ORDER)
    elif new in table.chains:
        yield Refusal(rule.line, item + 1, f"chain {new} is there already", Kind.ORDER)
    elif rule.chain in table.chains:
        table.chains[new] = table.chains.pop(rule.chain)


def _why_not_deleted(table: _Table, chain: str) -> str:
    if is_builtin(table.name, chain):
        return f"{chain} is a built-in chain"
    if table.chains.get(chain):
        return f"chain {chain} has rules"
    others = (rule for rules in table.chains.values() for rule in rules)
    return f"chain {chain} is still called" if any(other.jump == chain for other in others) else ""


def _about_rule(rule: Rule, rules: list[Rule], name: str) -> Iterator[Refusal]:
    index = next((index for index, other in enumerate(rules) if may_be_same(rule, other)), None)
    if index is None:
        item = rule.shape.command.item if rule.shape.command else 0
        yield Refusal(rule.line, item, f"no such rule in {rule.chain} to {_TO[name]}", Kind.ORDER)
    elif name == "-D":
        del rules[index]


_TO = {"-C": "find", "-D": "delete"}


def _change(rules: list[Rule], rule: Rule, name: str, number: str) -> None:
    index = int(number) - 1 if number.isascii() and number.isdigit() and len(number) < 10 else 0
    if name == "-A":
        rules.append(rule)
    elif name == "-I":
        rules.insert(max(index, 0), rule)
    elif name == "-F":
        rules.clear()
    elif name in ("-D", "-R") and 0 <= index < len(rules):
        rules[index : index + 1] = [rule] if name == "-R" else []
