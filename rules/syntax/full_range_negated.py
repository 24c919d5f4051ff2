"""syntax/full-range-negated"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Fix, Safety, Severity, rule
from ruleset_lint.model.rule import Rule, read
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Part, Use
from ruleset_lint.netfilter.profiles import Profile

from . import _shared

_U16, _U32 = 0xFFFF, 0xFFFFFFFF
_WHOLE = {
    ("tcp", "--sport"): _U16,
    ("tcp", "--dport"): _U16,
    ("udp", "--sport"): _U16,
    ("udp", "--dport"): _U16,
    ("esp", "--espspi"): _U32,
    ("ah", "--ahspi"): _U32,
    ("ipcomp", "--ipcompspi"): _U32,
    ("frag", "--fragid"): _U32,
    ("rt", "--rt-segsleft"): _U32,
}


@rule(Severity.ERROR)
def full_range_negated(ruleset: Ruleset, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """All ports, or all of another range, are negated: the rule is saved as one that matches all

    ## What it does
    Looks for `! --dport 0:65535` and its like: ports of tcp and udp, SPIs of esp, ah and ipcomp, `--fragid` and
    `--rt-segsleft`, where the range is the whole one.

    ## Why is this bad?
    Not any of all ports is no packet, and so the legacy backend has it. But iptables-save leaves out a range that is
    whole, and the negation with it: restored, the rule matches every packet. The nft backend leaves ports out at
    once.

    ## Example
    ```
    -A INPUT -p tcp ! --dport 0:65535 -j ACCEPT
    ```

    ## Use instead
    ```
    -A INPUT -p tcp ! --dport 1024:65535 -j ACCEPT
    ```

    ## Fix safety
    Unsafe: it takes the rule out, which matches no packet with the legacy backend, and with the nft backend every
    one.

    ## Since
    All releases.

    ## Source
    tcp_save in libxt_tcp.c, add_tcp of nft-shared.c of iptables 1.8.9 and their like; measured on kernel 6.18 with
    iptables 1.8.9 (nft and legacy).
    """
    legacy_only = all(profile.backends == ("legacy",) for profile in profiles)
    for part, use, rules in _shared.part_uses(ruleset, _is_asked):
        places = [(found, use.item + 1) for found in rules if _is_whole(found, part, use)]
        if places:
            first, *more = places
            at_once = part.name in ("tcp", "udp") and not legacy_only
            yield Finding(
                _shared.at(ruleset, first[0].line.number, first[1]),
                f"! {use.option.name} with the whole range is saved as a rule that matches all"
                + _shared.and_others(len(more)),
                _shared.related(ruleset, _shared.numbers(more), "here too"),
                help=(
                    "with the nft backend it matches every packet from the start"
                    if at_once
                    else "loaded, it matches no packet",
                    "saved and restored, it matches every packet of the protocol",
                ),
                fix=Fix("take the rule out", _shared.without_line(ruleset, _shared.numbers(places)), Safety.UNSAFE),
            )


def _is_asked(part: Part, use: Use) -> bool:
    return use.negated and (part.name, use.option.name) in _WHOLE


def _is_whole(found: Rule, part: Part, use: Use) -> bool:
    try:
        value = read(use.option.reads[0], found.text(use.operands[0]), found.family)
    except ValueError:
        return False
    whole = (0, _WHOLE[part.name, use.option.name])
    return value in (whole, (whole,))
