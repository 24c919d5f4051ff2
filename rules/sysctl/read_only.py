"""sysctl/read-only"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Fix, Severity, rule
from ruleset_lint.model.settings import Setting, Sysctls
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.sysctls import number, variable_of
from ruleset_lint.netfilter.sysctls import read_only as is_read_only

from . import _shared


@rule(Severity.ERROR)
def read_only(sysctl: Sysctls, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """A setting of connection tracking has a key that nobody can write

    ## What it does
    Looks for the number of buckets on kernels that have it for reading only, and for the number of entries.

    ## Why is this bad?
    The write is refused, and the table keeps its buckets. With a raised maximum its chains grow long, and each packet
    walks one.

    ## Example
    ```
    # on EL7
    net.netfilter.nf_conntrack_buckets = 262144
    ```

    ## Use instead
    ```
    # etc/modprobe.d/nf_conntrack.conf
    options nf_conntrack hashsize=262144
    # for the table that is there
    echo 262144 > /sys/module/nf_conntrack/parameters/hashsize
    ```

    ## Fix safety
    The rewriter writes `hashsize` to modprobe.d, which sets the maximum too, to eight times the buckets, unless a
    sysctl sets it. Unsafe for a count: the line goes.

    ## Since
    `nf_conntrack_buckets` is read-only up to EL7; Linux 4.7 made it writable. `nf_conntrack_count` always is.

    ## Source
    nf_conntrack_standalone.c of Linux 2.6.32, 3.10 and 4.18 (mode of the entries); commit 3183ab8997a4 of Linux 4.7.
    """
    settings = _shared.conntrack_settings(sysctl)
    for setting, judgement in _shared.judged_settings(settings, profiles, is_read_only):
        where = judgement.where and f" {judgement.where}"
        yield Finding(
            _shared.place(setting),
            f"{setting.key} is read-only{where}: the line sets nothing",
            fix=_fix(setting, judgement.holds[0]),
            confidence=judgement.confidence,
        )


def _fix(setting: Setting, profile: Profile) -> Fix:
    variable = variable_of(setting.key)
    if variable and variable.name == "count":
        return Fix("take the line out", (_shared.removal(setting),))
    line = f"options {_shared.options_module(profile)} hashsize={number(setting.value or '') or 'N'}"
    return Fix(f"`ruleset-lint rewrite` writes `{line}` to modprobe.d", emits="modprobe")
