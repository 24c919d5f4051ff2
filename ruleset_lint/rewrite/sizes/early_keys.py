"""What makes sysctl keys of connection tracking take effect at boot: modules-load.d, or else a udev rule.

Where an init script applies them (EL5, EL6) there is nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ruleset_lint.model.host import Host
from ruleset_lint.netfilter.modules import core_modules, registered_by, starts_tracking
from ruleset_lint.netfilter.releases import Profile
from ruleset_lint.rewrite.new_file import Addition, relative_path
from ruleset_lint.rewrite.sizes.carriers import UDEV_FILE, udev_comes_early, udev_rule
from ruleset_lint.rewrite.sysctl_file import KeyValue

_MODULES_LOAD = "nf_conntrack.conf"


class EarlyKeys(NamedTuple):
    """Lines to add to modules-load.d or to udev's rules, and what to know of them."""

    additions: tuple[Addition, ...]
    warnings: tuple[str, ...] = ()


def early_keys(host: Host, profiles: Sequence[Profile], keys: Sequence[KeyValue], *, tracked: bool) -> EarlyKeys:
    """What to add so that the keys are there when they are set; `tracked`: a rule of the host turns tracking on."""
    profile = profiles[-1]
    directory = profile.paths.modules_load_directory
    if directory is None:
        return EarlyKeys(())
    additions: list[Addition] = []
    late: list[str] = []
    for module, key in _owners(keys, profile).items():
        blacklisted = host.modprobe is not None and host.modprobe.blacklisted(module) is not None
        if not blacklisted and _is_loaded(host, registered_by(_variable(key, keys), profile), profile):
            continue
        reason = _not_at_boot(module, profile, blacklisted=blacklisted, tracked=tracked)
        if reason and profile.paths.systemd_sysctl:
            late.append(module)
            additions += _udev(host, module, f"{reason}; so udev has {key} set whenever it is loaded", profile)
        else:
            why = f"{key} exists from boot on, so that sysctl.d is not passed over"
            additions.append(Addition(f"{directory}/{_MODULES_LOAD}", module, why))
    return EarlyKeys(tuple(additions), tuple(_warnings(late, profile)))


def _owners(keys: Sequence[KeyValue], profile: Profile) -> Mapping[str, str]:
    """The modules that bring the keys, each with the first key that it brings."""
    wanted: dict[str, str] = {}
    for key in keys:
        owners = registered_by(key.variable, profile)
        if owners:
            wanted.setdefault(owners[0], key.key)
    if len(wanted) > 1:
        wanted.pop("nf_conntrack", None)  # the others bring it
    return wanted


def _variable(key: str, keys: Sequence[KeyValue]) -> str:
    return next(one.variable for one in keys if one.key == key)


def _not_at_boot(module: str, profile: Profile, *, blacklisted: bool, tracked: bool) -> str:
    """Why modules-load.d does not do, empty if it does.

    systemd-modules-load refuses what modprobe.d blacklists (systemd, src/modules-load, "is blacklisted").
    """
    if blacklisted:
        return f"{module} is blacklisted, and modules-load.d does not load such a module"
    if not tracked and starts_tracking(module, profile):
        return f"no rule needs {module}, which tracks all packets as soon as it is loaded"
    return ""


def _udev(host: Host, module: str, reason: str, profile: Profile) -> Iterator[Addition]:
    rule = udev_rule(module, profile)
    known = [document for document in host.documents if "udev/" in relative_path(document, host.root)]
    if not any(rule in document.text for document in known):
        yield Addition(UDEV_FILE, rule, reason)


def _warnings(modules: Sequence[str], profile: Profile) -> Iterator[str]:
    for module in modules if udev_comes_early(profile) else ():
        early = f"on kernels before 5.11 udev may hear of {module} a moment before its keys are there"
        yield f"{early}: look at them when the machine has started"


def _is_loaded(host: Host, owners: Sequence[str], profile: Profile) -> bool:
    """Whether one of the modules is loaded at boot, by itself or because one that needs it is."""
    dependents = core_modules(profile) if "nf_conntrack" in owners else ()
    return host.modules_load is not None and any(map(host.modules_load.loads, (*owners, *dependents)))
