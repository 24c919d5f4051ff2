"""reach/never-matches"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ruleset_lint.lint import Finding, Severity, at_rule, rule
from ruleset_lint.model.ruleset import Ruleset

from . import _shared
from ._shared import Dead, Why

_NOTES = {
    Why.WAY: "sends packets to its chain",
    Why.UNTRACKED: "untracks them",
    Why.CHANGED: "changes them",
}


@rule(
    Severity.WARNING,
    yields_to=(
        "conntrack/empty-intersection",
        "conntrack/state-in-raw",
        "notrack/nat-conflict",
        "syntax/full-range-negated",
    ),
)
def never_matches(ruleset: Ruleset) -> Iterator[Finding]:
    """No packet there can be meets the rule's conditions

    ## What it does
    Fires if a rule's conditions exclude each other; if no packet of the built-in chains that lead to the rule meets
    them (`-o eth0` in a chain that INPUT alone calls, where no packet has an interface to leave by); if none that is
    sent to its chain does; if raw has untracked all packets that it asks for and it asks for another state; if rules
    before it change what it asks for; and if it names an interface as the kernel names none. `! -o eth0` and `-o +`
    match everything there: silent.

    ## Why is this bad?
    The rule does nothing, and nobody is told.

    ## Example
    ```
    *filter
    :routed - [0:0]
    -A INPUT -i eth0 -j routed
    -A routed -o eth1 -p tcp -m tcp --dport 22 -j DROP
    COMMIT
    ```

    ## Use instead
    ```
    *filter
    :routed - [0:0]
    -A FORWARD -i eth0 -j routed
    -A routed -o eth1 -p tcp -m tcp --dport 22 -j DROP
    COMMIT
    ```

    ## Fix safety
    Safe where it is proven that no packet notices. Unsafe where the proof takes too long; what its author wanted may be
    lost with it. Manual where raw untracks the packets that it asks for, where it is the last rule that keeps
    connection tracking on, or where other lines of the file mean it by its number.

    ## Since
    All releases.

    ## Source
    ip_packet_match in net/ipv4/netfilter/ip_tables.c; nf_hook_state, whose `in` or `out` is not set in each hook;
    dev_valid_name in net/core/dev.c. Measured on kernel 6.18 with iptables 1.8.9 (nft and legacy).
    """
    for first, *more in _causes(ruleset):
        dead = [first.rule, *(found.rule for found in more)]
        others = _shared.places(ruleset, dead[1:], "nor does this")
        yield Finding(
            at_rule(ruleset, first.rule, "never matches"),
            f"{_reason(ruleset, first)}{_shared.and_others(len(more))}",
            (*_shared.places(ruleset, first.because, _NOTES.get(first.why, "")), *others),
            fix=_shared.fix_of_untracked() if first.why is Why.UNTRACKED else _shared.without(ruleset, dead),
        )


def _causes(ruleset: Ruleset) -> Iterator[Sequence[Dead]]:
    """Rules of a chain that are dead for the same reason."""
    found: dict[tuple[object, ...], list[Dead]] = {}
    for dead in _shared.dead_rules(ruleset):
        if dead.why is not Why.TAKEN:
            alone = dead.rule.number if dead.why is Why.CONDITIONS else 0
            key = (dead.rule.table, dead.rule.chain, dead.why, dead.conditions, dead.because, alone)
            found.setdefault(key, []).append(dead)
    yield from found.values()


def _reason(ruleset: Ruleset, dead: Dead) -> str:
    conditions = " and ".join(f"`{text}`" for text in dead.conditions) or "all conditions of this rule"
    match dead.why:
        case Why.CONDITIONS:
            alone = len(dead.conditions) == 1
            return f"no packet is {conditions}" if alone else f"no packet meets {conditions} at once"
        case Why.HOOK:
            hooks = sorted(ruleset.tables[dead.rule.table].hooks[dead.rule.chain])
            return f"no packet of {' or '.join(hooks)} in {dead.rule.table} meets {conditions}"
        case Why.WAY:
            return f"no packet that is sent to chain {dead.rule.chain} meets {conditions}"
        case Why.UNTRACKED:
            return "raw untracks all packets that this rule asks for, and it asks for another state"
        case Why.CHANGED:
            return "rules before it change what this rule asks for: no packet that comes here meets its conditions"
        case _:
            return "no interface can have the name that this rule asks for"
