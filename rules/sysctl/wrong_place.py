"""sysctl/wrong-place"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ruleset_lint.lint import Confidence, Finding, Fix, Place, Safety, Severity, at_line, rule
from ruleset_lint.model.host import Host
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.sysctls import is_conntrack

_SHOWN = 8  # settings that a finding points at
_CONF = r"(?:^|/)etc/sysctl\.conf$"
_DROP_IN = r"(?:^|/)etc/sysctl\.d/[^/]+\.conf$"
_OF_MODULES = r"(?:^|/)(modprobe|modules-load)\.d/[^/]+$"
_LINE = r"[ \t]*-?(net[./][a-z0-9_./]{1,80}conntrack_[a-z0-9_]{1,60})[ \t]*="


@rule(Severity.WARNING, yields_to=("modules/wrong-suffix",))
def wrong_place(host: Host, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """Sysctls of connection tracking are in a file from which nothing sets them at boot

    ## What it does
    Looks for conntrack keys in /etc/sysctl.conf where systemd applies sysctls and sysctl.d has no link to that file, in
    sysctl.d on a release that reads sysctl.conf alone, and in files of modprobe.d and modules-load.d, which are about
    modules.

    ## Why is this bad?
    The settings look as if they were made, and take effect only when somebody calls `sysctl -p` by hand. After the next
    boot the table has its default size and connections their default time-outs.

    ## Example
    ```
    # etc/sysctl.conf on a machine without etc/sysctl.d/99-sysctl.conf
    net.netfilter.nf_conntrack_max = 1048576
    ```

    ## Use instead
    ```
    # etc/sysctl.d/90-conntrack.conf
    net.netfilter.nf_conntrack_max = 1048576
    ```

    ## Fix safety
    Manual: the lines are to be moved, and take effect at the next boot.

    ## Since
    systemd-sysctl does not read sysctl.conf from version 207 on; distributions ship a link, Debian 13 does not.
    EL5 reads sysctl.conf only.

    ## Source
    sysctl.d(5) of systemd 252, NEWS of systemd 207; /etc/rc.d/rc.sysinit of initscripts on EL5: `sysctl -e -p
    /etc/sysctl.conf`.
    """
    for one in host.passed_over:
        settings = [setting for setting in one.sysctls if is_conntrack(setting.key)]
        found = [(at_line(setting.document, setting.line), setting.key) for setting in settings]
        why = _why(one.document.path, profiles) if found else ""
        if why:
            yield _finding(found, why, profiles)
    for document in host.documents:
        folder = re.search(_OF_MODULES, document.path)
        lines = ((line, re.match(_LINE, document.content(line)[:400])) for line in document.lines) if folder else ()
        keys = [(at_line(document, line), match[1]) for line, match in lines if match]
        if folder and keys:
            yield _finding(keys, f"{folder[1]}.d is about modules", profiles, Confidence.PROVEN)


def _finding(
    found: Sequence[tuple[Place, str]],
    why: str,
    profiles: tuple[Profile, ...],
    confidence: Confidence = Confidence.LIKELY,
) -> Finding:
    (first, key), *others = found
    return Finding(
        first,
        f"{key} is not set at boot: {why}",
        related=tuple(place._replace(note="nor is this") for place, _ in others[:_SHOWN]),
        fix=Fix(f"move it to {profiles[-1].paths.sysctl_file}", safety=Safety.MANUAL),
        confidence=confidence,
    )


def _why(path: str, profiles: tuple[Profile, ...]) -> str:
    """Why nothing sets what stands in a file that is passed over, empty if that is meant."""
    if re.search(_CONF, path) and all(profile.init == "systemd" for profile in profiles):
        return "systemd does not read sysctl.conf, and sysctl.d has no link to it"
    if re.search(_DROP_IN, path) and not any(profile.paths.sysctl_directories for profile in profiles):
        return f"{profiles[-1].title} reads sysctl.conf only"
    return ""
