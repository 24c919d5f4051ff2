"""Which of modprobe, sysctl, command line of the kernel and sysfs carries a value, and why. Writes no file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from ruleset_lint.netfilter.modules import registered_by, starts_tracking
from ruleset_lint.netfilter.releases import Profile
from ruleset_lint.netfilter.sysctls import VARIABLES, key_of
from ruleset_lint.netfilter.table_size import Size

Means = Literal["modprobe", "sysctl", "modules-load", "udev", "load list", "command line", "sysfs", "proc"]

UDEV_FILE = "etc/udev/rules.d/90-nf_conntrack.rules"
_UEVENT_AFTER_INIT = (5, 11, 0)  # commit "module: delay kobject uevent until after module init call"


class Carrier(NamedTuple):
    """A value and what carries it: a line of a file below the root, a word of the command line, a file of the kernel.

    `at_boot` tells what lasts from what counts at once.
    """

    value: str
    means: Means
    place: str
    text: str
    why: str
    at_boot: bool = True


def carriers(size: Size, timeouts: Sequence[tuple[str, int]], profile: Profile) -> tuple[Carrier, ...]:
    """All that carry a size and time-outs (by the names of their variables) on a release, in the order of their use."""
    keys = [(name, key, value) for name, value in (("max", size.maximum), *timeouts) if (key := _key(name, profile))]
    return (
        *_buckets(size, profile),
        *_settings(keys, profile),
        *_modules(keys, profile),
        *_at_once(size, keys, profile),
    )


def core_module(profile: Profile) -> str:
    """The module that makes the table, and whose parameter is its size."""
    return "ip_conntrack" if profile.names == "ip_conntrack" else "nf_conntrack"


def udev_rule(module: str, profile: Profile) -> str:
    """The rule by which udev has the sysctls of connection tracking applied when the module is loaded (sysctl.d(5))."""
    program = f"{profile.paths.systemd_sysctl} --prefix=/net/netfilter"
    return f'ACTION=="add", SUBSYSTEM=="module", KERNEL=="{module}", RUN+="{program}"'


def udev_comes_early(profile: Profile) -> bool:
    """Whether udev hears of a module before it has made its keys: kernels before 5.11, unless patched."""
    return profile.kernel < _UEVENT_AFTER_INIT


def _key(name: str, profile: Profile) -> str | None:
    return next((key_of(variable, profile) for variable in VARIABLES if variable.name == name), None)


def _buckets(size: Size, profile: Profile) -> Iterator[Carrier]:
    module = core_module(profile)
    why = f"{module} makes its table when it is loaded"
    if profile.buckets_writable:
        why += "; its sysctl for buckets would make the table anew, later"
    else:
        why += "; its sysctl for buckets cannot be written before kernel 4.7"
    yield Carrier("buckets", "modprobe", profile.paths.modprobe_file, f"options {module} hashsize={size.buckets}", why)
    built_in = f"where {module} is built into the kernel, which then reads no modprobe.d"
    yield Carrier("buckets", "command line", "", f"{module}.hashsize={size.buckets}", built_in)


def _settings(keys: Sequence[tuple[str, str, int]], profile: Profile) -> Iterator[Carrier]:
    for name, key, value in keys:
        why = "no parameter of a module sets it, and hashsize alone makes it 8 for each bucket"
        if name != "max":
            why = "only sysctls set time-outs"
        yield Carrier(name, "sysctl", profile.paths.sysctl_file, f"{key} = {value}", why)


def _modules(keys: Sequence[tuple[str, str, int]], profile: Profile) -> Iterator[Carrier]:
    """What sees to it that the keys are there when sysctls are applied, or are applied when they are there."""
    directory = profile.paths.modules_load_directory
    owners = list(dict.fromkeys(registered_by(name, profile)[0] for name, _, _ in keys))
    module = owners[-1] if owners else core_module(profile)  # what brings time-outs brings the core too
    if directory is not None:
        why = f"systemd passes over keys that are not there, and {keys[-1][1]} comes with {module}"
        yield Carrier("module", "modules-load", f"{directory}/nf_conntrack.conf", module, why)
        if profile.paths.systemd_sysctl:
            late = f"instead of {directory}, which loads no module that modprobe.d blacklists"
            if starts_tracking(module, profile):
                late += f"; or where no rule tracks, as loading {module} tracks all packets on this kernel"
            yield Carrier("module", "udev", UDEV_FILE, udev_rule(module, profile), late)
    config = profile.paths.service_config
    if config and profile.unloads_modules_on_stop:
        pattern = ".ip_conntrack" if profile.names == "ip_conntrack" else ".nf_conntrack"
        why = "the service unloads the modules when it stops; this sets their keys again when it starts"
        yield Carrier("module", "load list", config[0], f'IPTABLES_SYSCTL_LOAD_LIST="{pattern}"', why)


def _at_once(size: Size, keys: Sequence[tuple[str, str, int]], profile: Profile) -> Iterator[Carrier]:
    path = f"/sys/module/{core_module(profile)}/parameters/hashsize"
    first = "first, so that the table has grown when more may enter it"
    yield Carrier("buckets", "sysfs", path, str(size.buckets), first, at_boot=False)
    for name, key, value in keys:
        yield Carrier(name, "proc", "/proc/sys/" + key.replace(".", "/"), str(value), "counts at once", at_boot=False)
