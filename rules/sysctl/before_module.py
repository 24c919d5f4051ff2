"""sysctl/before-module"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ruleset_lint.lint import Confidence, Finding, Fix, Severity, judge, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.settings import Setting, Sysctls
from ruleset_lint.netfilter.modules import loads_conntrack, resolve, starts_tracking
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.sysctls import owner, state

from . import _shared

_SHOWN = 8  # settings that a finding points at


@rule(Severity.ERROR)
def before_module(sysctl: Sysctls, host: Host, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """Sysctls of connection tracking are set at boot before the module that owns them is loaded

    ## What it does
    Fires where sysctl files set conntrack keys and nothing loads the module early: neither modules-load.d nor
    /etc/modules. Silent where `IPTABLES_SYSCTL_LOAD_LIST` or an `install` line of modprobe.d sets the keys again.

    ## Why is this bad?
    The keys exist only while the module is loaded. systemd-sysctl runs before the firewall, finds no such file, skips
    the line without a word and reports success. The host runs with the default size and the default time-outs until
    somebody calls sysctl by hand.

    ## Example
    ```
    # etc/sysctl.d/90-conntrack.conf, and nothing in etc/modules-load.d
    net.netfilter.nf_conntrack_max = 1048576
    ```

    ## Use instead
    ```
    # etc/modules-load.d/nf_conntrack.conf
    nf_conntrack
    ```

    ## Fix safety
    The rewriter writes modules-load.d; the settings take effect at the next boot. On EL7 the time-outs of TCP, UDP and
    ICMP belong to nf_conntrack_ipv4 and nf_conntrack_ipv6, which also start tracking.

    ## Since
    Releases with systemd, EL7 and later. EL5 and EL6 apply sysctl.conf again when the network starts, after the
    firewall. network.service of initscripts on EL7 does the same where it runs, so there the finding is likely only.

    ## Source
    sysctl.d(5) and modules-load.d(5) of systemd 252; nf_conntrack_standalone.c and nf_conntrack_l3proto_ipv4.c of Linux
    3.10; `apply_sysctl` in the network script of initscripts.
    """
    last = {one.key: one for one in _shared.conntrack_settings(sysctl)}
    judged = ((one, judge(profiles, partial(_is_lost, one, host))) for one in last.values())
    lost = [(setting, judgement) for setting, judgement in judged if judgement]
    if not lost:
        return
    first, judgement = lost[0]
    module = owner(first.key, judgement.holds[0])[0]
    where = f" ({judgement.where})" if judgement.where else ""
    network_helps = any(profile.names == "split" and profile.family == "redhat" for profile in judgement.holds)
    yield Finding(
        _shared.place(first),
        f"{first.key} is set before its module {module} is loaded: at boot the line is skipped without a word{where}",
        related=tuple(_shared.place(one, "nor is this set") for one, _ in lost[1:_SHOWN]),
        help=("where network.service of initscripts runs, it applies sysctls again",) if network_helps else (),
        fix=Fix(f"`ruleset-lint rewrite` writes etc/modules-load.d/{module}.conf", emits="modules-load"),
        confidence=Confidence.LIKELY if network_helps else judgement.confidence,
        by_absence=True,
    )


def _is_lost(setting: Setting, host: Host, profile: Profile) -> bool:
    """Whether the key is there on this kernel, but later than sysctls are applied, and nothing applies it again."""
    if profile.init != "systemd" or state(setting.key, profile) != "live" or "_frag6_" in setting.key:
        return False  # what reassembles IPv6 is a module of its own that others load too
    early = [one.key for one in host.modules_load.modules if one.value is None] if host.modules_load else []
    owners = owner(setting.key, profile)
    return not (any(_brings(name, owners, profile) for name in early) or _is_set_again(setting, owners, host, profile))


def _brings(name: str, owners: tuple[str, ...], profile: Profile) -> bool:
    """Whether loading a module loads one of the owners too."""
    if resolve(name, profile) in owners:
        return True
    return loads_conntrack(name, profile) if "nf_conntrack" in owners else starts_tracking(name, profile)


def _is_set_again(setting: Setting, owners: tuple[str, ...], host: Host, profile: Profile) -> bool:
    """Whether the firewall's service, or modprobe or udev when an owner is loaded, sets the key."""
    text = setting.document.content(setting.line)
    items = [word.value for service in host.services or () for word in service.words("SYSCTL_LOAD_LIST") if word.value]
    if profile.paths.service_config and any(item in text for item in items):
        return True
    udev = (document.text for document in host.documents if "udev/rules.d/" in document.path)
    if any("sysctl" in text and f'KERNEL=="{name}"' in text for text in udev for name in owners):
        return True
    installs = (host.modprobe.install(name) for name in owners) if host.modprobe else ()
    return any("sysctl" in (line.value or "") or "/proc/sys/" in (line.value or "") for line in installs if line)
