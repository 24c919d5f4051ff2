"""service/typographic-quotes"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Place, Severity, rule
from ruleset_lint.model.settings import ServiceConfig
from ruleset_lint.model.slips import Mistake, slips
from ruleset_lint.netfilter.profiles import Profile

from . import _shared


@rule(Severity.ERROR)
def typographic_quotes(service: ServiceConfig, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """A value stands between typographic quotes, which are letters to the shell

    ## What it does
    Looks in iptables-config and ip6tables-config for values between quotes like `”…”`, `“…”` or `„…“`.

    ## Why is this bad?
    The file is a shell script. To the shell such a quote is a letter like any other: with several words in the value
    it runs the last ones as a command and leaves the variable alone, with one word the quotes become part of the
    value, which then is no module and matches no sysctl. Nothing says so but a line of the service's output.
    They come from pages that print code with the quotes of running text.

    ## Example
    ```
    IPTABLES_SYSCTL_LOAD_LIST=”.nf_conntrack .bridge-nf”
    ```

    ## Use instead
    ```
    IPTABLES_SYSCTL_LOAD_LIST=".nf_conntrack .bridge-nf"
    ```

    ## Fix safety
    Unsafe: a setting that does nothing today comes alive.

    ## Since
    All releases that have the file: EL5 and later.

    ## Source
    Measured with bash 5.2 and dash 0.5.12; the file is sourced by iptables.init of iptables 1.3.5 to 1.8.4 of Red Hat.
    """
    for slip in slips(service):
        if slip.mistake not in (Mistake.QUOTES_SPLIT, Mistake.QUOTES_IN_VALUE):
            continue
        judgement = _shared.judge_use(slip.name, profiles)
        if not judgement:
            continue
        if slip.mistake is Mistake.QUOTES_SPLIT:
            message = f"{slip.name} is not set: typographic quotes hold no words together, the shell runs {slip.runs}"
        else:
            message = f"the typographic quotes become part of the value of {slip.name}"
        yield Finding(
            Place(service.document, slip.span, "quotes are \" and '"),
            f"{message} ({judgement.where})" if judgement.where else message,
            help=_shared.consequence(slip.name),
            fix=_shared.rewritten(slip),
            confidence=judgement.confidence,
        )
