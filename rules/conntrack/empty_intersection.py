"""conntrack/empty-intersection"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ruleset_lint.lint import Finding, Fix, Safety, Severity, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset, Table
from ruleset_lint.model.shape import Shape

from . import _shared


class _Group(NamedTuple):
    """Rules of one chain that no packet can match, for one reason."""

    table: str
    chain: str
    comes: str  # the states of packets that come to the chain
    asks: str  # the states that the rules ask for; empty: their own tests exclude each other


@rule(Severity.ERROR)
def empty_intersection(ruleset: Ruleset) -> Iterator[Finding]:
    """State tests exclude each other, and the rule never matches

    ## What it does
    Looks for rules whose state tests no packet passes: two on one rule, or one in a chain to which all jumps ask for
    other states. SNAT and DNAT go with NEW, ESTABLISHED and RELATED, never with INVALID and UNTRACKED. Chains that
    nothing calls, and the raw table, are silent.

    ## Why is this bad?
    The rule is dead. What it should accept is dropped, what it should drop passes, and it looks as if it were done.

    ## Example
    ```
    -A INPUT -m conntrack --ctstate NEW -j SERVICES
    -A SERVICES -p tcp -m tcp --dport 22 -m conntrack --ctstate ESTABLISHED -j ACCEPT
    ```

    ## Use instead
    ```
    -A INPUT -m conntrack --ctstate NEW -j SERVICES
    -A SERVICES -p tcp -m tcp --dport 22 -j ACCEPT
    ```

    ## Fix safety
    Manual: nobody can tell which of the two was meant.

    ## Since
    Every kernel with connection tracking.

    ## Source
    conntrack_mt in net/netfilter/xt_conntrack.c: a packet has one state; the bits of SNAT and DNAT are set beside it,
    for packets that have an entry.
    """
    found: dict[_Group, list[Rule]] = {}
    for table in ruleset.tables.values():
        if table.name != "raw" and any(map(_shared.is_state_test, ruleset.by_shape)):
            for made, group in _dead(ruleset, table):
                found.setdefault(group, []).append(made)
    for group, rules in found.items():
        rules.sort(key=lambda made: made.number)
        yield _finding(ruleset, group, rules)


def _dead(ruleset: Ruleset, table: Table) -> Iterator[tuple[Rule, _Group]]:
    comes = _shared.arriving(table)
    restricted = frozenset(name for name, arrived in comes.items() if arrived != _shared.EVERY_STATUS)
    for shape, rules in ruleset.by_shape.items():
        if not _shared.is_state_test(shape) or not (restricted or _may_be_empty(shape)):
            continue
        for made in rules:
            group = _group(ruleset, comes, made) if made.table == table.name else None
            if group:
                yield made, group


def _may_be_empty(shape: Shape) -> bool:
    """Whether the tests of some rule may exclude each other: two of them, or one that is negated."""
    uses = _shared.state_uses(shape)
    return len(uses) > 1 or any(use.negated for _, use in uses)


def _group(ruleset: Ruleset, comes: Mapping[str, frozenset[_shared.Status]], made: Rule) -> _Group | None:
    arrived, asked = comes.get(made.chain, frozenset()), _shared.statuses(made)
    if not asked:
        return _Group(made.table, made.chain, "", "")
    if not arrived or arrived & asked or ruleset.fragment:  # in a fragment others may jump to the chain too
        return None
    return _Group(made.table, made.chain, _shared.names(arrived), _shared.names(asked))


def _finding(ruleset: Ruleset, group: _Group, rules: list[Rule]) -> Finding:
    what = "the rule never matches" if len(rules) == 1 else f"{len(rules)} rules never match"
    callers = ruleset.tables[group.table].callers.get(group.chain, ()) if group.asks else ()
    message = (
        f"asks for {group.asks} where only {group.comes} packets come: {what}"
        if group.asks
        else f"the state tests exclude each other: {what}"
    )
    jumps = [made for made in callers if _shared.is_state_test(made.shape)]
    return Finding(
        at_rule(ruleset, rules[0], "never matches"),
        message,
        related=(
            *_shared.places(ruleset, jumps, "lets other states through"),
            *_shared.places(ruleset, rules[1:], "never matches either"),
        ),
        fix=Fix("ask once, for the states that are meant", safety=Safety.MANUAL),
    )
