"""What restore refuses about chain lines and commands, whatever the other lines are. Knows one line at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from operator import itemgetter

from ruleset_lint.model.blocks import Block
from ruleset_lint.model.combination import LEGACY, NFT, out_of_place
from ruleset_lint.model.reading import unusual_names, why_not
from ruleset_lint.model.refusal import Kind, Refusal
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.shape import Shape
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS, is_builtin
from ruleset_lint.netfilter.name_values import chain
from ruleset_lint.netfilter.targets import TARGETS
from ruleset_lint.syntax.document import Line
from ruleset_lint.syntax.nodes import ChainLine, Node

_name: Callable[[tuple[str, str, int]], str] = itemgetter(0)
_VERDICTS = frozenset({"ACCEPT", "DROP", "QUEUE", "RETURN"})


@lru_cache(maxsize=8)
def strange_names(block: Block) -> AbstractSet[str]:
    """Names of chains to look at one by one: all but those that are right beyond doubt."""
    return unusual_names(map(_name, block.declared))


def chain_lines(block: Block) -> Iterator[Refusal]:
    """What is refused about the chain lines of a table."""
    declared = block.declared
    names = set(map(_name, declared))
    odd = strange_names(block) | (names & _VERDICTS)
    for name, policy, number in declared if odd else [line for line in declared if line[1] != "-"]:
        if policy != "-" or name in odd:
            yield from _chain_line(block.table, block.document.lines[number - 1])
    if len(names) < len(declared):
        yield from _declared_twice(block)


def _declared_twice(block: Block) -> Iterator[Refusal]:
    seen: set[str] = set()
    for name, _, number in block.declared:
        if name in seen and not is_builtin(block.table, name):
            line = block.document.lines[number - 1]
            yield Refusal(line, 0, f"chain {name} is there already", Kind.ORDER, LEGACY)
        seen.add(name)


def about_commands(shape: Shape, rules: Sequence[Rule]) -> Iterator[Refusal]:
    """What is refused about commands: options that do not go with them, names and policies."""
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
    elif name == "-R":
        yield from (
            Refusal(rule.line, first, "a rule with one source and one destination expected", Kind.TOGETHER)
            for rule in rules
            if _is_several(rule)
        )
    elif name == "-P" and len(command.operands) > 1:
        for rule in rules:
            yield from _policy_command(rule, first, rule.text(command.operands[1]))


def _new_name(name: str) -> Iterator[str]:
    if name in TARGETS:
        yield f"{name} is the name of a target"
    if name.startswith(("-", "!")):
        yield f"name of a chain begins with {name[0]}"
    if re.search(r"\s", name):
        yield "name of a chain without blanks expected"


def _is_several(rule: Rule) -> bool:
    uses = (rule.shape.parameter(option) for option in ("-s", "-d"))
    return any("," in rule.text(use.operands[0]) for use in uses if use and use.operands)


def _policy_command(rule: Rule, first: int, policy: str) -> Iterator[Refusal]:
    if not is_builtin(rule.table, rule.chain):
        if rule.table in BUILTIN_CHAINS:
            yield Refusal(rule.line, first, "only a built-in chain has a policy", Kind.CHAIN)
    elif policy not in ("ACCEPT", "DROP"):
        yield Refusal(rule.line, first + 1, "policy ACCEPT or DROP expected", Kind.CHAIN)
    elif rule.table == "nat" and policy == "DROP":
        yield Refusal(rule.line, first + 1, "the nat table is not for dropping packets", Kind.NAT_POLICY)


def _chain_line(table: str, line: Line[Node]) -> Iterator[Refusal]:
    node = line.node
    if not isinstance(node, ChainLine):
        return
    if is_builtin(table, node.name):
        if node.policy not in ("ACCEPT", "DROP", "-"):
            yield Refusal(line, 1, "policy ACCEPT or DROP expected", Kind.CHAIN)
        return
    if error := why_not(chain, node.name, 4):
        yield Refusal(line, 0, str(error), Kind.LIMIT)
    if node.name in _VERDICTS:
        yield Refusal(line, 0, f"{node.name} is the name of a target", Kind.CHAIN)
    if node.name.startswith(("-", "!")):
        yield Refusal(line, 0, f"name of a chain begins with {node.name[0]}", Kind.CHAIN, NFT)
    if node.policy != "-" and table in BUILTIN_CHAINS:
        yield Refusal(line, 1, "a chain of one's own has no policy, - expected", Kind.CHAIN, LEGACY)
