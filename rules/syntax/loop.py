"""syntax/loop"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from ruleset_lint.lint import Finding, Place, Severity, rule
from ruleset_lint.model.loops import loops
from ruleset_lint.model.mending import mended
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset, Table

from . import _shared

_MOST = 10  # circles of a table that are told
_LONGEST = 8  # chains of a circle that are named


@rule(Severity.ERROR)
def loop(ruleset: Ruleset) -> Iterator[Finding]:
    """Chains call each other in a circle

    ## What it does
    Follows the jumps from the built-in chains and looks for one that leads back to a chain on the way.

    ## Why is this bad?
    The kernel refuses the table: a packet in the circle would never leave it. `iptables-restore --test` does not
    notice, so the file fails when it is loaded. A circle that no built-in chain reaches is loaded, and does nothing.

    ## Example
    ```
    *filter
    :services - [0:0]
    :web - [0:0]
    -A INPUT -j services
    -A services -j web
    -A web -j services
    COMMIT
    ```

    ## Use instead
    ```
    *filter
    :services - [0:0]
    :web - [0:0]
    -A INPUT -j services
    -A services -j web
    -A web -j RETURN
    COMMIT
    ```

    ## Fix safety
    No fix: which of the jumps is wrong is the author's to say.

    ## Since
    All releases.

    ## Source
    mark_source_chains in net/ipv4/netfilter/ip_tables.c (ELOOP), nft_chain_validate in nf_tables_api.c (EMLINK);
    measured on kernel 6.18 with iptables 1.8.9 (nft and legacy).
    """
    for table in mended(ruleset).ruleset.tables.values():
        for circle in islice(loops(table), _MOST):
            *way, last = [_jump(table, circle[at], circle[(at + 1) % len(circle)]) for at in range(len(circle))]
            names = [_shared.shown(name) for name in (*circle, circle[0])]
            if len(names) > _LONGEST:
                names[_LONGEST - 2 : -1] = ["…"]
            yield Finding(
                _at(ruleset, last, "leads back"),
                f"chains of the {table.name} table call each other in a circle: {' > '.join(names)}",
                tuple(
                    _at(ruleset, step, f"{_shared.shown(step.chain)} calls the next") for step in way[: _shared.RELATED]
                ),
                help=("the kernel refuses the table",),
            )


def _jump(table: Table, chain: str, called: str) -> Rule:
    return next(found for found in table.chains[chain].rules if found.shape.jump and found.jump == called)


def _at(ruleset: Ruleset, step: Rule, note: str) -> Place:
    return _shared.at(ruleset, step.line.number, note=note)
