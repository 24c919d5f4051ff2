"""modules/blacklist-is-not-enough"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ruleset_lint.lint import Finding, Fix, Safety, Severity, at_line, at_rule, judge, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.settings import ModuleOptions
from ruleset_lint.model.tracking import tracks
from ruleset_lint.netfilter.modules import resolve
from ruleset_lint.netfilter.profiles import Profile

from . import _shared

_CORE = ("ip_conntrack", "nf_conntrack")


@rule(Severity.WARNING)
def blacklist_is_not_enough(modprobe: ModuleOptions, host: Host, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """Connection tracking is blacklisted, which does not keep it from being loaded

    ## What it does
    Looks for `blacklist nf_conntrack` (`ip_conntrack` on EL5) without an `install` line for the module. Silent where
    all rulesets are known and none of their rules needs it.

    ## Why is this bad?
    `blacklist` makes modprobe pass over the aliases that stand in the module itself, which are for devices that ask for
    a driver. Whoever names the module loads it, and so does every module that depends on it: a rule with a state test
    loads xt_conntrack, and that one the tracker.

    ## Example
    ```
    blacklist nf_conntrack
    ```

    ## Use instead
    ```
    # rules without state tests and without nat, and to make sure of it
    install nf_conntrack /bin/false
    ```

    ## Fix safety
    Manual: with the `install` line, rules that need connection tracking do not load at all.

    ## Since
    All kernels.

    ## Source
    modprobe.d(5) of kmod 30 and module-init-tools 3.9; xt_state and xt_conntrack depend on nf_conntrack
    (`modinfo -F depends`).
    """
    users = [
        at_rule(ruleset, found, "this rule loads it")
        for ruleset in host.rulesets
        if (found := next(ruleset.where(tracks), None))
    ]
    if host.rulesets and not users and not any(map(_shared.has_opaque, host.rulesets)):
        return
    for name in _CORE:
        line = modprobe.blacklisted(name)
        judgement = judge(profiles, partial(_has, name))
        if line and judgement and modprobe.install(name) is None:
            yield Finding(
                at_line(line.document, line.line),
                f"blacklist does not keep {name} out: modules that depend on it load it all the same",
                related=tuple(users[:2]),
                fix=Fix(f"`install {name} /bin/false`, once no rule needs it", safety=Safety.MANUAL),
                confidence=judgement.confidence,
                by_absence=True,
            )


def _has(name: str, profile: Profile) -> bool:
    """Whether this kernel has a module of that name; an alias is none."""
    return resolve(name, profile) == name
