"""modules/helper-without-assignment"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from ruleset_lint.lint import Finding, Fix, Safety, Severity, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.shape import Shape
from ruleset_lint.netfilter.modules import helpers_of
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.sysctls import number

from . import _shared

_MANUAL = {"sysctl-off", "removed"}  # how such kernels assign helpers: not by themselves
_ON = r"nf_conntrack_helper(=[1yY]|(?![=\w]))"


@rule(Severity.WARNING, yields_to=("modules/gone",))
def helper_without_assignment(host: Host, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """A connection tracking helper is loaded and no rule assigns it to a connection

    ## What it does
    Looks for helpers (ftp, sip, tftp, …) that iptables-config, modules-load.d or /etc/modules load, on kernels that
    assign none by themselves, where no rule says `-j CT --helper` for them and `nf_conntrack_helper` is not turned on.

    ## Why is this bad?
    The helper reads no control connection, so nothing is RELATED: data connections are dropped, or somebody has opened
    a range of ports for them instead.

    ## Example
    ```
    IPTABLES_MODULES="nf_conntrack_ftp"
    ```

    ## Use instead
    ```
    *raw
    -A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp
    ```

    ## Fix safety
    Manual: the rule belongs into the raw table; a helper opens ports that a peer asks for.

    ## Since
    Linux 4.7 turned automatic assignment off by default (commit 3bb398d925ec), Linux 6.0 removed it (commit
    b118509076b3). Silent on EL5 to EL7, where loading the helper is enough.

    ## Source
    nf_conntrack_helper.c of Linux 3.10, 4.18 and 6.12; measured on kernel 6.18 with iptables 1.8.9: passive FTP fails
    without the rule and works with it.
    """
    rulesets = [ruleset for ruleset in host.rulesets if not ruleset.fragment]
    if not rulesets or _assigns_by_itself(host):
        return
    assigned = _assigned(host)
    idle = _shared.judged_modules(host, profiles, partial(_is_idle, assigned))
    for (first, judgement), *others in _shared.by_document(idle):
        where = f" {judgement.where}" if judgement.where else ""
        yield Finding(
            first.place(),
            f"{first.name} does nothing{where}: no rule assigns its helper to a connection",
            related=tuple(one.named.place("this does nothing either") for one in others),
            help=("without the helper no data connection is RELATED",),
            fix=Fix(f"add `{_rule_for(first.name)}` to the raw table", safety=Safety.MANUAL),
            confidence=judgement.confidence,
            by_absence=True,
        )


def _has_helper(shape: Shape) -> bool:
    return bool(shape.target and shape.target.name == "CT" and shape.target.use("--helper"))


def _assigned(host: Host) -> set[str]:
    """The helpers that rules name; one on ports of its own has a number behind its name (`ftp-2121`)."""
    rules = (rule for ruleset in host.rulesets for rule in ruleset.where(_has_helper))
    names = {rule.option(rule.shape.target, "--helper") or "" for rule in rules}
    return names | {re.sub("-[0-9]+$", "", name) for name in names}


def _is_idle(assigned: set[str], module: str, profile: Profile) -> bool:
    """Whether no rule names a helper of the module, on a kernel that assigns none by itself."""
    names = [helper.name for helper in helpers_of(module)] if profile.helper_auto in _MANUAL else []
    return bool(names) and assigned.isdisjoint(names)


def _assigns_by_itself(host: Host) -> bool:
    """Whether a sysctl or a module option turns automatic assignment on, on the kernels that still have it."""
    if all(profile.helper_auto == "removed" for profile in host.profiles):
        return False
    setting = host.sysctl.effective("net.netfilter.nf_conntrack_helper") if host.sysctl else None
    if setting and number(setting.value or "") not in (0, None):
        return True
    option = host.modprobe.option("nf_conntrack", "nf_conntrack_helper") if host.modprobe else None
    install = host.modprobe.install("nf_conntrack") if host.modprobe else None
    by_option = option is not None and option.value in (None, "1", "y", "Y")
    return by_option or bool(install and re.search(_ON, install.value or ""))


def _rule_for(module: str) -> str:
    helper = helpers_of(module)[0]
    protocol, port = helper.ports[0]
    return f"-A PREROUTING -p {protocol} -m {protocol} --dport {port} -j CT --helper {helper.name}"
