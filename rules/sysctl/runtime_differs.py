"""sysctl/runtime-differs"""

from collections.abc import Iterator
from typing import NamedTuple

from ruleset_lint.lint import Finding, Fix, Severity, rule
from ruleset_lint.model.running import Running
from ruleset_lint.model.settings import Setting, Sysctls, variable
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.sysctls import is_conntrack, number, state, variable_of
from ruleset_lint.netfilter.table_size import round_buckets

from . import _shared

_SHOWN = 8  # settings that a finding points at


class _Difference(NamedTuple):
    """A setting, and what runs."""

    setting: Setting
    seen: Setting


@rule(Severity.WARNING, yields_to=("sysctl/before-module", "sysctl/conflict"))
def runtime_differs(sysctl: Sysctls, running: Running, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """Connection tracking runs with other values than its sysctl files say

    ## What it does
    Needs a live machine or a snapshot of its /proc and /sys. Compares the conntrack keys that sysctl files set with the
    values of the running kernel.

    ## Why is this bad?
    Either somebody changed the running value and did not write it down, and the next boot takes it back; or the file is
    not applied, or not the last word: kube-proxy, a tuning profile or a restart of the firewall set their own. What is
    reviewed is not what runs.

    ## Example
    ```
    # /proc/sys/net/netfilter/nf_conntrack_max says 65536
    net.netfilter.nf_conntrack_max = 1048576
    ```

    ## Use instead
    ```
    sysctl --system    # or write down what runs
    ```

    ## Fix safety
    The rewriter writes an apply script that sets the running values; a lower maximum drops new connections at once.

    ## Since
    All kernels.

    ## Source
    nf_conntrack_standalone.c of Linux 2.6.32 to 6.12; `conntrack.maxPerCore` and `conntrack.tcpEstablishedTimeout` of
    kube-proxy.
    """
    found = list(_differences(sysctl, running, profiles))
    if found:
        (first, seen), *others = found
        more = f", and {len(others)} more" if others else ""
        yield Finding(
            _shared.place(first),
            f"{first.key} is {seen.value} in the running kernel, not {(first.value or '')[:40]}{more}",
            related=(
                _shared.place(seen, "what runs"),
                *(_shared.place(one, f"runs with {now.value}") for one, now in others[:_SHOWN]),
            ),
            fix=Fix("`ruleset-lint rewrite` writes a script that sets the running values", emits="apply"),
        )


def _differences(sysctl: Sysctls, running: Running, profiles: tuple[Profile, ...]) -> Iterator[_Difference]:
    last = {variable(one.key): one for one in _shared.conntrack_settings(sysctl)}
    for key, setting in last.items():
        seen = running.variables.get(key)
        if seen and sysctl.effective(key) is setting and not any(_agrees(setting, seen, one) for one in profiles):
            yield _Difference(setting, seen)


def _agrees(setting: Setting, seen: Setting, profile: Profile) -> bool:
    """Whether what runs is what a setting makes on this kernel; one that it cannot take is none of this rule."""
    wanted, now = number(setting.value or ""), int(seen.value or "")
    if wanted is None or not is_conntrack(setting.key) or state(setting.key, profile) != "live":
        return True
    known = variable_of(setting.key)
    if known and known.name == "buckets":
        return round_buckets(wanted, profile) == now
    return wanted == now
