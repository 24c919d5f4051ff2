"""Tables as iptables-save writes them: chains, then rules that are appended. Loads all lines at once.

Knows no other command.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from operator import attrgetter, itemgetter
from typing import NamedTuple, TypeVar, cast

from ruleset_lint.model.blocks import Block
from ruleset_lint.model.loader import ChainSoFar, Loader, declare, shape_of
from ruleset_lint.model.rule import Home, made_of
from ruleset_lint.model.shape import Shape, is_skipped
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS
from ruleset_lint.syntax.nodes import RuleLine

_Values = tuple[str, ...]
_Any = TypeVar("_Any")
_first = itemgetter(0)
_name = attrgetter("name")


class _Lines(NamedTuple):
    """Rule lines in order, as columns."""

    numbers: Sequence[int]
    shapes: Sequence[Shape]
    values: Sequence[_Values]


def append_all(loader: Loader, home: Home, block: Block) -> bool:
    """Load a block, or leave it alone and say False.

    It has to be the first of its table, and so plain that the order of its lines does not matter but for the rules of
    a chain: rules are appended only, to chains that lines before all rules declare, and call no others.
    """
    lines = _lines(loader, block)
    last = block.declaring[-1] if block.declaring else 0
    is_new = len(loader.tables[block.table]) <= len(BUILTIN_CHAINS.get(block.table, ()))
    if lines is None or not is_new or (lines.numbers and lines.numbers[0] < last):
        return False
    chains = dict(loader.tables[block.table])
    for name, policy, number in block.declared:
        declare(chains, block.table, name, policy, number)
    found = list(map(chains.get, map(_first, lines.values)))
    called = _called(lines, chains)
    if None in found or called is None:
        return False
    loader.tables[block.table] = chains
    _append(loader, home, lines, cast("list[ChainSoFar]", found), called)
    return True


def _append(
    loader: Loader,
    home: Home,
    lines: _Lines,
    chains: Sequence[ChainSoFar],
    called: Iterable[ChainSoFar | None],
) -> None:
    names = map(_name, chains)
    rules = list(map(made_of, zip(lines.shapes, lines.values, lines.numbers, names, repeat(home), strict=False)))
    for chain, rule, below in zip(chains, rules, called, strict=False):
        chain.rules.append(rule)
        if below is not None:
            chain.callees[below.name] = None
    loader.commands += rules


def _lines(loader: Loader, block: Block) -> _Lines | None:
    """The rules of a block; None if a shape does more than append to the chain that its first value names."""
    nodes = block.document.nodes
    shapes: dict[object, Shape] = {}
    counted: set[object] = set()
    numbers: list[int] = []
    for form, some in block.commands():
        node = cast("RuleLine", nodes[some[0] - 1])
        shapes[form] = shape_of(loader, node)
        if loader.depends[node.pattern] or not _appends(shapes[form], loader.family):
            return None
        counted.update({form} if node.counters else ())
        numbers += some
    numbers.sort()
    forms = _at(numbers, nodes.forms)
    values = cast("Sequence[_Values]", _at(numbers, nodes.values))
    if counted:  # packets and bytes come before the values
        values = [each[2:] if form in counted else each for form, each in zip(forms, values, strict=True)]
    return _Lines(numbers, list(map(shapes.__getitem__, forms)), values)


def _at(numbers: Sequence[int], column: Sequence[_Any]) -> Sequence[_Any]:
    """What stands in a column at lines of these numbers, which begin with 1."""
    if numbers and numbers[-1] - numbers[0] == len(numbers) - 1:
        return column[numbers[0] - 1 : numbers[-1]]
    return [column[number - 1] for number in numbers]


def _appends(shape: Shape, family: int) -> bool:
    command = shape.command
    if command is None or command.option.name != "-A" or is_skipped(shape, family):
        return False
    return command.operands == (0,)


def _called(lines: _Lines, chains: Mapping[str, ChainSoFar]) -> Iterable[ChainSoFar | None] | None:
    """The chain that each rule jumps or goes to, if it does; None if a rule calls what is no chain of one's own."""
    calling = {shape: jump.operands[0] for shape in set(lines.shapes) if (jump := shape.jump) and jump.operands}
    if not calling:
        return repeat(None)
    if not all(isinstance(operand, int) for operand in calling.values()):
        return None
    operands = cast("Iterable[int | None]", map(calling.get, lines.shapes))
    names = [
        None if operand is None else values[operand] for operand, values in zip(operands, lines.values, strict=True)
    ]
    called = [None if name is None else chains.get(name) for name in names]
    is_known = called.count(None) == names.count(None)
    return called if is_known and all(chain is None or chain.policy == "-" for chain in set(called)) else None
