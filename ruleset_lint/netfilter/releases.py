"""The entries: releases of distributions, and how their kernel and firewall service behave. Pure data, no look-ups."""

from __future__ import annotations

from typing import Literal, NamedTuple

Backend = Literal["legacy", "nft"]
Names = Literal["ip_conntrack", "split", "merged"]
Hooks = Literal["when-loaded", "on-demand"]
HelperAssignment = Literal["always", "sysctl-on", "sysctl-off", "removed"]


class TableDefaults(NamedTuple):
    """What a 64-bit kernel makes of the conntrack table when `hashsize` is not given (nf_conntrack_core.c, its init).

    `floor`, `above_1g` and `above_4g` count buckets, `factor` is entries a bucket. `whole_pages`: buckets are rounded
    up to a page of list heads. `maximum_first`: the maximum is computed before that rounding.
    """

    floor: int
    above_1g: int
    above_4g: int
    factor: int
    whole_pages: bool = True
    maximum_first: bool = False


class Paths(NamedTuple):
    """Where a release keeps things, relative to the root of the machine, without a leading slash.

    `sysctl_file` is where a conntrack setting is written; `sysctl_directories` and `modprobe_directories` are what is
    read at boot, the first one wins over a file of the same name in a later one. `load_list_files` are the patterns of
    files that IPTABLES_SYSCTL_LOAD_LIST is looked up in by some package of this release, `load_list_always` by every
    one. `systemd_sysctl` is the program a udev rule would call.
    """

    rules: tuple[str, str]
    service_config: tuple[str, str] | None
    sysctl_file: str
    sysctl_directories: tuple[str, ...]
    modprobe_file: str
    modprobe_directories: tuple[str, ...]
    modules_load_directory: str | None
    modules_file: str | None
    systemd_sysctl: str | None
    load_list_files: tuple[str, ...] = ()
    load_list_always: tuple[str, ...] = ()
    needs_conf_suffix: bool = True


class Profile(NamedTuple):
    """One release: its versions, the ways of its conntrack, and its paths.

    `insert_limit` is the least chain length at which the kernel may refuse an entry (MIN_CHAINLEN of
    nf_conntrack_core.c: 8 up to 6.2, then 50; None: never refuses). `entry_bytes` is what one connection takes without
    extensions, `extension_bytes` what accounting or a helper adds (slabs, measured on 6.18).
    """

    name: str
    title: str
    family: Literal["redhat", "debian"]
    kernel: tuple[int, int, int]
    iptables: tuple[str, ...]
    backends: tuple[Backend, ...]
    init: Literal["sysv", "systemd"]
    services: tuple[str, ...]
    names: Names
    hooks: Hooks
    helper_auto: HelperAssignment
    has_ct_target: bool
    notrack_spelling: Literal["NOTRACK", "CT --notrack"]
    v6_tracking: bool
    unloads_modules_on_stop: bool
    restore_wait: bool
    buckets_writable: bool
    insert_limit: int | None
    entry_bytes: int
    extension_bytes: int
    bucket_bytes: int
    table: TableDefaults
    paths: Paths


_SYSTEMD_SYSCTL = ("etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d")
_KMOD = ("etc/modprobe.d", "run/modprobe.d", "usr/local/lib/modprobe.d", "usr/lib/modprobe.d", "lib/modprobe.d")

_EL5_PATHS = Paths(
    rules=("etc/sysconfig/iptables", "etc/sysconfig/ip6tables"),
    service_config=("etc/sysconfig/iptables-config", "etc/sysconfig/ip6tables-config"),
    sysctl_file="etc/sysctl.conf",
    sysctl_directories=(),
    modprobe_file="etc/modprobe.conf",
    modprobe_directories=("etc/modprobe.d",),
    modules_load_directory=None,
    modules_file=None,
    systemd_sysctl=None,
    load_list_files=("etc/sysctl.conf",),
    load_list_always=("etc/sysctl.conf",),
    needs_conf_suffix=False,
)
# sysctl.d is scanned since iptables-1.4.7-17.el6 (RPM changelog); sysctl.conf is scanned by all
_EL6_PATHS = _EL5_PATHS._replace(
    sysctl_directories=("etc/sysctl.d",),
    modprobe_file="etc/modprobe.d/nf_conntrack.conf",
    load_list_files=("etc/sysctl.conf", "etc/sysctl.d/*.conf"),
)
# iptables-1.4.21-21.el7 turned from sysctl.conf to sysctl.d, where a stock symlink still leads to sysctl.conf
_EL7_PATHS = _EL6_PATHS._replace(
    sysctl_file="etc/sysctl.d/90-conntrack.conf",
    sysctl_directories=_SYSTEMD_SYSCTL,
    modprobe_directories=_KMOD,
    modules_load_directory="etc/modules-load.d",
    systemd_sysctl="/usr/lib/systemd/systemd-sysctl",
    load_list_files=("etc/sysctl.conf", "etc/sysctl.d/*"),
    needs_conf_suffix=True,
)
_EL77_PATHS = _EL7_PATHS._replace(load_list_files=("etc/sysctl.d/*",), load_list_always=("etc/sysctl.d/*",))
_EL8_PATHS = _EL7_PATHS._replace(load_list_files=("etc/sysctl.d/*.conf",), load_list_always=("etc/sysctl.d/*.conf",))
_DEBIAN_PATHS = _EL7_PATHS._replace(
    rules=("etc/iptables/rules.v4", "etc/iptables/rules.v6"),
    service_config=None,
    modules_file="etc/modules",
    systemd_sysctl="/lib/systemd/systemd-sysctl",
    load_list_files=(),
    load_list_always=(),
)

_EL5 = Profile(
    name="el5",
    title="EL5",
    family="redhat",
    kernel=(2, 6, 18),
    iptables=("1.3.5",),
    backends=("legacy",),
    init="sysv",
    services=("iptables", "ip6tables"),
    names="ip_conntrack",
    hooks="when-loaded",
    helper_auto="always",
    has_ct_target=False,
    notrack_spelling="NOTRACK",
    v6_tracking=False,
    unloads_modules_on_stop=True,
    restore_wait=False,
    buckets_writable=False,
    insert_limit=None,
    entry_bytes=384,
    extension_bytes=0,
    bucket_bytes=16,
    table=TableDefaults(floor=16, above_1g=8192, above_4g=8192, factor=8, whole_pages=False),
    paths=_EL5_PATHS,
)
_EL6 = _EL5._replace(
    name="el6",
    title="EL6",
    kernel=(2, 6, 32),
    iptables=("1.4.7",),
    names="split",
    v6_tracking=True,
    extension_bytes=128,
    bucket_bytes=8,
    table=TableDefaults(floor=32, above_1g=16384, above_4g=16384, factor=4, maximum_first=True),
    paths=_EL6_PATHS,
)
_EL7 = _EL6._replace(
    name="el7",
    title="EL7 to 7.6",
    kernel=(3, 10, 0),
    iptables=("1.4.21",),
    init="systemd",
    helper_auto="sysctl-on",
    has_ct_target=True,
    notrack_spelling="CT --notrack",
    table=TableDefaults(floor=32, above_1g=16384, above_4g=65536, factor=4, maximum_first=True),
    paths=_EL7_PATHS,
)
# iptables-1.4.21-29.el7 stopped unloading modules (RPM changelog, 2019-03)
_EL77 = _EL7._replace(
    name="el7.7", title="EL7 from 7.7", unloads_modules_on_stop=False, restore_wait=True, paths=_EL77_PATHS
)
_EL8 = _EL77._replace(
    name="el8",
    title="EL8",
    kernel=(4, 18, 0),
    iptables=("1.8.2", "1.8.4", "1.8.5"),
    backends=("nft",),
    names="merged",
    hooks="on-demand",
    helper_auto="sysctl-off",
    buckets_writable=True,
    entry_bytes=320,
    table=TableDefaults(floor=32, above_1g=16384, above_4g=65536, factor=4),
    paths=_EL8_PATHS,
)
_EL9 = _EL8._replace(
    name="el9",
    title="EL9",
    kernel=(5, 14, 0),
    iptables=("1.8.7", "1.8.8", "1.8.10"),
    insert_limit=8,
    entry_bytes=256,
    table=TableDefaults(floor=1024, above_1g=65536, above_4g=262144, factor=1),
)
_DEBIAN12 = _EL9._replace(
    name="debian12",
    title="Debian 12",
    family="debian",
    kernel=(6, 1, 0),
    iptables=("1.8.9",),
    backends=("nft", "legacy"),
    services=("netfilter-persistent",),
    helper_auto="removed",
    insert_limit=50,
    paths=_DEBIAN_PATHS,
)
_UBUNTU2404 = _DEBIAN12._replace(
    name="ubuntu24.04",
    title="Ubuntu 24.04",
    kernel=(6, 8, 0),
    iptables=("1.8.10",),
    paths=_DEBIAN_PATHS._replace(systemd_sysctl="/usr/lib/systemd/systemd-sysctl"),
)

PROFILES: tuple[Profile, ...] = (_EL5, _EL6, _EL7, _EL77, _EL8, _EL9, _DEBIAN12, _UBUNTU2404)
"""All profiles, the oldest kernel first."""

MODERN: tuple[Profile, ...] = (_EL8, _EL9, _DEBIAN12, _UBUNTU2404)
"""What is assumed where nothing tells the release."""
