"""sysctl/gone"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from ruleset_lint.lint import Confidence, Finding, Fix, Judgement, Severity, rule
from ruleset_lint.model.settings import Setting, Sysctls
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.sysctls import VARIABLES, key_of, state, variable_of

from . import _shared

_INSTEAD = {
    "helper": "assign helpers by rules: `-t raw … -j CT --helper ftp`",
    "events_retry_timeout": "events are tried again without a time-out",
    "udplite_timeout": "UDP-Lite has the time-outs of UDP",
    "udplite_timeout_stream": "UDP-Lite has the time-outs of UDP",
}


@rule(Severity.ERROR)
def gone(sysctl: Sysctls, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """A setting of connection tracking has a key that this kernel does not have

    ## What it does
    Looks for conntrack keys that the kernel of the release has under no name: variables that came later or were
    removed, and names that no kernel has. A key of another spelling is a finding of `sysctl/old-key`. Silent where a
    dash before the key says that it may be missing.

    ## Why is this bad?
    There is no such file below /proc/sys, so nothing is set. systemd-sysctl skips the line without a word at boot;
    `sysctl -p` reports an error, and scripts that look at its exit code fail.

    ## Example
    ```
    # on Debian 12
    net.netfilter.nf_conntrack_helper = 1
    ```

    ## Use instead
    ```
    *raw
    -A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp
    ```

    ## Fix safety
    Unsafe: a key that was misspelt takes effect.

    ## Since
    `nf_conntrack_helper` is there from Linux 3.5 to 5.19, `nf_conntrack_events_retry_timeout` up to 3.x,
    `nf_conntrack_gre_timeout` from EL8 on.

    ## Source
    nf_conntrack_standalone.c and `nf_conntrack_proto_*.c` of Linux 2.6.32, 3.10, 4.18, 6.1 and 6.12; commit
    b118509076b3 of Linux 6.0 for the helper.
    """
    settings = [one for one in _shared.conntrack_settings(sysctl) if not _may_be_missing(one)]
    for setting, judgement in _shared.judged_settings(settings, profiles, _is_gone):
        where = judgement.where or "on " + ", ".join(profile.title for profile in judgement.holds)
        known = variable_of(setting.key)
        near = None if known else _nearest(setting.key, judgement)
        suffix = known.name if known else ""
        help_ = (_INSTEAD[suffix],) if suffix in _INSTEAD else ()
        yield Finding(
            _shared.place(setting, f"{near} there" if near else ""),
            f"there is no {setting.key[:80]} {where if known else 'on any kernel that is known'}",
            help=help_,
            fix=_fix(setting, near),
            confidence=judgement.confidence if known else Confidence.LIKELY,
        )


def _is_gone(key: str, profile: Profile) -> bool:
    return state(key, profile) in {"absent", "unknown"}


def _may_be_missing(setting: Setting) -> bool:
    """Whether a dash before the key says so (sysctl.d(5))."""
    return setting.document.content(setting.line).lstrip().startswith("-")


def _nearest(key: str, judgement: Judgement) -> str | None:
    """The key that was probably meant."""
    profile = judgement.holds[-1]
    keys = [found for variable in VARIABLES if (found := key_of(variable, profile))]
    return next(iter(difflib.get_close_matches(key[:80], keys, n=1, cutoff=0.9)), None)


def _fix(setting: Setting, near: str | None) -> Fix:
    if near:
        return Fix(f"write {near}", (_shared.with_key(setting, near),))
    return Fix("take the line out", (_shared.removal(setting),))
