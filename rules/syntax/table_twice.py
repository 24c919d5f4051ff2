"""syntax/table-twice"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Edit, Finding, Fix, Safety, Severity, rule
from ruleset_lint.model.blocks import Block
from ruleset_lint.model.mending import mended
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS, is_builtin

from . import _shared


@rule(Severity.ERROR)
def table_twice(ruleset: Ruleset) -> Iterator[Finding]:
    """A table stands twice in the file: the second block wipes the first

    ## What it does
    Looks for a table with two blocks of which the first holds rules or chains. Silent in fragments, which are loaded
    with `--noflush`.

    ## Why is this bad?
    iptables-restore flushes a table when it begins. The rules of the first block are gone the moment the second begins,
    without a word and with exit code 0.

    ## Example
    ```
    *filter
    -A INPUT -p tcp --dport 22 -j ACCEPT
    COMMIT
    *filter
    -A INPUT -j DROP
    COMMIT
    ```

    ## Use instead
    ```
    *filter
    -A INPUT -p tcp --dport 22 -j ACCEPT
    -A INPUT -j DROP
    COMMIT
    ```

    ## Fix safety
    Unsafe: the rules of the first block come alive.

    ## Since
    All releases.

    ## Source
    iptables-restore(8), --noflush; measured on kernel 6.18 with iptables 1.8.9 (nft and legacy).
    """
    meant = mended(ruleset).ruleset
    if meant.fragment:
        return
    last: dict[str, Block] = {}
    for block in meant.blocks:
        if not block.first or block.table not in BUILTIN_CHAINS:
            continue
        before = last.get(block.table)
        if before and before.first and _holds_something(before):
            note = "begins here, and is wiped"
            yield Finding(
                _shared.at(ruleset, block.first.number),
                f"the {block.table} table begins anew: what the first block put into it is wiped",
                (_shared.at(ruleset, before.first.number, note=note),),
                help=("only the rules of the last block are live after loading, and nothing says so",),
                fix=_merged(ruleset, before, block),
            )
        last[block.table] = block


def _holds_something(block: Block) -> bool:
    return block.has_commands or bool(_own_chains(block))


def _own_chains(block: Block) -> list[str]:
    return [name for name, _, _ in block.declared if not is_builtin(block.table, name)]


def _merged(ruleset: Ruleset, before: Block, block: Block) -> Fix | None:
    """One block of two, if nothing but remarks stands between them and no chain is declared twice."""
    lines = ruleset.document.lines
    if not before.commit or not block.first:
        return None
    between = lines[before.commit.number : block.first.number - 1]
    own = [*_own_chains(before), *_own_chains(block)]
    if len(own) != len(set(own)) or any(
        ruleset.document.content(line).strip()[:1] not in ("", "#") for line in between
    ):
        return None
    numbers = (before.commit.number, block.first.number)
    edits = tuple(Edit(lines[number - 1].span, "") for number in numbers)
    return Fix("make one table of the two", edits, Safety.UNSAFE)
