"""reach/unused-chain"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ruleset_lint.lint import Edit, Finding, Fix, Place, Safety, Severity, at_line, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Chain, Ruleset, Table
from ruleset_lint.model.tracking import tracks
from ruleset_lint.netfilter.foreign import owner_of
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS, is_builtin

from . import _shared

_MOST = 20  # findings of a table; more chains are told together


@rule(Severity.INFO)
def unused_chain(ruleset: Ruleset) -> Iterator[Finding]:
    """No built-in chain leads to the chain

    ## What it does
    Follows the jumps from the built-in chains, and names the chains that have rules and are not met. Chains that other
    programs make and call while they run (fail2ban, Docker, kube-proxy and others) are left alone, and so are chains
    without rules.

    ## Why is this bad?
    The rules of the chain do nothing for any packet. A rule among them that needs connection tracking turns it on all
    the same; if it is the last one, all packets are tracked for nothing, and that is a warning.

    ## Example
    ```
    *filter
    :web - [0:0]
    :old-web - [0:0]
    -A INPUT -j web
    -A web -p tcp -m tcp --dport 443 -j ACCEPT
    -A old-web -p tcp -m tcp --dport 80 -j ACCEPT
    COMMIT
    ```

    ## Use instead
    ```
    *filter
    :web - [0:0]
    -A INPUT -j web
    -A web -p tcp -m tcp --dport 443 -j ACCEPT
    COMMIT
    ```

    ## Fix safety
    Unsafe: no packet notices, but what somebody keeps there for later is gone. Manual where the chain has the last
    rule that keeps connection tracking on.

    ## Since
    All releases.

    ## Source
    ipt_do_table in net/ipv4/netfilter/ip_tables.c starts at the built-in chains only. For connection tracking:
    nf_ct_netns_get is called when a rule is loaded, wherever it stands (measured on kernel 6.18 with iptables 1.8.9).
    """
    reached = {name: _reached(table) for name, table in ruleset.tables.items()}
    if not any(_unused(table, reached[name]) for name, table in ruleset.tables.items()):
        return
    if not _shared.is_judged(ruleset):
        return
    last = _keeps_tracking_on(ruleset, reached)
    for name, table in ruleset.tables.items():
        roots = list(_roots(table, _unused(table, reached[name])))
        together = [[chain for root in roots for chain in root]] if len(roots) > _MOST else roots
        yield from (_finding(ruleset, chains, last) for chains in together)


def _reached(table: Table) -> frozenset[str]:
    """The chains to which a built-in chain leads."""
    hooks = BUILTIN_CHAINS.get(table.name, ())
    return frozenset(name for hook in hooks for name in table.reached_from(hook))


def _unused(table: Table, reached: frozenset[str]) -> dict[str, Chain]:
    """The chains with rules that are not reached, and are the administrator's."""
    return {
        name: chain
        for name, chain in table.chains.items()
        if name not in reached and chain.rules and not is_builtin(table.name, name) and not owner_of(name)
    }


def _roots(table: Table, unused: dict[str, Chain]) -> Iterator[list[Chain]]:
    """Each unused chain that no other one calls, with those below it; of chains in a circle the first."""
    called = {callee for name in unused for callee in table.callees[name] if callee != name}
    left = dict.fromkeys(sorted(unused, key=lambda name: name in called))
    while left:
        below = [name for name in table.reached_from(next(iter(left))) if name in left]
        for name in below:
            del left[name]
        yield [unused[name] for name in below]


def _keeps_tracking_on(ruleset: Ruleset, reached: Mapping[str, frozenset[str]]) -> frozenset[Rule]:
    """The rules that need connection tracking, if all of them are in chains that are not reached."""
    found = frozenset(ruleset.where(tracks))
    return frozenset() if any(one.chain in reached[one.table] for one in found) else found


def _finding(ruleset: Ruleset, chains: Sequence[Chain], last: frozenset[Rule]) -> Finding:
    first, *more = chains
    rules = [made for chain in chains for made in chain.rules]
    tracking = [made for made in rules if made in last]
    others = "" if not more else " and 1 other" if len(more) == 1 else f" and {len(more)} others"
    keeps = ", and only its rules keep connection tracking on" if tracking else ""
    return Finding(
        _place(ruleset, first, "never called"),
        f"no built-in chain of {rules[0].table} leads to chain {first.name}{others}{keeps}",
        (
            *(_place(ruleset, chain, "nor this one") for chain in more[: _shared.MOST_PLACES]),
            *_shared.places(ruleset, tracking, "keeps connection tracking on"),
        ),
        fix=_fix(ruleset, chains, rules, by_hand=bool(tracking)),
        severity=Severity.WARNING if tracking else None,
    )


def _place(ruleset: Ruleset, chain: Chain, note: str) -> Place:
    if chain.line is None:
        return at_rule(ruleset, chain.rules[0], note)
    return at_line(ruleset.document, chain.line, note)


def _fix(ruleset: Ruleset, chains: Sequence[Chain], rules: Sequence[Rule], *, by_hand: bool) -> Fix:
    title = "take the chain out" if len(chains) == 1 else f"take the {len(chains)} chains out"
    if by_hand or not _shared.can_edit(ruleset):
        return Fix(title, safety=Safety.MANUAL)
    spans = [chain.line.span for chain in chains if chain.line] + [made.line.span for made in rules]
    return Fix(title, tuple(Edit(span, "") for span in spans), Safety.UNSAFE)
