"""reach/dead-jump"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Fix, Safety, Severity, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset

from . import _shared

_BY_HAND = Fix("take the rule out, if nothing fills the chain while it runs", safety=Safety.MANUAL)


@rule(Severity.INFO)
def dead_jump(ruleset: Ruleset) -> Iterator[Finding]:
    """Nothing in the chain that is called decides about the packets that are sent there, or changes them

    ## What it does
    Fires for a jump from which all packets come back as they were: the chain, with all chains that it calls, has no
    rule that matches one of them, not even one that only logs or counts. Chains that other programs fill while they
    run (fail2ban, Docker, kube-proxy and others) are left alone, and so are rulesets with more than two chains that are
    called and empty: a program made them, and keeps the places for later.

    ## Why is this bad?
    The chain's name says that something is done, and nothing is. Every packet takes a way for nothing.

    ## Example
    ```
    *filter
    :blocked - [0:0]
    -A INPUT -j blocked
    -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
    COMMIT
    ```

    ## Use instead
    ```
    *filter
    -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
    COMMIT
    ```

    ## Fix safety
    Safe where it is proven that no packet notices. Unsafe where the proof takes too long. Manual where the chain is
    empty: a program that fills it later would fill one that nobody calls.

    ## Since
    All releases.

    ## Source
    ipt_do_table in net/ipv4/netfilter/ip_tables.c, nft_do_chain in net/netfilter/nf_tables_core.c: behind its last rule
    a chain returns.
    """
    called: dict[tuple[str, str], list[Rule]] = {}
    for jump in _shared.dead_jumps(ruleset):
        called.setdefault((jump.table, jump.jump or ""), []).append(jump)
    for (table, chain), jumps in called.items():
        found = ruleset.chain(table, chain)
        yield Finding(
            at_rule(ruleset, jumps[0], "comes back as it was"),
            f"chain {chain} does nothing with the packets that are sent there",
            _shared.places(ruleset, jumps[1:], "nor with these"),
            fix=_shared.without(ruleset, jumps) if found and found.rules else _BY_HAND,
        )
