"""service/wrong-family"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Edit, Finding, Fix, Place, Severity, Span, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.settings import ServiceConfig, Setting
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.service_config import family_of, variable

from . import _shared

_FILES = {4: "iptables-config", 6: "ip6tables-config"}


@rule(Severity.WARNING)
def wrong_family(service: ServiceConfig, host: Host, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """A variable of ip6tables is set in the configuration of iptables, or the reverse

    ## What it does
    Looks for variables that begin with `IP6TABLES_` in iptables-config, and with `IPTABLES_` in ip6tables-config.
    Silent where both files are one, or the file uses the variable itself.

    ## Why is this bad?
    Each of the two services reads its own file, and in it the variables of its own name. The others are not looked at:
    the service goes on with its default.

    ## Example
    ```
    # etc/sysconfig/ip6tables-config
    IPTABLES_SAVE_COUNTER="yes"
    ```

    ## Use instead
    ```
    # etc/sysconfig/ip6tables-config
    IP6TABLES_SAVE_COUNTER="yes"
    ```

    ## Fix safety
    Unsafe: a setting that does nothing today comes alive.

    ## Since
    All releases that have the files: EL5 and later.

    ## Source
    iptables.spec of iptables 1.4.7 to 1.8.4 of Red Hat, which makes the script and the file of ip6tables from those of
    iptables by `sed s/IPTABLES/IP6TABLES/`.
    """
    text = service.document.text
    if not _shared.readers(profiles) or any(
        one is not service and one.document.text == text for one in host.services or ()
    ):
        return
    for name, parts in service.variables.items():
        family = family_of(name)
        if family in (None, service.family) or variable(name) is None or _shared.is_used(name, service):
            continue
        for part in parts:
            right = _shared.in_family(name, service.family)
            yield Finding(
                Place(part.document, part.span),
                f"{_FILES[service.family]} has {name}, and its service reads {right}",
                fix=None if right in service.variables else _fix(part, name, right),
            )


def _fix(part: Setting, name: str, right: str) -> Fix:
    return Fix(f"write {right}", (Edit(Span(part.span.start, part.span.start + len(name)), right),))
