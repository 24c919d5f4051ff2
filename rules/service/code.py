"""service/code"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Fix, Place, Safety, Severity, Span, rule
from ruleset_lint.model.script_code import code as spans_of_code
from ruleset_lint.model.settings import ServiceConfig
from ruleset_lint.netfilter.profiles import Profile

from . import _shared

_SHOWN = 8  # places that a finding points at
_LONGEST = 60  # characters of code in a message


@rule(Severity.WARNING, yields_to=("service/assignment", "service/typographic-quotes"))
def code(service: ServiceConfig, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """The configuration of the firewall service runs commands

    ## What it does
    Looks in iptables-config and ip6tables-config for anything but assignments and comments: commands, conditions, other
    files that are read, and `$(…)` within a value. A line that was meant as an assignment is a finding of
    `service/assignment`.

    ## Why is this bad?
    The init script sources the file, so this runs as root at each start, stop and status of the firewall, before the
    rules are loaded. Nobody looks for code in a file of settings, and what it sets depends on what it finds.

    ## Example
    ```
    . /opt/firewall/environment
    ```

    ## Use instead
    ```
    IPTABLES_MODULES="nf_conntrack_ftp"
    ```

    ## Fix safety
    Manual: somebody wanted it.

    ## Since
    All releases that have the file: EL5 and later.

    ## Source
    iptables.init of iptables 1.3.5 to 1.8.4-22.el8 of Red Hat: `. "$IPTABLES_CONFIG"`.
    """
    found = list(spans_of_code(service)) if _shared.readers(profiles) else []
    if found:
        first, *others = (Place(service.document, span, "code") for span in found[: _SHOWN + 1])
        yield Finding(
            first,
            f"the service runs `{_text(service, found[0])}` as root whenever it is called",
            related=tuple(others),
            fix=Fix("leave nothing but assignments in the file", safety=Safety.MANUAL),
        )


def _text(service: ServiceConfig, span: Span) -> str:
    """The beginning of the code, on one line."""
    return service.document.text[span.start : span.start + _LONGEST].partition("\n")[0].strip(' \t\r"')
