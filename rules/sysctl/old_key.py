"""sysctl/old-key"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

from ruleset_lint.lint import Confidence, Finding, Fix, Severity, rule
from ruleset_lint.model.settings import Setting, Sysctls
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.sysctls import canonical, renamed

from . import _shared

_SHOWN = 20  # settings that a finding points at


@rule(Severity.ERROR)
def old_key(sysctl: Sysctls, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """A setting of connection tracking has a key of another kernel

    ## What it does
    Looks for keys under which other kernels have the variable and this one does not: `net.ipv4.ip_conntrack_max` and
    `net.ipv4.netfilter.ip_conntrack_*` from EL6 on, `net.netfilter.nf_conntrack_*` on EL5.

    ## Why is this bad?
    There is no such file below /proc/sys, so nothing is set: the table keeps its default size and time-outs. At boot
    the line is skipped without a word.

    ## Example
    ```
    net.ipv4.netfilter.ip_conntrack_max = 1048576
    ```

    ## Use instead
    ```
    net.netfilter.nf_conntrack_max = 1048576
    ```

    ## Fix safety
    Unsafe: a value that is dead today comes alive. An old 65536 cuts a table of 262144 entries to a quarter.

    ## Since
    The names changed with EL6. Kernels built with NF_CONNTRACK_PROC_COMPAT had both until Linux 4.8; whether EL6 was is
    not certain, so there the finding is likely only.

    ## Source
    ip_conntrack_standalone.c of Linux 2.6.18; nf_conntrack_standalone.c and nf_conntrack_l3proto_ipv4.c of 2.6.32 and
    3.10; the configuration of the EL7 kernel.
    """
    settings = tuple(_shared.conntrack_settings(sysctl))
    dead = _shared.judged_settings(settings, profiles, _is_renamed)
    last = {one.key: one for one in settings}
    for _, group in groupby(dead, key=lambda one: (id(one.setting.document), one.judgement.where)):
        yield _finding(tuple(group), last)


def _finding(group: tuple[_shared.Judged, ...], last: Mapping[str, Setting]) -> Finding:
    (first, judgement), *others = group
    where = judgement.where or "on " + ", ".join(profile.title for profile in judgement.holds)
    more = f"; {len(others)} more here" if others else ""
    live = {key: one for one in last.values() if (key := canonical(one.key, judgement.holds[0]))}
    new = {one.setting.key: _new_keys(one) for one in group}
    twins = {key: live[key] for keys in new.values() for key in keys if key in live}
    maybe = any(profile.release == "el6" for profile in judgement.holds) and "ip_conntrack" in first.key
    return Finding(
        _shared.place(first),
        f"{first.key} is no key {where}, the variable is {min(new[first.key])}{more}",
        related=(
            *(_shared.place(one.setting, f"{min(new[one.setting.key])} there") for one in others[:_SHOWN]),
            *(_shared.place(twin, "what counts") for twin in twins.values()),
        ),
        help=("a line with a key that is not there sets nothing",),
        fix=_fix(group, new, live),
        confidence=Confidence.LIKELY if maybe else judgement.confidence,
    )


def _new_keys(one: _shared.Judged) -> frozenset[str]:
    """The keys that the profiles have for the variable."""
    return frozenset(renamed(one.setting.key, profile) or "" for profile in one.judgement.holds)


def _fix(
    group: tuple[_shared.Judged, ...], new: Mapping[str, frozenset[str]], live: Mapping[str, Setting]
) -> Fix | None:
    """The keys of this kernel; a line is taken out where the variable is set by its own key already."""
    if any(len(keys) > 1 for keys in new.values()):
        return None
    pairs = [(one.setting, min(new[one.setting.key])) for one in group]
    edits = tuple(_shared.removal(setting) if key in live else _shared.with_key(setting, key) for setting, key in pairs)
    return Fix(f"use the keys of {group[0].judgement.holds[0].title}", edits)


def _is_renamed(key: str, profile: Profile) -> bool:
    return renamed(key, profile) is not None
