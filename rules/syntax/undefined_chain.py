"""syntax/undefined-chain"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from itertools import islice

from ruleset_lint.lint import Edit, Finding, Fix, Safety, Severity, Span, rule
from ruleset_lint.model.blocks import Block
from ruleset_lint.model.mending import mended
from ruleset_lint.model.ruleset import Fault, Ruleset
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS
from ruleset_lint.netfilter.matches import MATCHES
from ruleset_lint.netfilter.targets import TARGETS

from . import _shared

_SUGGESTED = 20  # names in a table for which a nearest one is looked for


@rule(Severity.ERROR)
def undefined_chain(ruleset: Ruleset) -> Iterator[Finding]:
    """A rule names a chain that is not declared before it

    ## What it does
    Follows the chains that `:NAME -` and `-N` make, and looks for rules that are put into a chain, or jump to one, that
    is not there yet. Silent in fragments, whose chains are declared elsewhere.

    ## Why is this bad?
    iptables-restore stops at the rule and does not load the table. With the nft backend `iptables-restore --test` does
    not notice.

    ## Example
    ```
    *filter
    -A INPUT -j services
    COMMIT
    ```

    ## Use instead
    ```
    *filter
    :services - [0:0]
    -A INPUT -j services
    COMMIT
    ```

    ## Fix safety
    Unsafe: it declares the chain before the table's first rule, and the table, which is refused today, comes alive.

    ## Since
    All releases.

    ## Source
    iptables-restore.c of iptables 1.8.9; measured on kernel 6.18 with iptables 1.8.9 (nft and legacy).
    """
    meant = mended(ruleset).ruleset
    refused = {refusal.line.number for refusal in _shared.refused(ruleset)}
    by_line: dict[int, list[Fault]] = {}
    for fault in meant.faults:
        if fault.chain and fault.line.number not in refused:
            by_line.setdefault(fault.line.number, []).append(fault)
    for block in meant.blocks if by_line else ():
        declared = {name: number for name, _, number in block.declared}
        causes: dict[str, list[Fault]] = {}
        for line in block.lines:
            for fault in by_line.get(line.number, ()):
                causes.setdefault(fault.chain, []).append(fault)
        for number, (name, faults) in enumerate(causes.items()):
            near = _near(block, name, declared) if number < _SUGGESTED else []
            yield _finding(ruleset, block, name, faults, later=declared.get(name), near=near)


def _finding(
    ruleset: Ruleset, block: Block, name: str, faults: list[Fault], *, later: int | None, near: list[str]
) -> Finding:
    first, *more = faults
    note = "declared here, too late"
    places = _shared.related(ruleset, [later] if later else [], note) + _shared.related(
        ruleset, (fault.line.number for fault in more), "named here too"
    )
    return Finding(
        _shared.at(ruleset, first.line.number, first.item),
        f"{_fact(block, name)}{_shared.and_others(len(more))}",
        places,
        help=(*_suggestion(name, near), "the table is not loaded"),
        fix=None if later or near or _is_odd(name) else _declared(ruleset, block, name),
    )


def _fact(block: Block, name: str) -> str:
    if any(name in chains for chains in BUILTIN_CHAINS.values()):
        return f"the {block.table} table has no chain {name}"
    return f"chain {_shared.shown(name)} is not declared before this rule"


def _suggestion(name: str, near: list[str]) -> Iterator[str]:
    if name.lower() in MATCHES:
        yield f"{name} is a match: write -m {name.lower()}"
        return
    yield from (f"nearest name: {_shared.shown(word)}" for word in near)


def _near(block: Block, name: str, declared: Mapping[str, int]) -> list[str]:
    """The declared chain or the target that is spelt most like the name, if any is."""
    known = [*islice(declared, 2000), *BUILTIN_CHAINS.get(block.table, ()), *TARGETS]
    same = [word for word in known if word.lower() == name.lower()]
    return same[:1] or difflib.get_close_matches(name[:40], known, 1, 0.8)


def _is_odd(name: str) -> bool:
    """Whether declaring a chain of that name is surely not what was meant."""
    builtin = any(name.upper() in chains for chains in BUILTIN_CHAINS.values())
    known = builtin or name.upper() in TARGETS or name.lower() in MATCHES
    return known or len(name) > 28 or not name.isprintable() or " " in name


def _declared(ruleset: Ruleset, block: Block, name: str) -> Fix | None:
    if not block.first:
        return None
    start = ruleset.document.lines[block.first.number - 1].span.end
    edit = Edit(Span(start, start), f":{name} - [0:0]\n")
    return Fix(f"declare chain {_shared.shown(name)} at the top of the table", (edit,), Safety.UNSAFE)
