"""modules/hashsize-not-live"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ruleset_lint.lint import Finding, Fix, Place, Severity, judge, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.running import Running
from ruleset_lint.model.settings import ModuleOptions, Setting
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.sysctls import canonical, number, variable_of
from ruleset_lint.netfilter.table_size import round_buckets

from . import _shared


@rule(Severity.WARNING, yields_to=("modules/built-in",))
def hashsize_not_live(
    modprobe: ModuleOptions, running: Running, host: Host, profiles: tuple[Profile, ...]
) -> Iterator[Finding]:
    """The running conntrack table has another number of buckets than modprobe.d gives it

    ## What it does
    Needs a live machine or a snapshot of its /proc and /sys. Compares `hashsize` of modprobe.d, rounded as the kernel
    rounds it, with the buckets of the table that runs. Silent where a sysctl sets the buckets.

    ## Why is this bad?
    `hashsize` is read when the module is loaded, which was before the file was changed, or without it: from an
    initramfs, or by another name. The table is not the one that was planned, until the next boot or for good.

    ## Example
    ```
    # the table runs with 65536
    options nf_conntrack hashsize=262144
    ```

    ## Use instead
    ```
    echo 262144 > /sys/module/nf_conntrack/parameters/hashsize
    ```

    ## Fix safety
    The rewriter writes an apply script that resizes the running table; connections stay in it, and so does the maximum.

    ## Since
    All kernels.

    ## Source
    nf_conntrack_hash_resize in nf_conntrack_core.c of Linux 6.1, set_hashsize in ip_conntrack_core.c of 2.6.18: both
    move the entries to the new table.
    """
    buckets = running.buckets
    settable = [profile for profile in profiles if not _by_sysctl(host, profile)]
    for module in sorted(set(map(_shared.options_module, settable))):
        option = modprobe.option(module, "hashsize")
        wanted = number(option.value or "") if option else None
        if option is None or not wanted or wanted < 0 or buckets is None:
            continue
        judgement = judge(profiles, partial(_differs, wanted, buckets))
        if judgement and not judgement.where:
            yield _finding(module, option, buckets, running)


def _finding(module: str, option: Setting, buckets: int, running: Running) -> Finding:
    seen = [running.hashsize] if running.hashsize else []
    return Finding(
        Place(option.document, option.span),
        f"the running table has {buckets} buckets, not {option.value}",
        related=tuple(Place(one.document, one.span, "what runs") for one in seen),
        help=(f"without a reboot: echo {option.value} > /sys/module/{module}/parameters/hashsize",),
        fix=Fix("`ruleset-lint rewrite` writes a script that resizes the running table", emits="apply"),
    )


def _differs(wanted: int, buckets: int, profile: Profile) -> bool:
    return round_buckets(wanted, profile) != buckets


def _by_sysctl(host: Host, profile: Profile) -> bool:
    """Whether a sysctl sets the buckets, on a kernel where it can."""
    variable = variable_of("net.netfilter.nf_conntrack_buckets")
    settings = host.sysctl.all if host.sysctl and variable and profile.buckets_writable else ()
    return any(variable_of(one.key) is variable and canonical(one.key, profile) for one in settings)
