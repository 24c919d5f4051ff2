"""service/wait"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruleset_lint.lint import Confidence, Edit, Finding, Fix, Judgement, Place, Severity, rule
from ruleset_lint.model.settings import ServiceConfig, Setting
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.service_config import VARIABLES, ConfigVariable, problem, use

from . import _shared

_EFFECTS = {
    "RESTORE_WAIT": "iptables-restore does not wait for the lock, and loads nothing while another program holds it",
    "RESTORE_WAIT_INTERVAL": "the lock is asked for once a second, as if nothing were set",
}


@rule(Severity.ERROR)
def wait(service: ServiceConfig, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """The time to wait for the lock of the rules is no whole number, which turns waiting off

    ## What it does
    Reads `IPTABLES_RESTORE_WAIT` (seconds) and `IPTABLES_RESTORE_WAIT_INTERVAL` (microseconds). The interval is a
    warning: without it the lock is asked for once a second.

    ## Why is this bad?
    The init script compares the value with 0 by `[ $IPTABLES_RESTORE_WAIT -ne 0 ]`. With `10s`, or with nothing, that
    test fails, and iptables-restore is called without `--wait`. When another program holds the lock at boot (a
    container engine, fail2ban), it gives up at once, and the host stands without its rules.

    ## Example
    ```
    IPTABLES_RESTORE_WAIT="10s"
    ```

    ## Use instead
    ```
    IPTABLES_RESTORE_WAIT=10
    ```

    ## Fix safety
    Unsafe: the service may wait that long at boot.

    ## Since
    iptables 1.4.21-19.el7; in z-streams of EL7.4 from 1.4.21-18.3 on.

    ## Source
    iptables.init of iptables 1.4.21-33.el7 and 1.8.4-22.el8 of Red Hat; the test measured with bash 5.2.
    """
    for known in VARIABLES:
        setting = service.setting(known.name) if known.name in _EFFECTS else None
        value = service.value(known.name)
        judgement = _shared.judge_use(service.variable(known.name), profiles) if setting else None
        if setting is None or judgement is None or not problem(known, value.strip(" \t\n")) or set(value) & set("$`"):
            continue
        where = f" ({judgement.where})" if judgement.where else ""
        yield Finding(
            Place(setting.document, setting.span),
            f"{value[:40]!r} is no whole number in {setting.key}{where}",
            help=(_EFFECTS[known.name],),
            fix=_fix(setting, value, known.default),
            severity=None if known.name == "RESTORE_WAIT" else Severity.WARNING,
            confidence=Confidence.LIKELY if _is_new(known, judgement) else judgement.confidence,
        )


def _is_new(known: ConfigVariable, judgement: Judgement) -> bool:
    """Whether only later packages of a release read the variable."""
    return any(use(known, profile) == "some-packages" for profile in judgement.holds)


def _fix(setting: Setting, value: str, default: str) -> Fix:
    """The number in it, if that is clear, else the default."""
    found = re.fullmatch(r"\s*([0-9]{1,9})\s*(?:s|sec|seconds?|us|usec)?\s*", value)
    number = found[1] if found else default
    return Fix(f"write `{setting.key}={number}`", (Edit(setting.value_span, number),))
