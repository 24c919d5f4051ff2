"""modules/old-name"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Edit, Finding, Fix, Judgement, Safety, Severity, rule
from ruleset_lint.model.host import Host
from ruleset_lint.netfilter.modules import alias_of, gone
from ruleset_lint.netfilter.profiles import PROFILES, Profile

from . import _shared


@rule(Severity.WARNING, yields_to=("modules/gone",))
def old_name(host: Host, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """A module is loaded by an old name that a later kernel does not know any more

    ## What it does
    Looks in iptables-config, modules-load.d and /etc/modules for names that are an alias on this kernel and nothing at
    all on a later one. An alias that still loads on the newest kernels is no finding, and one that is dead on this
    kernel already is one of `modules/gone`. Information as long as the release that is certain still has the alias.

    ## Why is this bad?
    The file survives the upgrade and the module does not: the firewall starts without its helper, and reports a failed
    start.

    ## Example
    ```
    # on EL6
    IPTABLES_MODULES="ip_nat_ftp"
    ```

    ## Use instead
    ```
    IPTABLES_MODULES="nf_nat_ftp"
    ```

    ## Fix safety
    Safe: both names load the same module on this kernel. Unsafe where the release is not certain, or where modprobe.d
    has options for the old name, which the module gets only when it is loaded by it.

    ## Since
    EL6, whose NAT helpers have aliases (`ip_nat_ftp`, `ip_nat_irc`, …) that EL7 dropped.

    ## Source
    MODULE_ALIAS lines of `nf_nat_*.c` in Linux 2.6.32 and 3.10.
    """
    for named, judgement in _shared.judged_modules(host, profiles, _is_alias):
        dead = _first_without(named.name, judgement.holds[-1])
        new = _real_name(named.name, judgement)
        if dead and new:
            yield Finding(
                named.place(),
                f"{named.name} is an alias of {new} that {dead.title} and later releases do not have",
                fix=_fix(named, new, safe=not judgement.where and not _has_options(named.name, host)),
                severity=None if judgement.where else Severity.INFO,
                confidence=judgement.confidence,
            )


def _is_alias(name: str, profile: Profile) -> bool:
    return alias_of(name, profile) is not None


def _first_without(name: str, profile: Profile) -> Profile | None:
    """The first release with a later kernel of the same maker that has nothing of that name."""
    later = [one for one in PROFILES if one.kernel > profile.kernel and one.mainline == profile.mainline]
    return next((one for one in later if gone(name, one)), None)


def _real_name(name: str, judgement: Judgement) -> str | None:
    names = {alias_of(name, profile) for profile in judgement.holds}
    return names.pop() if len(names) == 1 else None


def _has_options(name: str, host: Host) -> bool:
    """Whether modprobe.d has options that the module gets only when it is loaded by this name."""
    return bool(host.modprobe and host.modprobe.options(name))


def _fix(named: _shared.Named, new: str, *, safe: bool) -> Fix:
    return Fix(f"load {new}", (Edit(named.setting.span, new),), Safety.SAFE if safe else Safety.UNSAFE)
