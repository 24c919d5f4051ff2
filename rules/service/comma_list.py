"""service/comma-list"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruleset_lint.lint import Edit, Finding, Fix, Place, Severity, rule
from ruleset_lint.model.settings import ServiceConfig, Setting
from ruleset_lint.netfilter.profiles import Profile

from . import _shared


@rule(Severity.ERROR, yields_to=("service/typographic-quotes",))
def comma_list(service: ServiceConfig, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """Modules to be loaded are separated by commas

    ## What it does
    Looks for commas in the value of `IPTABLES_MODULES` and `IP6TABLES_MODULES`.

    ## Why is this bad?
    The init script takes the value apart at blanks. `nf_conntrack_ftp,nf_nat_ftp` is one name, of which there is no
    module: `modprobe` fails, nothing is loaded, and the start of the firewall is reported as failed although the rules
    are in place.

    ## Example
    ```
    IPTABLES_MODULES="nf_conntrack_ftp,nf_nat_ftp"
    ```

    ## Use instead
    ```
    IPTABLES_MODULES="nf_conntrack_ftp nf_nat_ftp"
    ```

    ## Fix safety
    Unsafe: modules are loaded that were not.

    ## Since
    All releases that have the file: EL5 and later.

    ## Source
    iptables.init of iptables 1.3.5 to 1.8.4-22.el8 of Red Hat: `for mod in $IPTABLES_MODULES`.
    """
    name = service.variable("MODULES")
    judgement = _shared.judge_use(name, profiles)
    for part in service.variables.get(name, ()) if judgement else ():
        if "," in (part.value or ""):
            yield Finding(
                Place(part.document, part.span),
                f"{name} has commas: modules are separated by blanks, and this is one name that no module has",
                help=(
                    "modprobe fails after the rules are loaded, and the start of the firewall is reported as failed",
                ),
                fix=_fix(part),
            )


def _fix(part: Setting) -> Fix | None:
    """Blanks for commas, unless the shell makes something of the value."""
    raw = part.document.source(part.value_span)
    if set(raw) & set("$`\\\n"):
        return None
    value = " ".join(re.split(r"[,\s]+", (part.value or "").strip(", \t\r")))
    return Fix(
        f'write `"{value}"`' if len(value) < 100 else "separate them by blanks", (Edit(part.value_span, f'"{value}"'),)
    )
