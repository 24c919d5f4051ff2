"""Enterprise Linux: RHEL and what is rebuilt from it. Pure data, no look-ups."""

from __future__ import annotations

from ruleset_lint.netfilter.release import Paths, Profile, TableDefaults

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
EL7_PATHS = _EL6_PATHS._replace(
    sysctl_file="etc/sysctl.d/90-conntrack.conf",
    sysctl_directories=_SYSTEMD_SYSCTL,
    modprobe_directories=_KMOD,
    modules_load_directory="etc/modules-load.d",
    systemd_sysctl="/usr/lib/systemd/systemd-sysctl",
    load_list_files=("etc/sysctl.conf", "etc/sysctl.d/*"),
    needs_conf_suffix=True,
)
_EL77_PATHS = EL7_PATHS._replace(load_list_files=("etc/sysctl.d/*",), load_list_always=("etc/sysctl.d/*",))
EL8_PATHS = EL7_PATHS._replace(load_list_files=("etc/sysctl.d/*.conf",), load_list_always=("etc/sysctl.d/*.conf",))

EL5 = Profile(
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
EL6 = EL5._replace(
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
EL7 = EL6._replace(
    name="el7",
    title="EL7 to 7.6",
    kernel=(3, 10, 0),
    iptables=("1.4.21",),
    init="systemd",
    helper_auto="sysctl-on",
    has_ct_target=True,
    notrack_spelling="CT --notrack",
    table=TableDefaults(floor=32, above_1g=16384, above_4g=65536, factor=4, maximum_first=True),
    paths=EL7_PATHS,
)
# iptables-1.4.21-29.el7 stopped unloading modules (RPM changelog, 2019-03)
EL77 = EL7._replace(
    name="el7.7", title="EL7 from 7.7", unloads_modules_on_stop=False, restore_wait=True, paths=_EL77_PATHS
)
EL8 = EL77._replace(
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
    paths=EL8_PATHS,
)
EL9 = EL8._replace(
    name="el9",
    title="EL9",
    kernel=(5, 14, 0),
    iptables=("1.8.7", "1.8.8", "1.8.10"),
    insert_limit=8,
    entry_bytes=256,
    table=TableDefaults(floor=1024, above_1g=65536, above_4g=262144, factor=1),
)
# RHEL 10 has iptables 1.8.11 with nft only, and its xt_* modules in kernel-modules-extra
EL10 = EL9._replace(
    name="el10",
    title="EL10",
    kernel=(6, 12, 0),
    iptables=("1.8.11",),
    helper_auto="removed",
    insert_limit=50,
)

REDHAT: tuple[Profile, ...] = (EL5, EL6, EL7, EL77, EL8, EL9, EL10)
