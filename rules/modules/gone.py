"""modules/gone"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Edit, Finding, Fix, Judgement, Severity, rule
from ruleset_lint.model.host import Host
from ruleset_lint.netfilter.modules import current_name
from ruleset_lint.netfilter.modules import gone as is_gone
from ruleset_lint.netfilter.profiles import Profile

from . import _shared


@rule(Severity.ERROR)
def gone(host: Host, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """A module that is to be loaded does not exist on this kernel

    ## What it does
    Looks up the modules that iptables-config, modules-load.d and /etc/modules name: whether the kernel of the release
    has them, by name or by alias. A name that modprobe.d makes an alias is taken for granted.

    ## Why is this bad?
    `modprobe` fails. The init script then reports a failed start although the rules are loaded, and systemd marks the
    unit as failed; modules-load.d fails its unit at boot. What the module was to do is not done.

    ## Example
    ```
    IPTABLES_MODULES="nf_conntrack_ftp ip_nat_ftp"
    ```

    ## Use instead
    ```
    IPTABLES_MODULES="nf_conntrack_ftp nf_nat_ftp"
    ```

    ## Fix safety
    Unsafe: the module under its new name was not loaded before.

    ## Since
    `ip_nat_*` from EL7 on; `nf_conntrack_ipv4` and `nf_conntrack_ipv6` from EL8 and Linux 4.19 on; `nf_*` on EL5.

    ## Source
    MODULE_ALIAS lines of Linux 2.6.32, 3.10, 4.18, 6.1 and 6.12; commit a0ae2562c6c4 of Linux 4.19 merges the trackers
    of IPv4 and IPv6; iptables.init of Red Hat adds the exit codes of `modprobe` to that of the start.
    """
    written = {(id(one.setting.document), one.name) for one in _shared.named_modules(host)}
    for one, judgement in _shared.judged_modules(host, profiles, is_gone):
        where = judgement.where or "on " + ", ".join(profile.title for profile in judgement.holds)
        new = _new_name(one, judgement)
        is_written = (id(one.setting.document), new) in written
        written.add((id(one.setting.document), new))
        yield Finding(
            one.place(f"{new} there" if new else ""),
            f"there is no module {one.name} {where}",
            help=(_effect(one),),
            fix=_fix(one, "" if is_written else new),
            confidence=judgement.confidence,
        )


def _new_name(one: _shared.Named, judgement: Judgement) -> str:
    """What to write on all of the profiles, empty if that differs or there is nothing."""
    names = {current_name(one.name, profile) for profile in judgement.holds}
    return names.pop() or "" if len(names) == 1 else ""


def _fix(one: _shared.Named, new: str) -> Fix:
    if new:
        return Fix(f"load {new}", (Edit(one.setting.span, new),))
    return Fix(f"do not load {one.name}", (_shared.removal(one),))


def _effect(one: _shared.Named) -> str:
    if one.variable:
        return "modprobe fails after the rules are loaded, and the start of the firewall is reported as failed"
    return "systemd-modules-load.service fails at boot"
