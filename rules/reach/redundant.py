"""reach/redundant"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Severity, at_rule, rule
from ruleset_lint.model.ruleset import Ruleset

from . import _shared


@rule(Severity.INFO)
def redundant(ruleset: Ruleset) -> Iterator[Finding]:
    """Without the rule every packet meets the same verdict, because later rules give it

    ## What it does
    Looks for a rule whose packets, if it were not there, would meet the same verdict by rules behind it, and no other
    rule in between: none that decides otherwise, logs, counts or remembers. Rules that only say what the policy says,
    or a last rule for all packets, are not meant: a default may be spelt out.

    ## Why is this bad?
    It is not wrong. Who changes the one rule and not the other is surprised, and every packet is asked twice.

    ## Example
    ```
    *filter
    -A INPUT -s 192.0.2.7/32 -p tcp -m tcp --dport 22 -j ACCEPT
    -A INPUT -p udp -m udp --dport 53 -j ACCEPT
    -A INPUT -s 192.0.2.0/24 -p tcp -m tcp --dport 22 -j ACCEPT
    COMMIT
    ```

    ## Use instead
    ```
    *filter
    -A INPUT -p udp -m udp --dport 53 -j ACCEPT
    -A INPUT -s 192.0.2.0/24 -p tcp -m tcp --dport 22 -j ACCEPT
    COMMIT
    ```

    ## Fix safety
    Safe where it is proven that no packet notices. Unsafe where the proof takes too long; the rule's counters and what
    its author wanted to say are gone. Manual where it is the last rule that keeps connection tracking on, or where
    other lines mean it by its number.

    ## Since
    All releases.

    ## Source
    ipt_do_table in net/ipv4/netfilter/ip_tables.c, nft_do_chain in net/netfilter/nf_tables_core.c: the first rule that
    decides ends the way.
    """
    alike: dict[tuple[object, ...], list[_shared.Redundant]] = {}
    for found in _shared.redundant_rules(ruleset):
        key = tuple(other.number for other in found.others) or ("alone", found.rule.number)
        alike.setdefault((found.rule.table, found.rule.chain, key), []).append(found)
    for first, *more in alike.values():
        rules = [first.rule, *(found.rule for found in more)]
        who = _shared.lines(first.others) if first.others else "later rules"
        verb = "does" if len(first.others) == 1 else "do"
        others = _shared.and_others(len(more))
        yield Finding(
            at_rule(ruleset, first.rule, "changes nothing"),
            f"without this rule{others} all packets meet the same verdict: {who} {verb} the same",
            (
                *_shared.places(ruleset, first.others, "does the same"),
                *_shared.places(ruleset, rules[1:], "changes nothing either"),
            ),
            fix=_shared.without(ruleset, rules),
        )
