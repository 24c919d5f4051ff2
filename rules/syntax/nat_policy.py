"""syntax/nat-policy"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Severity, rule
from ruleset_lint.model.mending import mended
from ruleset_lint.model.refusal import Kind
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.tracking import tracks
from ruleset_lint.netfilter.hooks import is_builtin
from ruleset_lint.netfilter.profiles import Profile

from . import _shared

_ON_DEMAND = (4, 10, 0)  # commit 0c66dc1ea3f0: rules turn connection tracking on


@rule(Severity.ERROR)
def nat_policy(ruleset: Ruleset, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """A chain of the nat table has the policy DROP

    ## What it does
    Looks for `:CHAIN DROP` and `-P CHAIN DROP` in the nat table.

    ## Why is this bad?
    Only the first packet of a connection passes the nat table. With the chain line the file loads without a word, and
    every new connection that no rule of the chain takes is dropped; those that are open go on, so it is noticed late.
    `-P` is refused, and the table is not loaded. From kernel 4.10 on packets pass no nat table while no rule turns
    connection tracking on: there it is a warning.

    ## Example
    ```
    *nat
    :PREROUTING DROP [0:0]
    COMMIT
    ```

    ## Use instead
    ```
    *nat
    :PREROUTING ACCEPT [0:0]
    COMMIT
    *filter
    :FORWARD DROP [0:0]
    COMMIT
    ```

    ## Fix safety
    No fix: what should be dropped belongs into the filter table.

    ## Since
    All releases.

    ## Source
    iptables(8), "The nat table is not intended for filtering"; measured on kernel 6.18 with iptables 1.8.9 (nft and
    legacy).
    """
    for refusal in _shared.refused(ruleset):
        if refusal.kind is Kind.NAT_POLICY:
            yield Finding(
                _shared.at(ruleset, refusal.line.number, refusal.item),
                "the nat table takes no policy DROP",
                help=("the line is refused, and the table is not loaded",),
            )
    idle = not any(map(tracks, ruleset.by_shape)) and all(profile.kernel >= _ON_DEMAND for profile in profiles)
    for block in mended(ruleset).ruleset.blocks:
        for name, policy, number in block.declared if block.table == "nat" else ():
            if policy == "DROP" and is_builtin("nat", name):
                yield _dropping(ruleset, name, number, idle=idle)


def _dropping(ruleset: Ruleset, name: str, number: int, *, idle: bool) -> Finding:
    when = " as soon as connections are tracked" if idle else ""
    return Finding(
        _shared.at(ruleset, number),
        f"the nat table drops by policy{when}: every new connection that no rule in {name} takes",
        help=("packets of open connections do not pass the nat table: they go on",),
        severity=Severity.WARNING if idle else None,
    )
