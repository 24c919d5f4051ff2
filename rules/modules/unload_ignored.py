"""modules/unload-ignored"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Edit, Finding, Fix, Place, Safety, Severity, judge, rule
from ruleset_lint.model.settings import ServiceConfig, Setting
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.service_config import use, variable


@rule(Severity.INFO)
def unload_ignored(service: ServiceConfig, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """A variable says whether modules are unloaded, and the service does not read it

    ## What it does
    Looks for `IPTABLES_MODULES_UNLOAD` on releases whose service leaves modules alone.

    ## Why is this bad?
    Who reads the file believes that a restart loads the modules anew, with the options of modprobe.d. It does not:
    modules stay until the next boot, whatever the variable says.

    ## Example
    ```
    # on EL8
    IPTABLES_MODULES_UNLOAD="yes"
    ```

    ## Use instead
    ```
    # for the number of buckets
    echo 262144 > /sys/module/nf_conntrack/parameters/hashsize
    ```

    ## Fix safety
    Safe: the line is taken out, and nothing reads it. Unsafe where the release is not certain.

    ## Since
    iptables 1.4.21-29.el7, which is that of EL7.7.

    ## Source
    RPM changelog of iptables 1.4.21-29.el7: "do not attempt to unload any modules"; iptables.init of 1.8.4-22.el8 does
    not name the variable.
    """
    setting = service.setting("MODULES_UNLOAD")
    readers = [profile for profile in profiles if profile.paths.service_config]
    known = variable(setting.key) if setting else None
    judgement = judge(readers, lambda profile: known is not None and use(known, profile) == "ignored")
    if setting and judgement:
        where = f" {judgement.where}" if judgement.where else ""
        yield Finding(
            Place(setting.document, setting.span),
            f"{setting.key} is not read{where}: modules stay loaded when the firewall stops",
            fix=_fix(setting, safe=not judgement.where and len(readers) == len(profiles)),
            confidence=judgement.confidence,
        )


def _fix(setting: Setting, *, safe: bool) -> Fix | None:
    """Its line taken out, if nothing else stands on it and nothing else in the file names the variable."""
    document = setting.document
    if document.content(setting.line).strip() != document.source(setting.span) or document.text.count(setting.key) > 1:
        return None
    return Fix("take the line out", (Edit(setting.line.span, ""),), Safety.SAFE if safe else Safety.UNSAFE)
