"""conntrack/state-dependent"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ruleset_lint.lint import Finding, Severity, at_rule, rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.tracking import tracks

from . import _shared

_MOST_PLACES = 20


@rule(Severity.INFO, yields_to=("conntrack/only-reason",))
def state_dependent(ruleset: Ruleset) -> Iterator[Finding]:
    """These rules keep connection tracking on

    ## What it does
    Lists, for each family, the rules that turn connection tracking on: the matches state, conntrack, connmark,
    connbytes, connlimit, connlabel, helper and cluster; the targets CONNMARK, CONNSECMARK, CT (but for `--notrack`),
    SYNPROXY and those of nat. NOTRACK, limits, recent, sets, REJECT and an empty nat table do not.

    ## Why is this bad?
    It is not, as long as the table is large enough. One such rule, even in a chain that nothing calls, is enough to
    track all traffic of the family.

    ## Example
    ```
    -A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
    ```

    ## Use instead
    Nothing, or rules that need no state.

    ## Fix safety
    No fix: a ruleset without state lets in packets that this one drops.

    ## Since
    From kernel 4.10 on tracking begins with the first such rule and ends with the last. Before, it begins when the
    module is loaded, which such a rule brings about, and ends when the module is unloaded.

    ## Source
    Callers of nf_ct_netns_get in net/netfilter, kernel commit 0c66dc1ea3f0; measured on kernel 6.18 with iptables 1.8.9
    (nft and legacy).
    """
    found = _shared.tracking_rules(ruleset)
    if not found:
        return
    counts: Counter[str] = Counter()
    for shape, rules in ruleset.by_shape.items():
        if tracks(shape):
            counts[_shared.what_tracks(shape)] += len(rules)
    kinds = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    number = "1 rule keeps" if len(found) == 1 else f"{len(found)} rules keep"
    first, others = found[0], found[1 : _MOST_PLACES + 1]
    yield Finding(
        at_rule(ruleset, first, _shared.what_tracks(first.shape)),
        f"{number} connection tracking on for {_shared.family_name(ruleset)} ({kinds})",
        related=tuple(at_rule(ruleset, other, _shared.what_tracks(other.shape)) for other in others),
        help=(f"without them {len(ruleset.live_rules) - len(found)} of {len(ruleset.live_rules)} rules remain",),
    )
