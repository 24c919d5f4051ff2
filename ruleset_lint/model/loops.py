"""Chain loops: jumps that lead from a built-in chain in a circle, which the kernel refuses. Knows no values."""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.model.depth import is_shallow
from ruleset_lint.model.ruleset import Table
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS


def loops(table: Table) -> Iterator[tuple[str, ...]]:
    """The circles that a walk from the built-in chains closes, each as the chains on it in order.

    A walk meets each chain once, so circles that share a chain may be told as one.
    """
    done: set[str] = set()
    for hook in () if is_shallow(table) else BUILTIN_CHAINS.get(table.name, ()):
        if hook in table.chains and hook not in done:
            yield from _circles(table, hook, done)


def _circles(table: Table, start: str, done: set[str]) -> Iterator[tuple[str, ...]]:
    path = {start: 0}  # chains on the way, in order
    waiting = [iter(table.callees[start])]
    while waiting:
        called = next(waiting[-1], None)
        if called is None:
            waiting.pop()
            done.add(path.popitem()[0])
        elif called in path:
            yield tuple(path)[path[called] :]
        elif called not in done and table.callees[called]:
            path[called] = len(path)
            waiting.append(iter(table.callees[called]))
