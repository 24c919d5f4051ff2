"""sysctl/conflict"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruleset_lint.lint import Finding, Fix, Judgement, Severity, rule
from ruleset_lint.model.settings import Setting, Sysctls
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.sysctls import canonical, exists, number

from . import _shared

_OVERRIDABLE = r"(^|/)(usr(/local)?/lib|lib|run)/sysctl\.d/"


@rule(Severity.WARNING)
def conflict(sysctl: Sysctls, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """One variable of connection tracking is set twice, to different values

    ## What it does
    Looks for two settings of one variable, under one key or two, in one file or two, whose values differ. A file in
    /etc that overrides one of /usr/lib or /run is what these folders are for, and no finding.

    ## Why is this bad?
    The last one counts, and which that is depends on the names of the files. `net.nf_conntrack_max` and
    `net.netfilter.nf_conntrack_max` do not look like one variable, and are.

    ## Example
    ```
    net.netfilter.nf_conntrack_max = 1048576
    net.nf_conntrack_max = 65536
    ```

    ## Use instead
    ```
    net.netfilter.nf_conntrack_max = 1048576
    ```

    ## Fix safety
    Unsafe: it takes out the setting that does not count; the one that was meant may be the other.

    ## Since
    All kernels; `net.ipv4.ip_conntrack_max` and `net.ipv4.netfilter.ip_conntrack_max` on EL5.

    ## Source
    nf_conntrack_standalone.c of Linux 2.6.32 to 6.12, ip_conntrack_standalone.c of 2.6.18; sysctl.d(5) for the order.
    """
    settings = [one for one in _shared.conntrack_settings(sysctl) if not re.search(_OVERRIDABLE, one.document.path)]
    live = list(_shared.judged_settings(settings, profiles, exists))
    last: dict[str, Setting] = {}
    for setting, judgement in live:
        last[_identity(setting, judgement)] = setting
    for setting, judgement in live:
        winner = last[_identity(setting, judgement)]
        if _value(setting) != _value(winner):
            yield Finding(
                _shared.place(setting),
                f"{setting.key} does not count here: {_shown(winner)} is applied after it",
                related=(_shared.place(winner, "what counts"),),
                help=("both keys are one variable",) if setting.key != winner.key else (),
                fix=Fix("take out the setting that does not count", (_shared.removal(setting),)),
                confidence=judgement.confidence,
            )


def _identity(setting: Setting, judgement: Judgement) -> str:
    """One name for the keys of one variable."""
    return canonical(setting.key, judgement.holds[0]) or setting.key


def _value(setting: Setting) -> int | str | None:
    found = number(setting.value or "")
    return setting.value if found is None else found


def _shown(setting: Setting) -> str:
    return f"{setting.key} = {(setting.value or '')[:40]}"
