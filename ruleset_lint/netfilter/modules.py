"""Kernel modules around conntrack: names by kernel, aliases, parameters, what loading one does. Knows no files."""

from typing import NamedTuple

from ruleset_lint.netfilter.module_names import (
    EVERYWHERE,
    MAINLINE,
    MODULES,
    OLD_HELPERS,
    PREDECESSORS,
    SAME,
    SUCCESSORS,
    TRACKING_EXTENSIONS,
    Generation,
)
from ruleset_lint.netfilter.releases import Profile
from ruleset_lint.netfilter.services import Service


class Helper(NamedTuple):
    """A connection tracking helper: the name `CT --helper` takes, and the control ports it listens on by default.

    Source: include/linux/netfilter/nf_conntrack_*.h and the helpers' own port arrays, Linux 6.12.
    """

    name: str
    ports: tuple[Service, ...]
    module: str
    parameters: tuple[str, ...] = ()


HELPERS: tuple[Helper, ...] = (
    Helper("amanda", (Service("udp", 10080),), "nf_conntrack_amanda", ("master_timeout", "ts_algo")),
    Helper("ftp", (Service("tcp", 21),), "nf_conntrack_ftp", ("ports", "loose")),
    Helper(
        "RAS", (Service("udp", 1719),), "nf_conntrack_h323", ("default_rrq_ttl", "gkrouted_only", "callforward_filter")
    ),
    Helper(
        "Q.931",
        (Service("tcp", 1720),),
        "nf_conntrack_h323",
        ("default_rrq_ttl", "gkrouted_only", "callforward_filter"),
    ),
    Helper("irc", (Service("tcp", 6667),), "nf_conntrack_irc", ("ports", "max_dcc_channels", "dcc_timeout")),
    Helper("netbios-ns", (Service("udp", 137),), "nf_conntrack_netbios_ns", ("timeout",)),
    Helper("pptp", (Service("tcp", 1723),), "nf_conntrack_pptp"),
    Helper("sane", (Service("tcp", 6566),), "nf_conntrack_sane", ("ports",)),
    Helper(
        "sip",
        (Service("udp", 5060), Service("tcp", 5060)),
        "nf_conntrack_sip",
        ("ports", "sip_timeout", "sip_direct_signalling", "sip_direct_media", "sip_external_media"),
    ),
    Helper("snmp", (Service("udp", 161),), "nf_conntrack_snmp", ("timeout",)),
    Helper("tftp", (Service("udp", 69),), "nf_conntrack_tftp", ("ports",)),
)

_ENABLE_HOOKS = (5, 4, 0)  # nf_conntrack_standalone.c of 5.4.214, not of 4.19.108


def normal_name(name: str) -> str:
    """A module's name with underscores: modprobe takes both (modprobe.d(5))."""
    return name.replace("-", "_")


def generation(profile: Profile) -> Generation:
    """The column of a profile's kernel in the tables of modules."""
    if profile.names == "ip_conntrack":
        return 0
    if profile.names == "split":
        return 2 if profile.has_ct_target else 1
    return 4 if profile.kernel >= (5, 1, 0) else 3


def resolve(name: str, profile: Profile) -> str | None:
    """The module that `modprobe name` loads on this kernel; None if it is known that there is none.

    A name that is not known stands for itself.
    """
    normal = normal_name(name)
    column = generation(profile)
    found = MODULES.get(normal, EVERYWHERE)[column]
    if profile.mainline:
        found = MAINLINE.get(column, {}).get(normal, found)
    return normal if found == SAME else found or None


def gone(name: str, profile: Profile) -> bool:
    """Whether it is known that this kernel has no such module, neither by name nor by alias."""
    return resolve(name, profile) is None


def alias_of(name: str, profile: Profile) -> str | None:
    """The module for which the name is an alias on this kernel; None if it is a module's own name, or nothing."""
    found = resolve(name, profile)
    return found if found != normal_name(name) else None


def current_name(name: str, profile: Profile) -> str | None:
    """What to write for this module on this kernel: the name itself, what it is an alias of, or what it became.

    None if nothing on this kernel does its work.
    """
    normal = normal_name(name)
    for candidate in (normal, SUCCESSORS.get(normal), PREDECESSORS.get(normal)):
        if candidate and (found := resolve(candidate, profile)):
            return found
    return None


def helpers_of(name: str) -> tuple[Helper, ...]:
    """The helpers in the module of that name, old, new or NAT part; h323 has two, most modules none."""
    normal = normal_name(name)
    for prefix in ("ip_conntrack_", "ip_nat_", "nf_nat_"):
        if normal.startswith(prefix):
            normal = "nf_conntrack_" + normal.removeprefix(prefix)
    return tuple(helper for helper in HELPERS if helper.module == normal)


def helper_for(service: Service) -> Helper | None:
    """The helper that reads the control channel of this service, on its well-known port."""
    return next((helper for helper in HELPERS if service in helper.ports), None)


def core_modules(profile: Profile) -> tuple[str, ...]:
    """The modules to load for connection tracking to be there with all its sysctl keys."""
    if profile.names == "ip_conntrack":
        return ("ip_conntrack",)
    if profile.names == "split":
        return ("nf_conntrack_ipv4", "nf_conntrack_ipv6")
    return ("nf_conntrack",)


def loads_conntrack(name: str, profile: Profile) -> bool:
    """Whether `modprobe name` pulls connection tracking in on this kernel, itself or by dependency."""
    found = resolve(name, profile)
    return found is not None and (
        found in TRACKING_EXTENSIONS or found.startswith(("ip_conntrack", "nf_conntrack", "ip_nat", "nf_nat"))
    )


def starts_tracking(name: str, profile: Profile) -> bool:
    """Whether merely loading the module makes the kernel track every packet.

    EL5 hooks in when ip_conntrack loads, EL6 and EL7 when nf_conntrack_ipv4 or _ipv6 do (their init functions register
    the hooks), later kernels, split ones among them, only when a rule asks.
    """
    found = resolve(name, profile)
    if found is None or profile.hooks == "on-demand":
        return False
    if profile.names == "ip_conntrack":
        return loads_conntrack(found, profile)
    hooked = {"nf_conntrack_ipv4", "nf_conntrack_ipv6", "nf_nat_ipv4", "nf_nat_ipv6", "iptable_nat", "ip6table_nat"}
    return found in hooked or (generation(profile) == 1 and found.startswith(("nf_nat", "ipt_MASQUERADE")))


def parameters(name: str, profile: Profile) -> frozenset[str] | None:
    """The parameters that the module of this name takes on this kernel; None if they are not known.

    Source: module_param lines of nf_conntrack_core.c, _acct.c, _timestamp.c, _expect.c, _helper.c, _standalone.c and
    nf_conntrack_l3proto_ipv4.c; `ls /sys/module/nf_conntrack/parameters` on 6.18.
    """
    normal = normal_name(name)
    found = resolve(normal, profile)
    if found is None:
        return None
    if found in {"ip_conntrack", "nf_conntrack_ipv4"}:
        return frozenset({"hashsize"})
    if found == "nf_conntrack":
        return _conntrack_parameters(profile)
    helpers = helpers_of(found) if found.startswith("nf_conntrack_") else ()
    return frozenset(helpers[0].parameters) if helpers else None


def _conntrack_parameters(profile: Profile) -> frozenset[str]:
    known = {"hashsize", "acct", "expect_hashsize"}
    if generation(profile) >= 2:
        known.add("tstamp")
    if profile.helper_auto in {"sysctl-on", "sysctl-off"}:
        known.add("nf_conntrack_helper")
    if profile.kernel >= _ENABLE_HOOKS:
        known.add("enable_hooks")
    return frozenset(known)


def registered_by(variable: str, profile: Profile) -> tuple[str, ...]:
    """The modules of which any one registers the sysctl key of this conntrack variable ("tcp_timeout_established").

    On split kernels `nf_conntrack.ko` alone brings max, buckets and count; what belongs to TCP, UDP and ICMP comes with
    nf_conntrack_ipv4 or _ipv6 (nf_conntrack_l3proto_ipv4.c of EL6, EL7 and 4.15, their init); SCTP and DCCP are with
    TCP in 4.15 (builtin_l4proto4).
    """
    if profile.names != "split":
        return core_modules(profile)
    built_in = ("sctp_", "dccp_") if profile.mainline else ()
    if variable.startswith(("tcp_", "udp_timeout", *built_in)):
        return ("nf_conntrack_ipv4", "nf_conntrack_ipv6")
    if variable.startswith(("icmpv6_", "frag6_")):
        return ("nf_conntrack_ipv6",)
    if variable.startswith("icmp_"):
        return ("nf_conntrack_ipv4",)
    protocol = variable.split("_", 1)[0]
    return (f"nf_conntrack_proto_{protocol}",) if protocol in {"sctp", "dccp", "udplite"} else ("nf_conntrack",)


def teardown(profile: Profile) -> tuple[str, ...]:
    """The modules to remove, in this order, for connection tracking to leave the kernel; rules must be gone before.

    Empty where removing modules gains nothing, because hooks leave with the rules.
    """
    if profile.hooks == "on-demand":
        return ()
    if profile.names == "ip_conntrack":
        helpers = tuple(f"ip_conntrack_{name}" for name in OLD_HELPERS)
        return ("iptable_nat", "ip_nat", "xt_state", "xt_conntrack", "xt_NOTRACK", *helpers, "ip_conntrack")
    extensions = ("xt_CT",) if profile.has_ct_target else ("xt_NOTRACK",)
    nat = ("iptable_nat", "nf_nat_ipv4", "nf_nat") if profile.has_ct_target else ("iptable_nat", "nf_nat")
    helpers = tuple(f"nf_conntrack_{name}" for name in OLD_HELPERS)
    core = ("nf_conntrack_ipv4", "nf_conntrack_ipv6", "nf_conntrack")
    return (*extensions, "xt_state", "xt_conntrack", *nat, *helpers, *core)
