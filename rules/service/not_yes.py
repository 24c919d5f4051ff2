"""service/not-yes"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Edit, Finding, Fix, Place, Severity, rule
from ruleset_lint.model.settings import ServiceConfig
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.service_config import VARIABLES, looks_like_yes

from . import _shared


@rule(Severity.WARNING)
def not_yes(service: ServiceConfig, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    r"""A switch is turned on with a word that counts as no

    ## What it does
    Looks in iptables-config and ip6tables-config for switches whose value is meant as yes and is not spelled so:
    `Yes`, `true`, `1`, `on`, or `yes` with a carriage return behind it (a file saved with the line endings of Windows).

    ## Why is this bad?
    The init script compares the value with `yes`, letter by letter. Everything else is no, without a word.

    ## Example
    ```
    IPTABLES_SAVE_COUNTER="Yes"
    ```

    ## Use instead
    ```
    IPTABLES_SAVE_COUNTER="yes"
    ```

    ## Fix safety
    Unsafe: with `SAVE_ON_STOP` or `SAVE_ON_RESTART` turned on, the running rules overwrite the rules file.

    ## Since
    All releases that have the file; silent about `MODULES_UNLOAD` from iptables 1.4.21-29.el7 on, which ignores it.

    ## Source
    iptables.init of iptables 1.3.5 to 1.8.4 of Red Hat: `"x$IPTABLES_SAVE_ON_STOP" = "xyes"`; measured with bash 5.2.
    """
    for known in VARIABLES:
        setting = service.setting(known.name)
        value = service.value(known.name)
        if known.kind != "yes-no" or setting is None or not looks_like_yes(value):
            continue
        judgement = _shared.judge_use(service.variable(known.name), profiles)
        if judgement:
            shown = "yes with a carriage return behind it" if value == "yes\r" else value.strip()
            message = f"{shown} counts as no in {setting.key}: only yes in lower case is yes"
            yield Finding(
                Place(setting.document, setting.span),
                f"{message} ({judgement.where})" if judgement.where else message,
                help=(f"{setting.key}, when it is yes, {known.effect}",),
                fix=Fix(f'write `{setting.key}="yes"`', (Edit(setting.value_span, '"yes"'),)),
                confidence=judgement.confidence,
            )
