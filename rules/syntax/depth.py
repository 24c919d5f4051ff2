"""syntax/depth"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from ruleset_lint.lint import Finding, Severity, rule
from ruleset_lint.model.depth import DEEPEST, too_deep
from ruleset_lint.model.mending import mended
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset, Table
from ruleset_lint.netfilter.profiles import Profile

from . import _shared


@rule(Severity.WARNING)
def depth(ruleset: Ruleset, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """Chains call each other deeper than nf_tables follows

    ## What it does
    Follows the jumps from each built-in chain and counts the longest way through chains of one's own. `-g` counts as
    `-j` does.

    ## Why is this bad?
    nf_tables takes 15 chains one below the other and refuses the rule that makes them 16, so the table is not loaded.
    The legacy backend has no such limit: the file fails when the machine moves to nft. `iptables-restore --test` does
    not notice.

    ## Example
    ```
    -A INPUT -j c1
    -A c1 -j c2
    …
    -A c15 -j c16
    ```

    ## Use instead
    ```
    -A INPUT -j c1
    -A c1 -j c2
    …
    -A c14 -j c15
    ```

    ## Fix safety
    No fix: which chains to join is the author's to say.

    ## Since
    Releases with the nft backend: EL8 and later, Debian 10 and later, Ubuntu 20.10 and later.

    ## Source
    nft_chain_validate in nf_tables_api.c, NFT_JUMP_STACK_SIZE (EMLINK); measured on kernel 6.18 with iptables 1.8.9
    (nft and legacy).
    """
    judgement = _shared.by_backend(profiles, frozenset({"nft"}))
    if not judgement:
        return
    for table in mended(ruleset).ruleset.tables.values():
        way = too_deep(table)
        if way:
            jumps = [_jump(table, chain, called) for chain, called in pairwise(way)]
            last = jumps[DEEPEST]
            yield Finding(
                _shared.at(ruleset, last.line.number),
                f"{len(way) - 1} chains of the {table.name} table below {way[0]}: the nft backend takes {DEEPEST} "
                f"{judgement.where}".rstrip(),
                tuple(
                    _shared.at(ruleset, jump.line.number, note=f"{_shared.shown(jump.chain)} calls the next")
                    for jump in jumps[: _shared.RELATED]
                ),
                help=("nf_tables refuses the table: Too many links",),
                confidence=judgement.confidence,
            )


def _jump(table: Table, chain: str, called: str) -> Rule:
    return next(found for found in table.chains[chain].rules if found.shape.jump and found.jump == called)
