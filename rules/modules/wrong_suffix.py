"""modules/wrong-suffix"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruleset_lint.lint import Finding, Fix, Safety, Severity, at_line, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.passed_over import PassedOver
from ruleset_lint.model.settings import Setting
from ruleset_lint.netfilter.modules import loads_conntrack, parameters
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.sysctls import is_bridge, is_conntrack

_FOLDER = r"(?:^|/)(sysctl|modprobe|modules-load)\.d/([^/]+)$"
_SLIPS = {"cnf", "config", "cfg", "con", "confg", "cof", "cfn", "sysctl", "modprobe", "modules", "rules"}


@rule(Severity.ERROR)
def wrong_suffix(host: Host, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """A file of settings is not read, because its name does not end in `.conf`

    ## What it does
    Looks in sysctl.d, modprobe.d and modules-load.d for files about connection tracking whose name has no suffix, or
    one that was meant as `.conf`. A name that says that the file is off on purpose (`.disabled`, `.save`, `.old`, …) is
    no finding.

    ## Why is this bad?
    The programs that read these folders take `*.conf` and pass over the rest without a word. Nothing of the file is
    set.

    ## Example
    ```
    # etc/modprobe.d/nf_conntrack
    options nf_conntrack hashsize=262144
    ```

    ## Use instead
    ```
    # etc/modprobe.d/nf_conntrack.conf
    options nf_conntrack hashsize=262144
    ```

    ## Fix safety
    Manual: the file is to be renamed, and settings that are dead today take effect.

    ## Since
    EL7 and all other releases with kmod and systemd. On EL5 and EL6 every file of such a folder is read.

    ## Source
    modprobe.d(5) of kmod 30, sysctl.d(5) and modules-load.d(5) of systemd 252; `apply_sysctl` of initscripts on EL6
    reads `/etc/sysctl.d/*`.
    """
    for one in host.passed_over:
        found = re.search(_FOLDER, one.document.path)
        said = _first(one, profiles) if found and _is_meant(found[2]) else None
        if found and said:
            shown = found[2][:60]
            yield Finding(
                at_line(said.document, said.line),
                f"{found[1]}.d is read as *.conf, and {shown} is passed over",
                fix=Fix(f"rename it to {re.sub('[.][^.]*$', '', shown)}.conf", safety=Safety.MANUAL),
            )


def _is_meant(name: str) -> bool:
    """Whether a name without `.conf` is a slip: no suffix at all, or one that nobody gives a file to switch it off."""
    stem, dot, suffix = name.rpartition(".")
    return not dot or (not stem.endswith(".conf") and suffix.lower() in _SLIPS)


def _first(one: PassedOver, profiles: tuple[Profile, ...]) -> Setting | None:
    """The first thing in a file that is about connection tracking on one of the releases."""
    said = [setting for setting in one.sysctls if is_conntrack(setting.key) or is_bridge(setting.key)]
    said += [setting for setting in one.modules if any(_concerns(setting.key, profile) for profile in profiles)]
    return min(said, key=lambda setting: setting.span, default=None)


def _concerns(module: str, profile: Profile) -> bool:
    return loads_conntrack(module, profile) or parameters(module, profile) is not None
