"""modules/kept-by-other-family"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Confidence, Finding, Fix, Place, Severity, at_rule, judge, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.settings import ModuleOptions
from ruleset_lint.model.tracking import tracks, untracks
from ruleset_lint.netfilter.profiles import Profile

from . import _shared


@rule(Severity.WARNING, yields_to=("modules/hashsize-not-live", "modules/built-in"))
def kept_by_other_family(modprobe: ModuleOptions, host: Host, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """A hash size for connection tracking is set, and a restart of one of two firewalls never applies it

    ## What it does
    Fires where modprobe.d sets `hashsize` and the rules for IPv4 and those for IPv6 both use connection tracking, on
    releases whose init script unloads the modules when it stops.

    ## Why is this bad?
    `hashsize` is read when the module is loaded. Restarting iptables is meant to load it anew, and does not: the rules
    of ip6tables still hold it, the attempt to remove it fails, and nothing says so. The table keeps its old number of
    buckets until the next boot, or until both firewalls are stopped at once.

    ## Example
    ```
    # etc/modprobe.d/nf_conntrack.conf, then `service iptables restart` while ip6tables runs
    options nf_conntrack hashsize=262144
    ```

    ## Use instead
    ```
    echo 262144 > /sys/module/nf_conntrack/parameters/hashsize
    ```

    ## Fix safety
    The rewriter writes an apply script that changes the running table; connections stay in it.

    ## Since
    EL5 to EL7.6. From iptables 1.4.21-29.el7 on no restart unloads modules, and the rule is silent.

    ## Source
    iptables.init of iptables 1.4.7 and 1.4.21-18.3 of Red Hat (`rmmod_r` sends what modprobe says to /dev/null);
    nf_conntrack_set_hashsize in nf_conntrack_core.c of Linux 2.6.32 to 6.12 resizes the running table.
    """
    judgement = judge(profiles, lambda profile: profile.unloads_modules_on_stop)
    users = [place for ruleset in (host.v4, host.v6) if ruleset for place in _first_user(ruleset)]
    if not judgement or len(users) < 2:
        return
    for module in sorted(set(map(_shared.options_module, judgement.holds))):
        option = modprobe.option(module, "hashsize")
        if option and option.value:
            yield Finding(
                Place(option.document, option.span),
                f"restarting iptables does not apply hashsize={option.value} while ip6tables runs, nor the reverse",
                related=tuple(users),
                help=(f"{module} is loaded anew only when both are stopped, or at boot",),
                fix=Fix("`ruleset-lint rewrite` writes a script that resizes the running table", emits="apply"),
                confidence=Confidence.LIKELY,
            )


def _first_user(ruleset: Ruleset) -> list[Place]:
    """The first rule that needs the module to be loaded; NOTRACK does too."""
    found = next(ruleset.where(lambda shape: tracks(shape) or untracks(shape)), None)
    return [at_rule(ruleset, found, "this rule holds the module")] if found else []
