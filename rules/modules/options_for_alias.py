"""modules/options-for-alias"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import groupby

from ruleset_lint.lint import Edit, Finding, Fix, Judgement, Place, Severity, judge, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.settings import ModuleOptions, Setting
from ruleset_lint.netfilter.modules import current_name, gone, parameters, resolve
from ruleset_lint.netfilter.profiles import Profile

from . import _options, _shared


@rule(Severity.WARNING)
def options_for_alias(modprobe: ModuleOptions, host: Host, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """Options are given to an old name of a module, which gets them only when it is loaded by that name

    ## What it does
    Looks in modprobe.d for options of connection tracking modules by a name that is an alias on this kernel, or nothing
    at all. Silent where iptables-config, modules-load.d or /etc/modules load the module by that very name.

    ## Why is this bad?
    modprobe adds the options of an alias when it is asked for the alias. Rules do not ask for `ip_conntrack`: they load
    xt_state, which depends on nf_conntrack, and that one comes without the option. The table keeps its default size.

    ## Example
    ```
    # on EL6 and later
    options ip_conntrack hashsize=262144
    ```

    ## Use instead
    ```
    options nf_conntrack hashsize=262144
    ```

    ## Fix safety
    Unsafe: an option that is dead today takes effect, and `hashsize` sets the maximum too unless a sysctl does.

    ## Since
    EL6, which has `ip_conntrack` as an alias. `nf_conntrack_ipv4` is nothing from EL8 on.

    ## Source
    modprobe.d(5) of kmod 30; MODULE_ALIAS lines of Linux 2.6.32, 3.10, 4.18 and 6.12.
    """
    loaded = {named.name for named in _shared.named_modules(host)}
    for (module, _), group in groupby(modprobe.all, key=lambda pair: (pair[0], id(pair[1].line))):
        judgement = judge(profiles, partial(_is_other, module)) if module not in loaded else None
        options = [option for _, option in group if judgement and _is_taken(module, option, judgement.holds[-1])]
        if judgement and options:
            yield _finding(module, options, judgement)


def _finding(module: str, options: list[Setting], judgement: Judgement) -> Finding:
    last = judgement.holds[-1]
    new = _new_name(module, last)
    where = f" {judgement.where}" if judgement.where else ""
    names = ", ".join(option.key for option in options[:8])
    if gone(module, last):
        message = f"there is no module {module}{where or f' on {last.title}'}: {new} does not get {names}"
    else:
        message = f"{new} does not get {names}{where} unless it is loaded by the name {module}"
    place = Place(options[0].document, _options.module_span(options[0]))
    fix = Fix(f"options for {new}", (Edit(place.span, new),)) if _agrees(module, judgement) else None
    return Finding(place, message, fix=fix, confidence=judgement.confidence)


def _is_other(module: str, profile: Profile) -> bool:
    """Whether the name is none of a module on this kernel, and what it stands for is known."""
    return resolve(module, profile) != module and bool(_new_name(module, profile))


def _new_name(module: str, profile: Profile) -> str:
    """The module that is loaded and takes the options; of a tracker in parts that is the core, which has the table."""
    found = current_name(module, profile) or ""
    return _shared.options_module(profile) if found in ("nf_conntrack_ipv4", "ip_conntrack") else found


def _is_taken(module: str, option: Setting, profile: Profile) -> bool:
    return option.key in (parameters(_new_name(module, profile), profile) or ())


def _agrees(module: str, judgement: Judgement) -> bool:
    return len({_new_name(module, profile) for profile in judgement.holds}) == 1
