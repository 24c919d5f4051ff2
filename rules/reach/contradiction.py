"""reach/contradiction"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Fix, Safety, Severity, at_rule, rule
from ruleset_lint.model.ruleset import Ruleset

from . import _shared


@rule(Severity.WARNING, yields_to=("notrack/late",))
def contradiction(ruleset: Ruleset) -> Iterator[Finding]:
    """Two rules ask for the same packets and decide otherwise, so that the later one never counts

    ## What it does
    Looks for a rule that no packet reaches because one rule before it takes exactly the same packets, and does
    something else with them.

    ## Why is this bad?
    One of the two was meant: most often the later one, which somebody added at the end of the file to change what the
    earlier one says, and which never gets a packet.

    ## Example
    ```
    *filter
    -A INPUT -p tcp -m tcp --dport 23 -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 25 -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 23 -j DROP
    COMMIT
    ```

    ## Use instead
    ```
    *filter
    -A INPUT -p tcp -m tcp --dport 25 -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 23 -j DROP
    COMMIT
    ```

    ## Fix safety
    Manual: which of the two is meant is the author's to say.

    ## Since
    All releases.

    ## Source
    ipt_do_table in net/ipv4/netfilter/ip_tables.c, nft_do_chain in net/netfilter/nf_tables_core.c: the first rule that
    decides ends the way. Measured on kernel 6.18 with iptables 1.8.9 (nft and legacy).
    """
    for dead in _shared.dead_rules(ruleset):
        if dead.contrary:
            earlier = dead.takers[0].rule
            yield Finding(
                at_rule(ruleset, dead.rule, "never reached"),
                f"line {earlier.number} decides otherwise about the same packets, and comes first",
                (at_rule(ruleset, earlier, "this decides"),),
                fix=Fix("take out the one that is not meant", safety=Safety.MANUAL),
            )
