"""service/assignment"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Place, Severity, rule
from ruleset_lint.model.settings import ServiceConfig
from ruleset_lint.model.slips import Mistake, Slip, slips
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.service_config import family_of

from . import _shared


@rule(Severity.ERROR)
def assignment(service: ServiceConfig, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """A line that looks like an assignment runs a command instead

    ## What it does
    Looks in iptables-config and ip6tables-config for blanks around the `=`, for several words without quotes around
    them, and for a quote that is never closed.

    ## Why is this bad?
    The file is a shell script. `NAME = value` runs a command called `NAME`, `NAME=a b` runs `b`: the variable keeps
    what it had before, and the service goes on with its default. With a quote that is never closed the shell reads
    nothing of the file from there on. The commands run as root at each start of the firewall.

    ## Example
    ```
    IPTABLES_SAVE_COUNTER = "yes"
    IPTABLES_MODULES=nf_conntrack_ftp nf_nat_ftp
    ```

    ## Use instead
    ```
    IPTABLES_SAVE_COUNTER="yes"
    IPTABLES_MODULES="nf_conntrack_ftp nf_nat_ftp"
    ```

    ## Fix safety
    Unsafe: a setting that does nothing today comes alive.

    ## Since
    All releases that have the file: EL5 and later.

    ## Source
    Measured with bash 5.2 and dash 0.5.12; the file is sourced by iptables.init of iptables 1.3.5 to 1.8.4 of Red Hat.
    """
    for slip in slips(service):
        if slip.mistake in (Mistake.QUOTES_SPLIT, Mistake.QUOTES_IN_VALUE) or not _concerns(slip):
            continue
        judgement = _shared.judge_use(slip.name, profiles)
        if judgement:
            message = _message(slip)
            yield Finding(
                Place(service.document, slip.span),
                f"{message} ({judgement.where})" if judgement.where else message,
                help=_shared.consequence(slip.name),
                fix=_shared.rewritten(slip),
                confidence=judgement.confidence,
            )


def _concerns(slip: Slip) -> bool:
    """Whether a setting of the service was meant: `LANG=C date` is a command on purpose."""
    return slip.mistake in (Mistake.UNCLOSED, Mistake.SPACES) or family_of(slip.name) is not None


def _message(slip: Slip) -> str:
    if slip.mistake is Mistake.UNCLOSED:
        return "the quote is never closed: the shell reads nothing of the file from here on"
    why = "a blank stands beside the =" if slip.mistake is Mistake.SPACES else "its value is not quoted"
    return f"{slip.name} is not set: {why}" + (f", and the shell runs {slip.runs}" if slip.runs else "")
