"""syntax/wrong-hook"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Severity, judge, rule
from ruleset_lint.model.mending import mended
from ruleset_lint.model.refusal import Kind
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.profiles import Profile

from . import _shared


@rule(Severity.ERROR)
def wrong_hook(ruleset: Ruleset, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """A match or target stands in a table or hook that refuses it

    ## What it does
    Follows each rule to the built-in chains from which it is reached, through any number of chains, and compares with
    the tables and hooks in which the kernel takes its matches, its target and their options.

    ## Why is this bad?
    iptables-restore does not load the table. `iptables-restore --test` notices little of it: most of these checks are
    the kernel's.

    ## Example
    ```
    *nat
    -A PREROUTING -o eth0 -j MASQUERADE
    COMMIT
    ```

    ## Use instead
    ```
    *nat
    -A POSTROUTING -o eth0 -j MASQUERADE
    COMMIT
    ```

    ## Fix safety
    No fix: where the rule belongs is the author's to say.

    ## Since
    All releases; the nat table has an INPUT chain from kernel 2.6.36 on, IPv6 a nat table from 3.7 on.

    ## Source
    The `table` and `hooks` fields of the modules in net/netfilter, and their checkentry functions; measured on kernel
    6.18 with iptables 1.8.9 (nft and legacy).
    """
    for cause in _shared.causes(ruleset, profiles, Kind.PLACE):
        yield _shared.told(ruleset, cause, cause.first.reason, reason="here too")
    for block in mended(ruleset).ruleset.blocks:
        if block.table == "nat" and ruleset.family == 6 and block.first:
            yield from _too_old(ruleset, profiles, block.first.number, "the nat table of IPv6", (3, 7, 0))
        for name, _, number in block.declared if block.table == "nat" and ruleset.family == 4 else ():
            if name == "INPUT":
                yield from _too_old(ruleset, profiles, number, "chain INPUT of the nat table", (2, 6, 36))


def _too_old(
    ruleset: Ruleset, profiles: tuple[Profile, ...], number: int, what: str, since: tuple[int, int, int]
) -> Iterator[Finding]:
    judgement = judge(profiles, lambda profile: profile.kernel < since)
    if judgement:
        version = ".".join(map(str, since)).removesuffix(".0")
        yield Finding(
            _shared.at(ruleset, number),
            f"{what} is there from kernel {version} on {judgement.where}".rstrip(),
            help=(_shared.NOT_LOADED,),
            confidence=judgement.confidence,
        )
