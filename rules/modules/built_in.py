"""modules/built-in"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Fix, Place, Safety, Severity, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.running import Running
from ruleset_lint.model.settings import ModuleOptions

_MODULES = ("nf_conntrack", "ip_conntrack")


@rule(Severity.WARNING)
def built_in(modprobe: ModuleOptions, running: Running, host: Host) -> Iterator[Finding]:
    """Connection tracking is built into the running kernel, so its options in modprobe.d are not read

    ## What it does
    Needs a live machine or a snapshot of its /proc and /sys. Fires where modprobe.d has options for nf_conntrack, the
    kernel has its parameters in /sys/module, and /proc/modules does not list it.

    ## Why is this bad?
    modprobe.d is for modules that are loaded. What is part of the kernel takes its parameters from the kernel command
    line, and the table keeps the size that the kernel gives it.

    ## Example
    ```
    # etc/modprobe.d/nf_conntrack.conf
    options nf_conntrack hashsize=262144
    ```

    ## Use instead
    ```
    # on the kernel command line
    nf_conntrack.hashsize=262144
    ```

    ## Fix safety
    Manual: the command line belongs to the boot loader.

    ## Since
    All kernels that are built with CONFIG_NF_CONNTRACK=y.

    ## Source
    modprobe.d(5); Documentation/admin-guide/kernel-parameters.rst of Linux 6.12; kernel 6.18 with conntrack built in,
    which has /sys/module/nf_conntrack/parameters and no such module.
    """
    loaded = host.loaded_modules
    if loaded is None or running.hashsize is None or loaded & set(_MODULES):
        return
    options = [(module, option) for module, option in modprobe.all if module in _MODULES]
    if options:
        (module, first), *others = options
        text = first.document.source(first.span)
        yield Finding(
            Place(first.document, first.span),
            f"{module} is built into the running kernel, which does not read {text[:60]} here",
            related=(
                *(Place(option.document, option.span, "nor this") for _, option in others[:8]),
                Place(running.hashsize.document, running.hashsize.span, "the table that it made"),
            ),
            fix=Fix(f"`{module}.{text[:60]}` on the kernel command line", safety=Safety.MANUAL),
        )
