"""syntax/backend"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Severity, rule
from ruleset_lint.model.refusal import Refusal
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.profiles import Profile

from . import _shared


@rule(Severity.WARNING)
def backend(ruleset: Ruleset, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """One of the two backends refuses the line, and the other takes it

    ## What it does
    Looks for lines that iptables-nft refuses and iptables-legacy loads, or the reverse, where the release has the one
    that refuses.

    ## Why is this bad?
    The file loads as long as nobody switches the alternative, and then not at all. Where the backend that refuses is
    the one that every release in question has by default, it is an error.

    ## Example
    ```
    :services ACCEPT [0:0]
    ```

    ## Use instead
    ```
    :services - [0:0]
    ```

    ## Fix safety
    No fix: the lines differ too much.

    ## Since
    Releases whose iptables has the backend that refuses: EL8 and later nft only, EL7 and older legacy only, Debian
    and Ubuntu both.

    ## Source
    iptables-restore.c of iptables 1.8.9; measured on kernel 6.18 with iptables 1.8.9 (nft and legacy).
    """
    causes: dict[tuple[frozenset[str], str], list[Refusal]] = {}
    for refusal in _shared.refused(ruleset):
        if len(refusal.backends) == 1 and not _shared.surely_refused(profiles, refusal.backends):
            causes.setdefault((refusal.backends, refusal.reason), []).append(refusal)
    for (backends, reason), (first, *more) in causes.items():
        judgement = _shared.by_backend(profiles, backends)
        if judgement:
            (name,) = backends
            other = "legacy" if name == "nft" else "nft"
            usual = all(profile.backends[0] == name for profile in profiles)
            yield Finding(
                _shared.at(ruleset, first.line.number, first.item),
                f"the {name} backend refuses it: {reason}{_shared.and_others(len(more))} {judgement.where}".rstrip(),
                _shared.related(ruleset, (refusal.line.number for refusal in more), "here too"),
                help=(f"the {other} backend loads it",),
                severity=Severity.ERROR if usual else None,
                confidence=judgement.confidence,
            )
