"""modules/save-overwrites"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Fix, Place, Safety, Severity, judge, rule
from ruleset_lint.model.settings import ServiceConfig
from ruleset_lint.netfilter.profiles import Profile

_NAMES = ("SAVE_ON_STOP", "SAVE_ON_RESTART")
_WHEN = {"SAVE_ON_STOP": "it stops", "SAVE_ON_RESTART": "it restarts"}


@rule(Severity.WARNING)
def save_overwrites(service: ServiceConfig, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """The firewall service writes the running rules over the rules file

    ## What it does
    Looks for `IPTABLES_SAVE_ON_STOP` and `IPTABLES_SAVE_ON_RESTART` that are yes.

    ## Why is this bad?
    The file is what is reviewed and kept. With this switch a change to it is lost when the service restarts in order
    to load it: the old rules, which still run, are saved over it first. What a person or a program added by hand (bans
    of fail2ban, chains of a container engine, a rule for a test) is made permanent, and comments are gone.

    ## Example
    ```
    IPTABLES_SAVE_ON_RESTART="yes"
    ```

    ## Use instead
    ```
    IPTABLES_SAVE_ON_RESTART="no"
    ```

    ## Fix safety
    Manual: where rules are kept by `iptables` alone and the file is only their copy, the switch is meant.

    ## Since
    All releases that have the file: EL5 and later.

    ## Source
    `save` and `restart` of iptables.init in iptables 1.4.7 to 1.8.4-22.el8 of Red Hat: `save` comes before `stop`, and
    moves the output of iptables-save to the rules file; the former one stays as `.save`.
    """
    on = [(name, setting) for name in _NAMES if service.is_yes(name) and (setting := service.setting(name))]
    if not on or not judge(profiles, lambda profile: profile.paths.service_config is not None):
        return
    (_, setting), *others = on
    file = "ip6tables" if service.family == 6 else "iptables"
    when = " and when ".join(_WHEN[name] for name, _ in on)
    yield Finding(
        Place(setting.document, setting.span),
        f"the service writes the running rules over /etc/sysconfig/{file} when {when}",
        related=tuple(Place(other.document, other.span, "so does this") for _, other in others),
        help=("a file that was changed is overwritten before the restart that was to load it",),
        fix=Fix(f'write `{setting.key}="no"` if the file is what is maintained', safety=Safety.MANUAL),
    )
