"""Debian and Ubuntu, whose rules netfilter-persistent loads. Pure data, no look-ups."""

from __future__ import annotations

from ruleset_lint.netfilter.kernels import kernel_of
from ruleset_lint.netfilter.release import Profile
from ruleset_lint.netfilter.releases_redhat import EL7_PATHS, EL9

_PATHS = EL7_PATHS._replace(
    rules=("etc/iptables/rules.v4", "etc/iptables/rules.v6"),
    service_config=None,
    modules_file="etc/modules",
    systemd_sysctl="/lib/systemd/systemd-sysctl",
    load_list_files=(),
    load_list_always=(),
)
_MERGED_PATHS = _PATHS._replace(systemd_sysctl="/usr/lib/systemd/systemd-sysctl")

# Versions of iptables by packages.debian.org and packages.ubuntu.com. All have both backends since 1.8; Debian took
# nft for its default with 10, Ubuntu with 20.10
_DEBIAN = EL9._replace(family="debian", backends=("nft", "legacy"), services=("netfilter-persistent",), paths=_PATHS)
DEBIAN10 = _DEBIAN._replace(name="debian10", title="Debian 10", iptables=("1.8.2",), **kernel_of((4, 19, 0))._asdict())
DEBIAN11 = _DEBIAN._replace(name="debian11", title="Debian 11", iptables=("1.8.7",), **kernel_of((5, 10, 0))._asdict())
DEBIAN12 = _DEBIAN._replace(name="debian12", title="Debian 12", iptables=("1.8.9",), **kernel_of((6, 1, 0))._asdict())
DEBIAN13 = _DEBIAN._replace(
    name="debian13",
    title="Debian 13",
    iptables=("1.8.11",),
    paths=_MERGED_PATHS,
    **kernel_of((6, 12, 0))._asdict(),
)

UBUNTU1804 = _DEBIAN._replace(
    name="ubuntu18.04",
    title="Ubuntu 18.04",
    iptables=("1.6.1",),
    backends=("legacy",),
    restore_wait=False,  # 1.6.2 was the first iptables-restore that waits for the lock
    **kernel_of((4, 15, 0))._asdict(),
)
UBUNTU2004 = _DEBIAN._replace(
    name="ubuntu20.04",
    title="Ubuntu 20.04",
    iptables=("1.8.4",),
    backends=("legacy", "nft"),
    **kernel_of((5, 4, 0))._asdict(),
)
UBUNTU2204 = _DEBIAN._replace(
    name="ubuntu22.04", title="Ubuntu 22.04", iptables=("1.8.7",), **kernel_of((5, 15, 0))._asdict()
)
UBUNTU2404 = _DEBIAN._replace(
    name="ubuntu24.04",
    title="Ubuntu 24.04",
    iptables=("1.8.10",),
    paths=_MERGED_PATHS,
    **kernel_of((6, 8, 0))._asdict(),
)
# its kernel has ip_tables still, which a default build has not since 6.17 (NETFILTER_XTABLES_LEGACY)
UBUNTU2604 = _DEBIAN._replace(
    name="ubuntu26.04",
    title="Ubuntu 26.04",
    iptables=("1.8.11",),
    paths=_MERGED_PATHS,
    **kernel_of((7, 0, 0))._asdict(),
)

DEBIAN: tuple[Profile, ...] = (DEBIAN10, DEBIAN11, DEBIAN12, DEBIAN13)
UBUNTU: tuple[Profile, ...] = (UBUNTU1804, UBUNTU2004, UBUNTU2204, UBUNTU2404, UBUNTU2604)
