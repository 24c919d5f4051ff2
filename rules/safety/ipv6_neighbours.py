"""safety/ipv6-neighbours"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Fix, Safety, Severity, rule
from ruleset_lint.model.ruleset import Ruleset

from . import _icmp, _shared

_DISCOVERY = (
    _icmp.Message(135, 0, "neighbour-solicitation"),
    _icmp.Message(136, 0, "neighbour-advertisement"),
)


@rule(Severity.ERROR)
def ipv6_neighbours(ruleset: Ruleset) -> Iterator[Finding]:
    """ip6tables drops neighbour discovery, without which there is no IPv6 at all

    ## What it does
    Looks whether INPUT and OUTPUT may accept neighbour solicitations and advertisements (ICMPv6 types 135 and 136,
    which are UNTRACKED), where they accept TCP from and to outside. A chain that accepts nothing means it.

    ## Why is this bad?
    Neighbour discovery is the ARP of IPv6, and unlike ARP it passes the filter. Without it no neighbour, and so no
    router, can be found: neither do answers leave nor requests come in.

    ## Example
    ```
    :INPUT DROP [0:0]
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
    ```

    ## Use instead
    ```
    :INPUT DROP [0:0]
    -A INPUT -p ipv6-icmp -j ACCEPT
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
    ```

    ## Fix safety
    Unsafe: packets are accepted that are dropped today.

    ## Since
    Every kernel with ip6tables.

    ## Source
    RFC 4890, 4.4.1; nf_conntrack_proto_icmpv6.c (`noct_valid_new`): discovery is never tracked. Measured with iptables
    1.8.9, kernel 6.18: no connection over a link whose INPUT drops them; where only advertisements are dropped, those
    come about that the neighbour begins, who says himself where he is.
    """
    if ruleset.family != 6:
        return
    for hook in ("INPUT", "OUTPUT"):
        if not _shared.filters(ruleset, hook) or not _shared.accepts_data(ruleset, hook):
            continue
        lost = [one for one in _DISCOVERY if _icmp.refused(ruleset, hook, one, "UNTRACKED")]
        if lost and _shared.loads(ruleset):
            yield _finding(ruleset, hook, lost)


def _finding(ruleset: Ruleset, hook: str, lost: list[_icmp.Message]) -> Finding:
    found = _icmp.refused(ruleset, hook, lost[0], "UNTRACKED")
    decision = _shared.refusal([found.decision] if found else [])
    names = " and ".join(one.name for one in lost)
    lines = [_icmp.accept(ruleset, hook, one) for one in lost]
    edits = _shared.put_first(ruleset, hook, *lines)
    return Finding(
        _shared.decided(ruleset, hook, decision, "drops it"),
        f"{hook} drops {names}: {_consequence(hook, lost)}",
        help=("neighbour discovery is UNTRACKED: no accept of ESTABLISHED or RELATED takes it",),
        fix=Fix(f"add `{'`, `'.join(lines)}`", edits, Safety.UNSAFE if edits else Safety.MANUAL),
    )


def _consequence(hook: str, lost: list[_icmp.Message]) -> str:
    """Who does not find whom: solicitations ask for somebody, advertisements answer."""
    if len(lost) == len(_DISCOVERY):
        return "no neighbour is found, no IPv6 packet gets through"
    asked_for = (lost[0] == _DISCOVERY[0]) is (hook == "INPUT")
    return "no neighbour finds this machine" if asked_for else "this machine finds no neighbour, and no router"
