"""conntrack/ipv6-on-el5"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Fix, Safety, Severity, at_rule, judge, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.profiles import Profile

from . import _shared


@rule(Severity.ERROR)
def ipv6_on_el5(ruleset: Ruleset, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """An ip6tables rule asks for a state on EL5, which does not track IPv6

    ## What it does
    Looks for state tests in IPv6 rulesets where the release is EL5.

    ## Why is this bad?
    The rule loads, and every packet is INVALID. What accepts ESTABLISHED never matches: answers to the host's own
    connections are dropped, and so is everything if a rule drops INVALID.

    ## Example
    ```
    -A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
    ```

    ## Use instead
    ```
    -A INPUT -p tcp -m tcp ! --syn -j ACCEPT
    -A INPUT -p udp -m udp --dport 32768:61000 -j ACCEPT
    ```

    ## Fix safety
    Manual: without states other packets are let in.

    ## Since
    EL5 (Linux 2.6.18). From EL6 on IPv6 is tracked.

    ## Source
    The configuration of kernel-2.6.18-398.el5 (CONFIG_IP_NF_CONNTRACK, for IPv4 alone; CONFIG_NF_CONNTRACK is not set)
    and net/netfilter/xt_state.c, where a packet without an entry is INVALID.
    """
    judgement = judge(profiles, lambda profile: not profile.v6_tracking) if ruleset.family == 6 else None
    found = list(ruleset.where(_shared.is_state_test)) if judgement else []
    if judgement and found:
        where = judgement.where or "on " + ", ".join(profile.title for profile in judgement.holds)
        yield Finding(
            at_rule(ruleset, found[0], _effect(found[0])),
            f"{where} every IPv6 packet is INVALID: no other state ever matches",
            related=tuple(at_rule(ruleset, other, _effect(other)) for other in found[1:20]),
            fix=Fix("decide by ports and TCP flags", safety=Safety.MANUAL),
            confidence=judgement.confidence,
        )


def _effect(made: Rule) -> str:
    passing = _shared.statuses(made)
    return "matches whatever the packet is" if frozenset({"INVALID"}) in passing else "never matches"
