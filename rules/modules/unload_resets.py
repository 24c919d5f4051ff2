"""modules/unload-resets"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ruleset_lint.lint import Confidence, Finding, Fix, Place, Severity, judge, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.settings import ServiceConfig, Setting, Sysctls, variable
from ruleset_lint.model.slips import slips
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.sysctls import is_bridge, state

from . import _shared

_SHOWN = 8  # settings that a finding points at


@rule(Severity.ERROR)
def unload_resets(service: ServiceConfig, sysctl: Sysctls, host: Host) -> Iterator[Finding]:
    """Stopping the firewall unloads connection tracking, and no sysctl is set again when it starts

    ## What it does
    Fires where the init script unloads the netfilter modules when it stops, sysctls of connection tracking are set, and
    `IPTABLES_SYSCTL_LOAD_LIST` is empty or not there.

    ## Why is this bad?
    A restart of the firewall loads the modules anew, with the defaults of the kernel: the table has its old size again,
    and time-outs last five days again, until the next boot. It shows when the table is full.

    ## Example
    ```
    # etc/sysctl.conf on EL6
    net.netfilter.nf_conntrack_max = 1048576
    # etc/sysconfig/iptables-config
    IPTABLES_MODULES_UNLOAD="yes"
    ```

    ## Use instead
    ```
    IPTABLES_MODULES_UNLOAD="yes"
    IPTABLES_SYSCTL_LOAD_LIST=".nf_conntrack .bridge-nf"
    ```

    ## Fix safety
    The rewriter writes iptables-config; the settings take effect at the next restart of the firewall.

    ## Since
    EL5 to EL7.6. From iptables 1.4.21-29.el7 on the modules stay loaded, and the rule is silent.

    ## Source
    iptables.init of iptables 1.3.5, 1.4.7 and 1.4.21-18.3 of Red Hat (`rmmod_r`, `load_sysctl`); RPM changelog of
    1.4.21-29.el7: "do not attempt to unload any modules".
    """
    judgement = judge(host.profiles, lambda profile: profile.unloads_modules_on_stop)
    if not judgement or not _is_first(service, host) or not service.is_yes("MODULES_UNLOAD"):
        return
    key = service.variable("SYSCTL_LOAD_LIST")
    lost = _lost(sysctl, judgement.holds)
    if not lost or service.value("SYSCTL_LOAD_LIST").strip() or any(slip.name == key for slip in slips(service)):
        return
    blamed = service.setting("SYSCTL_LOAD_LIST") or service.setting("MODULES_UNLOAD") or lost[0]
    where = f" {judgement.where}" if judgement.where else ""
    yield Finding(
        Place(blamed.document, blamed.span),
        f"a restart of the firewall{where} resets {lost[0].key}: the module is unloaded, and {key} is empty",
        related=tuple(Place(one.document, one.span, "set at boot only") for one in lost[:_SHOWN] if one is not blamed),
        help=(f"{len(lost)} settings go back to the defaults of the kernel",) if len(lost) > 1 else (),
        fix=Fix(f"`ruleset-lint rewrite` writes {key} to iptables-config", emits="iptables-config"),
        confidence=Confidence.LIKELY if _is_held(service, host, judgement.holds) else judgement.confidence,
    )


def _is_first(service: ServiceConfig, host: Host) -> bool:
    """Whether it is the configuration for IPv4, or the only one: of both, one finding is enough."""
    return service is min(host.services or (service,), key=lambda one: one.family)


def _lost(sysctl: Sysctls, profiles: Sequence[Profile]) -> tuple[Setting, ...]:
    """The settings that count and go with the modules; those of bridges as well where there are some of conntrack."""
    live = [one for one in sysctl.all if any(state(one.key, profile) == "live" for profile in profiles)]
    bridge = [one for one in sysctl.all if is_bridge(one.key)] if live else []
    return tuple({variable(one.key): one for one in (*live, *bridge)}.values())


def _is_held(service: ServiceConfig, host: Host, profiles: Sequence[Profile]) -> bool:
    """Whether rules of the other family may hold the modules while this one is stopped."""
    return any(one.family != service.family and _shared.needs_tracking(one, profiles) for one in host.rulesets)
