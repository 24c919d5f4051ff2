"""sysctl/hashsize-sets-max"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ruleset_lint.lint import Finding, Fix, Judgement, Severity, judge, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.settings import Setting
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.table_size import chain_grade, given_size

from . import _shared


@rule(Severity.WARNING, yields_to=("modules/unknown-parameter",))
def hashsize_sets_max(host: Host, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """The number of buckets is given and the maximum is not, which becomes eight times as much

    ## What it does
    Fires where modprobe.d gives `hashsize` to connection tracking and no sysctl sets the maximum.

    ## Why is this bad?
    A table of the kernel's own making has 1 to 4 entries a bucket (8 on EL5), one with `hashsize` always 8. Each
    connection is in two buckets, so a full table has chains of 16. Every packet walks one, and kernels from 5.15 on
    refuse to insert into a long one: on EL9 new connections are dropped before the table is full, which is an error.
    The table may also take eight times the memory that was meant.

    ## Example
    ```
    # a maximum of 2097152
    options nf_conntrack hashsize=262144
    ```

    ## Use instead
    ```
    options nf_conntrack hashsize=262144
    # etc/sysctl.d/90-conntrack.conf
    net.netfilter.nf_conntrack_max = 262144
    ```

    ## Fix safety
    The rewriter writes both numbers; a lower maximum drops new connections earlier.

    ## Since
    All kernels.

    ## Source
    nf_conntrack_init_start in nf_conntrack_core.c of Linux 3.10 to 6.12, nf_conntrack_init of 2.6.32,
    ip_conntrack_init of 2.6.18: eight entries a bucket for a given `hashsize`; commits d7e7747ac5c2 and c9c3b6811f74.
    """
    judgement = judge(profiles, partial(_is_left, host))
    given = _shared.hashsize(host, judgement.holds[-1]) if judgement and not _shared.is_meant("max", host) else None
    if judgement and given:
        yield _finding(*given, judgement)


def _finding(option: Setting, buckets: int, judgement: Judgement) -> Finding:
    size = given_size(buckets, judgement.holds[-1])
    refusing = [profile.title for profile in judgement.holds if chain_grade(size.mean_chain, profile) == "refused"]
    refused = (f"on {', '.join(refusing)} new connections are refused before the table is full",) if refusing else ()
    where = f" ({judgement.where})" if judgement.where else ""
    wanted = size.buckets if judgement.holds[-1].insert_limit else 2 * size.buckets
    return Finding(
        _shared.place(option),
        f"{option.key}={option.value} makes the maximum {size.maximum}, and no sysctl sets another{where}",
        help=(f"a full table has {size.mean_chain:.3g} entries a bucket", *refused),
        fix=Fix(f"`ruleset-lint rewrite --ram …` sets a maximum in a sysctl file, {wanted} suit it", emits="sysctl"),
        severity=Severity.ERROR if len(refusing) == len(judgement.holds) else None,
        confidence=judgement.confidence,
        by_absence=True,
    )


def _is_left(host: Host, profile: Profile) -> bool:
    return _shared.hashsize(host, profile) is not None and _shared.setting_of("max", host, profile) is None
