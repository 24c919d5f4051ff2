"""How deep chains call one another: nf_tables follows 15 below a built-in chain. Knows no values.

nft_chain_validate in nf_tables_api.c, NFT_JUMP_STACK_SIZE; measured on kernel 6.18: -g counts as -j does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from ruleset_lint.model.ruleset import Table
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS

DEEPEST = 15  # chains of one's own, one below the other


def too_deep(table: Table) -> tuple[str, ...]:
    """The longest way from a built-in chain through chains that call each other, if it is too long; else empty.

    Calls that lead back are not followed.
    """
    if is_shallow(table):
        return ()
    longest: dict[str, tuple[int, str]] = {}  # chains below, and the next on the way
    for hook in BUILTIN_CHAINS.get(table.name, ()):
        if hook in table.chains and hook not in longest:
            _measure(table, hook, longest)
    hooks = [hook for hook in BUILTIN_CHAINS.get(table.name, ()) if hook in longest]
    deepest = max(hooks, key=lambda hook: longest[hook][0], default="")
    return tuple(_way(deepest, longest)) if deepest and longest[deepest][0] > DEEPEST else ()


@lru_cache(maxsize=8)
def is_shallow(table: Table) -> bool:
    """Whether no way from a built-in chain has more calls than nf_tables follows; then none leads in a circle."""
    return not table.is_deeper(DEEPEST)


def _measure(table: Table, start: str, longest: dict[str, tuple[int, str]]) -> None:
    path = {start: None}
    waiting = [(start, iter(table.callees[start]))]
    while waiting:
        chain, called = waiting[-1]
        name = next(called, None)
        if name is None:
            waiting.pop()
            path.popitem()
            longest[chain] = _longest_below(table.callees[chain], longest)
        elif not table.callees[name]:
            longest[name] = 0, ""
        elif name not in path and name not in longest:
            path[name] = None
            waiting.append((name, iter(table.callees[name])))


def _longest_below(callees: Sequence[str], longest: Mapping[str, tuple[int, str]]) -> tuple[int, str]:
    most, next_on_way = 0, ""
    for name in callees:
        if name in longest and longest[name][0] >= most:
            most, next_on_way = longest[name][0] + 1, name
    return most, next_on_way


def _way(start: str, longest: dict[str, tuple[int, str]]) -> list[str]:
    way = [start]
    while longest[way[-1]][1]:
        way.append(longest[way[-1]][1])
    return way
