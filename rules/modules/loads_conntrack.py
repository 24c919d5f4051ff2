"""modules/loads-conntrack"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Fix, Severity, rule
from ruleset_lint.model.host import Host
from ruleset_lint.netfilter.modules import helpers_of, starts_tracking
from ruleset_lint.netfilter.modules import loads_conntrack as loads
from ruleset_lint.netfilter.profiles import Profile

from . import _shared


@rule(Severity.WARNING, yields_to=("modules/gone",))
def loads_conntrack(host: Host, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """A list of modules loads connection tracking on a host whose rules do not need it

    ## What it does
    Compares the modules that iptables-config, modules-load.d and /etc/modules name with what the rulesets need. A
    module that makes the kernel track every packet as soon as it is loaded is a warning; a connection tracking helper
    that only loads the tracker is information.

    ## Why is this bad?
    On kernels before 4.10 loading the module is enough: every packet gets an entry in the table although no rule asks
    for it, and when the table is full the kernel drops packets of a firewall that has no state.

    ## Example
    ```
    # etc/sysconfig/iptables-config, beside rules without any state test
    IPTABLES_MODULES="ip_conntrack_netbios_ns"
    ```

    ## Use instead
    ```
    IPTABLES_MODULES=""
    ```

    ## Fix safety
    Unsafe: something else on the host may rely on connection tracking. The rewriter writes iptables-config.

    ## Since
    EL5 to EL7. Later kernels track only when a rule asks for it, and there the rule is silent.

    ## Source
    ip_conntrack_standalone.c of Linux 2.6.18, nf_conntrack_l3proto_ipv4.c of 2.6.32 and 3.10: their init functions
    register the hooks; commit 0c66dc1ea3f0 of Linux 4.10 registers them when a rule asks.
    """
    if all(ruleset.fragment for ruleset in host.rulesets):
        return
    if any(_shared.needs_tracking(one, profiles) or _shared.has_opaque(one) for one in host.rulesets):
        return
    starting = tuple(_shared.judged_modules(host, profiles, starts_tracking))
    loading = starting or tuple(_shared.judged_modules(host, profiles, _loads_idly))
    for group in _shared.by_document(loading):
        yield _finding(group, starting=bool(starting))


def _finding(group: tuple[_shared.Judged, ...], *, starting: bool) -> Finding:
    (first, judgement), *others = group
    effect = "makes the kernel track every packet" if starting else "loads connection tracking"
    where = f" {judgement.where}" if judgement.where else ""
    return Finding(
        first.place(),
        f"{first.name} {effect}{where}, and no rule needs it",
        related=tuple(one.named.place("so does this") for one in others),
        help=("when the table is full, new connections are dropped",) if starting else (),
        fix=_fix([one.named for one in group]),
        severity=None if starting else Severity.INFO,
        confidence=judgement.confidence,
        by_absence=True,
    )


def _fix(group: list[_shared.Named]) -> Fix:
    names = ", ".join(named.name for named in group[:8])
    if group[0].variable:
        return Fix(f"`ruleset-lint rewrite` writes an iptables-config without {names}", emits="iptables-config")
    return Fix(f"do not load {names}", tuple(map(_shared.removal, group)))


def _loads_idly(name: str, profile: Profile) -> bool:
    """Whether a helper loads the tracker for nothing, on a kernel that could start it unasked."""
    return profile.hooks == "when-loaded" and bool(helpers_of(name)) and loads(name, profile)
