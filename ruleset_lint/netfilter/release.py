"""What is known of a release: how its kernel and its firewall service behave, and its paths. Knows no release."""

from typing import Literal, NamedTuple

Backend = Literal["legacy", "nft"]
Names = Literal["ip_conntrack", "split", "merged"]
Hooks = Literal["when-loaded", "on-demand"]
HelperAssignment = Literal["always", "sysctl-on", "sysctl-off", "removed"]
NotrackSpelling = Literal["NOTRACK", "CT --notrack"]


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
    nf_conntrack_core.c: 8 up to 6.2, then 50; None: never refuses). `entry_bytes` is what one connection takes with
    what it has by default, `extension_bytes` what accounting or a helper adds (slabs, measured on 6.18).
    `mainline`: the kernel is built from kernel.org's of that version, so that the version tells what it has; others
    carry much of later ones. `packages` is the release whose packages a profile has that is no release itself.
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
    notrack_spelling: NotrackSpelling
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
    mainline: bool = False
    packages: str = ""

    @property
    def release(self) -> str:
        """The name of the release whose packages it has."""
        return self.packages or self.name
