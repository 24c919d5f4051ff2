"""modules/unknown-parameter"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import partial

from ruleset_lint.lint import Edit, Finding, Fix, Place, Severity, judge, rule
from ruleset_lint.model.settings import ModuleOptions, Setting, module_name
from ruleset_lint.netfilter.modules import parameters
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.sysctls import key_of, variable_of

from . import _options

# the kernel takes these for every module (kernel/module.c, unknown_module_param_cb)
_EVERY_MODULE = {"async_probe", "dyndbg"}


@rule(Severity.ERROR)
def unknown_parameter(modprobe: ModuleOptions, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """A module gets an option that it does not take

    ## What it does
    Compares the options that modprobe.d gives to modules of connection tracking with the parameters they have on the
    kernel of the release.

    ## Why is this bad?
    Linux 3.11 and later log the option and go on without it; older kernels refuse to load the module, and with it the
    rules. There is no parameter for the maximum of the table: `nf_conntrack_max` is a sysctl.

    ## Example
    ```
    options nf_conntrack nf_conntrack_max=1048576
    ```

    ## Use instead
    ```
    # etc/sysctl.d/90-conntrack.conf
    net.netfilter.nf_conntrack_max = 1048576
    ```

    ## Fix safety
    Unsafe: the value that was meant takes effect. The rewriter writes what is no parameter but a sysctl.

    ## Since
    All kernels. `nf_conntrack_helper` is a parameter from Linux 3.5 to 5.19 only, `enable_hooks` from 5.13 on.

    ## Source
    module_param lines of `nf_conntrack_*.c` in Linux 2.6.32 to 6.12; `ls /sys/module/nf_conntrack/parameters` on 6.18;
    from Linux 3.11 on unknown_module_param_cb (kernel/module.c) lets modules load in spite of unknown parameters.
    """
    spaced = {id(word) for group in _options.spaced(modprobe) for word in group.words}
    for module, option in modprobe.all:
        if id(option) in spaced or module_name(option.key) in _EVERY_MODULE:
            continue
        judgement = judge(profiles, partial(_is_unknown, module, option))
        if judgement:
            where = f" {judgement.where}" if judgement.where else ""
            yield Finding(
                Place(option.document, option.span),
                f"{module} has no parameter {option.key[:60]}{where}",
                help=("Linux 3.11 and later log it and go on without it, older kernels refuse to load the module",),
                fix=_fix(module, option, judgement.holds[-1]),
                confidence=judgement.confidence,
            )


def _is_unknown(module: str, option: Setting, profile: Profile) -> bool:
    known = parameters(module, profile)
    return known is not None and module_name(option.key) not in known


def _fix(module: str, option: Setting, profile: Profile) -> Fix:
    suffix = module_name(option.key).removeprefix("ip_conntrack_").removeprefix("nf_conntrack_")
    variable = variable_of(f"net.netfilter.nf_conntrack_{suffix}")
    key = key_of(variable, profile) if variable else None
    if key:
        return Fix(f"`ruleset-lint rewrite` writes {key} to a sysctl file", emits="sysctl")
    near = difflib.get_close_matches(option.key[:80], sorted(parameters(module, profile) or ()), n=1, cutoff=0.75)
    if near and option.value is not None:
        return Fix(f"write `{near[0]}={option.value}`", (Edit(option.span, f"{near[0]}={option.value}"),))
    return Fix(f"take {option.key[:60]} out", (_options.removal(option),))
