"""Tables as iptables-save writes them: chains, then rules that are appended. Loads all lines at once.

Knows no other command.
"""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from itertools import chain, count, repeat
from operator import itemgetter
from typing import NamedTuple, cast

from ruleset_lint.model.blocks import Block
from ruleset_lint.model.calls import Pairs
from ruleset_lint.model.loader import Loader, Whole, policy_of, shape_of
from ruleset_lint.model.rule import Home, Rule, made_of
from ruleset_lint.model.shape import Shape, is_skipped
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS
from ruleset_lint.syntax.columns import at_lines
from ruleset_lint.syntax.nodes import RuleLine

_Values = tuple[str, ...]
_first = itemgetter(0)


class _Lines(NamedTuple):
    """Rule lines in order, as columns, and the shapes that they have."""

    numbers: Sequence[int]
    shapes: Sequence[Shape]
    values: Sequence[_Values]
    different: Collection[Shape]


def append_all(loader: Loader, home: Home, block: Block) -> bool:
    """Load a block, or leave it alone and say False.

    It has to be the first of its table, and so plain that the order of its lines does not matter but for the rules of
    a chain: rules are appended only, to chains that lines before all rules declare, and call no others.
    """
    lines = _lines(loader, block)
    last = block.declaring[-1] if block.declaring else 0
    if lines is None or block.table in loader.begun or (lines.numbers and lines.numbers[0] < last):
        return False
    builtin = dict.fromkeys(BUILTIN_CHAINS.get(block.table, ()), "ACCEPT")
    numbers = dict.fromkeys(builtin, 0)
    numbers.update(zip(map(_first, block.declared), block.declaring, strict=True))
    places = dict(zip(numbers, count(), strict=False))
    try:
        chains = list(map(places.__getitem__, map(_first, lines.values)))
        calls = _calls(lines, chains, places)
    except KeyError:
        return False
    if calls is None or min(calls.callees, default=len(builtin)) < len(builtin):
        return False
    rules: list[list[Rule]] = [[] for _ in numbers]
    loader.commands += _append(home, lines, list(map(rules.__getitem__, chains)))
    loader.whole[block.table] = Whole(_policies(block, builtin), numbers, rules, calls)
    loader.begun.add(block.table)
    return True


def _policies(block: Block, before: Mapping[str, str]) -> Mapping[str, str]:
    """The policies of built-in chains once a block has declared some of them."""
    policies = dict(before)
    for name, said, _ in [line for line in block.declared if line[0] in before]:
        policies[name] = policy_of(block.table, name, said, policies[name])
    return policies


def _append(home: Home, lines: _Lines, chains: Sequence[list[Rule]]) -> Sequence[Rule]:
    """Make the rules, and put each at the end of its chain."""
    names = map(_first, lines.values)
    rules = list(map(made_of, zip(lines.shapes, lines.values, lines.numbers, names, repeat(home), strict=False)))
    deque(map(list.append, chains, rules), maxlen=0)
    return rules


def _lines(loader: Loader, block: Block) -> _Lines | None:
    """The rules of a block; None if a shape does more than append to the chain that its first value names."""
    nodes = block.document.nodes
    shapes: dict[object, Shape] = {}
    counted: set[object] = set()
    found = list(block.commands())
    for form, some in found:
        node = cast("RuleLine", nodes[some[0] - 1])
        shapes[form] = shape_of(loader, node)
        if loader.depends[node.pattern] or not _appends(shapes[form], loader.family):
            return None
        counted.update({form} if node.counters else ())
    numbers = _in_order([some for _, some in found])
    forms = at_lines(numbers, nodes.forms)
    values = cast("Sequence[_Values]", at_lines(numbers, nodes.values))
    if counted:  # packets and bytes come before the values
        values = [each[2:] if form in counted else each for form, each in zip(forms, values, strict=True)]
    return _Lines(numbers, list(map(shapes.__getitem__, forms)), values, shapes.values())


def _in_order(found: Sequence[Sequence[int]]) -> Sequence[int]:
    """Numbers of which each part is in order, all in order."""
    first, last = min((some[0] for some in found), default=1), max((some[-1] for some in found), default=0)
    if sum(map(len, found)) == last - first + 1:
        return range(first, last + 1)
    return sorted(chain.from_iterable(found))


def _appends(shape: Shape, family: int) -> bool:
    command = shape.command
    if command is None or command.option.name != "-A" or is_skipped(shape, family):
        return False
    return command.operands == (0,)


def _calls(lines: _Lines, chains: Sequence[int], places: Mapping[str, int]) -> Pairs | None:
    """Which chain each rule calls, if it does; None if the name of one stands in a shape.

    Raises KeyError for one that has no place.
    """
    calling = {shape: jump.operands[0] for shape in lines.different if (jump := shape.jump) and jump.operands}
    if not all(isinstance(operand, int) for operand in calling.values()):
        return None
    operands = cast("Sequence[int | None]", list(map(calling.get, lines.shapes)) if calling else ())
    callers = [caller for caller, operand in zip(chains, operands, strict=False) if operand is not None]
    pairs = zip(lines.values, operands, strict=False)
    return Pairs(callers, [places[values[operand]] for values, operand in pairs if operand is not None])
