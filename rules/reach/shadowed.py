"""reach/shadowed"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ruleset_lint.lint import Finding, Place, Severity, at_rule, rule
from ruleset_lint.model.ruleset import Ruleset

from . import _shared

if TYPE_CHECKING:
    from fractions import Fraction


@rule(Severity.WARNING, yields_to=("notrack/late", "reach/contradiction"))
def shadowed(ruleset: Ruleset) -> Iterator[Finding]:
    """Rules before it take every packet that the rule asks for

    ## What it does
    Leads all packets there can be past each rule, over all chains and jumps, and fires if none is left that the rule
    matches. It names the rules that take them, and which part each takes: two networks of half the size, port lists,
    states, interfaces, other chains count together. What cannot be told from a packet (sets, strings) is taken for
    both yes and no, and what counts (limit, recent) for another answer each time.

    ## Why is this bad?
    The rule does nothing: what it was to let in is not let in, what it was to stop is not stopped, or it repeats what
    is decided already and misleads the next reader.

    ## Example
    ```
    *filter
    -A INPUT -p tcp -m tcp --dport 1:1024 -j DROP
    -A INPUT -s 192.0.2.0/24 -p tcp -m tcp --dport 22 -j ACCEPT
    COMMIT
    ```

    ## Use instead
    ```
    *filter
    -A INPUT -s 192.0.2.0/24 -p tcp -m tcp --dport 22 -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 1:1024 -j DROP
    COMMIT
    ```

    ## Fix safety
    Safe where it is proven that no packet notices. Unsafe where the proof takes too long; what its author wanted may be
    lost with it. Manual where raw untracks the packets that it asks for, where it is the last rule that keeps
    connection tracking on, or where other lines of the file mean it by its number.

    ## Since
    All releases.

    ## Source
    ipt_do_table in net/ipv4/netfilter/ip_tables.c, nft_do_chain in net/netfilter/nf_tables_core.c: the first rule that
    decides ends the way. Measured on kernel 6.18 with iptables 1.8.9 (nft and legacy): packets as such rules ask for
    them are sent, and the rules' counters stay at 0.
    """
    for first, *more in _causes(ruleset):
        dead = [first.rule, *(found.rule for found in more)]
        yield Finding(
            at_rule(ruleset, first.rule, "never reached"),
            f"no packet reaches this rule{_shared.and_others(len(more))}: {_who(first)}",
            (
                *_takers(ruleset, first),
                *_shared.places(ruleset, first.because, "untracks packets, which are in no other state then"),
                *_shared.places(ruleset, dead[1:], "nor this one"),
            ),
            fix=_shared.fix_of_untracked() if first.because else _shared.without(ruleset, dead),
        )


def _causes(ruleset: Ruleset) -> Iterator[Sequence[_shared.Dead]]:
    """Dead rules of a chain from which the same rules take all packets."""
    found: dict[tuple[object, ...], list[_shared.Dead]] = {}
    for dead in _shared.dead_rules(ruleset):
        if dead.why is _shared.Why.TAKEN:
            names = tuple(taker.rule.number for taker in dead.takers)
            key = (dead.rule.table, dead.rule.chain, names, dead.because, dead.contrary and dead.rule.number)
            found.setdefault(key, []).append(dead)
    yield from found.values()


def _who(dead: _shared.Dead) -> str:
    takers = [taker.rule for taker in dead.takers]
    if not takers:
        return "rules before it take all that it matches"
    together = " together" if len(takers) > 1 else ""
    return f"{_shared.lines(takers)}{together} take{'s' if len(takers) == 1 else ''} all that it matches"


def _takers(ruleset: Ruleset, dead: _shared.Dead) -> Iterator[Place]:
    for taker in dead.takers[: _shared.MOST_PLACES]:
        yield at_rule(ruleset, taker.rule, f"takes {_part(taker.share, len(dead.takers))}")


def _part(share: Fraction | None, count: int) -> str:
    """`1/2 of them`; fractions that nobody reads are per cent."""
    if share is None:
        return "all of them" if count == 1 else "a part of them"
    return f"{share} of them" if share.denominator <= 64 else f"{float(share):.1%} of them"
