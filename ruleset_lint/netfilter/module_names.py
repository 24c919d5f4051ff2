"""What the names of modules around conntrack mean to each generation of kernels. Pure data, no look-ups."""

from __future__ import annotations

from typing import Literal

Generation = Literal[0, 1, 2, 3, 4]
"""Kernels of EL5, EL6, EL7, EL8 and later ones, as columns of the tables below."""

GONE = ""
SAME = "="
EVERYWHERE = (SAME,) * 5
_SINCE_EL6 = (GONE, SAME, SAME, SAME, SAME)
OLD_HELPERS = ("ftp", "irc", "tftp", "sip", "pptp", "h323", "amanda", "netbios_ns", "netlink")
OLD_NAT_HELPERS = ("ftp", "irc", "tftp", "sip", "pptp", "h323", "amanda")

# Each row: what `modprobe NAME` loads on the kernels of EL5, EL6, EL7, EL8 and later (MODULE_ALIAS in their sources).
MODULES: dict[str, tuple[str, str, str, str, str]] = {
    "ip_conntrack": (SAME, "nf_conntrack_ipv4", "nf_conntrack_ipv4", "nf_conntrack", "nf_conntrack"),
    "nf_conntrack": _SINCE_EL6,
    "nf_conntrack_ipv4": (GONE, SAME, SAME, GONE, GONE),
    "nf_conntrack_ipv6": (GONE, SAME, SAME, GONE, GONE),
    "nf_conntrack_netlink": _SINCE_EL6,
    "nf_conntrack_proto_dccp": (GONE, SAME, SAME, GONE, GONE),
    "nf_conntrack_proto_sctp": (GONE, SAME, SAME, GONE, GONE),
    "nf_conntrack_proto_udplite": (GONE, SAME, SAME, GONE, GONE),
    "nf_conntrack_proto_gre": (GONE, SAME, SAME, SAME, GONE),
    **{f"ip_conntrack_{name}": (SAME, *(f"nf_conntrack_{name}",) * 4) for name in OLD_HELPERS},
    **{f"nf_conntrack_{name}": _SINCE_EL6 for name in (*OLD_HELPERS, "sane", "snmp")},
    "ip_nat": (SAME, GONE, GONE, GONE, GONE),
    "nf_nat": _SINCE_EL6,
    "iptable_nat": EVERYWHERE,
    "ip6table_nat": (GONE, GONE, SAME, SAME, SAME),
    "nf_nat_ipv4": (GONE, GONE, SAME, SAME, GONE),
    "nf_nat_ipv6": (GONE, GONE, SAME, SAME, GONE),
    **{f"ip_nat_{name}": (SAME, f"nf_nat_{name}", GONE, GONE, GONE) for name in OLD_NAT_HELPERS},
    "ip_nat_snmp_basic": (SAME, *("nf_nat_snmp_basic",) * 4),
    **{f"nf_nat_{name}": _SINCE_EL6 for name in (*OLD_NAT_HELPERS, "snmp_basic")},
    "xt_state": EVERYWHERE,
    "ipt_state": ("xt_state",) * 5,
    "ip6t_state": ("xt_state",) * 5,
    "xt_conntrack": EVERYWHERE,
    "ipt_conntrack": ("xt_conntrack",) * 5,
    "xt_NOTRACK": (SAME, SAME, GONE, GONE, GONE),
    "ipt_NOTRACK": ("xt_NOTRACK", "xt_NOTRACK", "xt_CT", "xt_CT", "xt_CT"),
    "ip6t_NOTRACK": (GONE, "xt_NOTRACK", "xt_CT", "xt_CT", "xt_CT"),
    "xt_CT": (GONE, GONE, SAME, SAME, SAME),
    "ipt_MASQUERADE": (SAME, SAME, SAME, SAME, "xt_MASQUERADE"),
    "ipt_ULOG": (SAME, SAME, SAME, GONE, GONE),
    "xt_connbytes": EVERYWHERE,
    "xt_connmark": EVERYWHERE,
    "xt_helper": EVERYWHERE,
}

# where kernel.org's kernels differ from the column that they share with Enterprise Linux: 4.14 and 4.15 from EL7, 4.19
# from EL8. EL7 and EL8 have the aliases of 5.2 for NAT helpers, nf-nat-helper-ftp (MODULE_ALIAS_NF_NAT_HELPER)
MAINLINE: dict[Generation, dict[str, str]] = {
    2: {
        **{f"nf_conntrack_proto_{name}": GONE for name in ("dccp", "sctp", "udplite")},
        **{f"ip_nat_{name}": f"nf_nat_{name}" for name in OLD_NAT_HELPERS},
        "ipt_ULOG": GONE,
    },
    3: {f"ip_nat_{name}": f"nf_nat_{name}" for name in OLD_NAT_HELPERS},
}

# what modules that are no alias and no longer there became: the place their work is done now
SUCCESSORS = {
    "nf_conntrack_ipv4": "nf_conntrack",
    "nf_conntrack_ipv6": "nf_conntrack",
    "nf_conntrack_proto_dccp": "nf_conntrack",
    "nf_conntrack_proto_sctp": "nf_conntrack",
    "nf_conntrack_proto_udplite": "nf_conntrack",
    "nf_conntrack_proto_gre": "nf_conntrack",
    "ip_nat": "nf_nat",
    "nf_nat_ipv4": "nf_nat",
    "nf_nat_ipv6": "nf_nat",
    "xt_NOTRACK": "xt_CT",
    **{f"ip_nat_{name}": f"nf_nat_{name}" for name in OLD_NAT_HELPERS},
}
PREDECESSORS = {
    "nf_conntrack": "ip_conntrack",
    "nf_conntrack_ipv4": "ip_conntrack",
    "nf_nat": "ip_nat",
    "xt_CT": "xt_NOTRACK",
    "ip6t_NOTRACK": "xt_NOTRACK",
    **{f"nf_conntrack_{name}": f"ip_conntrack_{name}" for name in OLD_HELPERS},
    **{f"nf_nat_{name}": f"ip_nat_{name}" for name in (*OLD_NAT_HELPERS, "snmp_basic")},
}

# callers of nf_ct_netns_get (6.12), and before that what depended on NF_CONNTRACK in Kconfig
TRACKING_EXTENSIONS = frozenset(
    (
        "xt_state", "xt_conntrack", "xt_connmark", "xt_CONNMARK", "xt_connbytes", "xt_connlimit", "xt_connlabel",
        "xt_helper", "xt_cluster", "xt_CONNSECMARK", "xt_CT", "xt_NOTRACK", "xt_nat", "xt_NETMAP", "xt_REDIRECT",
        "xt_MASQUERADE", "ipt_MASQUERADE", "ip6t_MASQUERADE", "ipt_REDIRECT", "ipt_NETMAP", "ipt_SYNPROXY",
        "ip6t_SYNPROXY", "ipt_CLUSTERIP", "iptable_nat", "ip6table_nat",
    )
)  # fmt: skip
