"""service/unknown-variable"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Fix, Place, Safety, Severity, rule
from ruleset_lint.model.settings import ServiceConfig
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.service_config import SCRIPT_PATHS, family_of, nearest_name, variable

from . import _shared


@rule(Severity.WARNING, yields_to=("service/wrong-family",))
def unknown_variable(service: ServiceConfig, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """A variable of the firewall service has a name that no release reads

    ## What it does
    Looks in iptables-config and ip6tables-config for variables that begin like those of the service and are none, and
    for names that are nearly those of one. A variable that the file itself uses is no finding.

    ## Why is this bad?
    The script reads the variables that it knows. Any other is set and forgotten, without a word, and what it was to
    turn on stays off.

    ## Example
    ```
    IPTABLES_SYSCTL_LOADLIST=".nf_conntrack"
    ```

    ## Use instead
    ```
    IPTABLES_SYSCTL_LOAD_LIST=".nf_conntrack"
    ```

    ## Fix safety
    Manual: the name that was meant is a guess.

    ## Since
    All releases that have the file: EL5 and later.

    ## Source
    iptables.init of iptables 1.3.5, 1.4.7, 1.4.21 and 1.8.4-22.el8 of Red Hat.
    """
    if not _shared.readers(profiles):
        return
    for name, parts in service.variables.items():
        near = nearest_name(name, 6 if service.family == 6 else 4)
        if not _is_unknown(name, near, service):
            continue
        yield Finding(
            Place(parts[-1].document, parts[-1].span),
            f"no release reads {name[:60]}" + (f", but {near}" if near else ""),
            fix=Fix(f"write {near}", safety=Safety.MANUAL) if near else None,
        )


def _is_unknown(name: str, near: str | None, service: ServiceConfig) -> bool:
    """Whether the service was meant and does not know the name."""
    if variable(name) or name.partition("_")[2] in SCRIPT_PATHS or _shared.is_used(name, service):
        return False
    return family_of(name) is not None or near is not None
