"""What may stand together in one match or target, as iptables 1.8.9 and the kernel have it. Knows options, no rules.

Sources: the option tables (`excl`, `also`) and the check functions of iptables' extensions, and the checks of the
kernel modules; each measured with iptables 1.8.9 on kernel 6.18.
"""

from typing import NamedTuple

# at most one option of each group
EXCLUSIVE: dict[str, tuple[tuple[str, ...], ...]] = {
    "CONNMARK": (
        ("--mask", "--nfmask"),
        ("--mask", "--ctmask"),
        ("--set-xmark", "--set-mark", "--and-mark", "--or-mark", "--xor-mark", "--save-mark", "--restore-mark"),
    ),
    "CONNSECMARK": (("--save", "--restore"),),
    "DSCP": (("--set-dscp", "--set-dscp-class"),),
    "HL": (("--hl-set", "--hl-dec", "--hl-inc"),),
    "MARK": (("--set-xmark", "--set-mark", "--and-mark", "--or-mark", "--xor-mark"),),
    "NFLOG": (("--nflog-range", "--nflog-size"),),
    "NFQUEUE": (("--queue-num", "--queue-balance"),),
    "TOS": (("--set-tos", "--and-tos", "--or-tos", "--xor-tos"),),
    "TTL": (("--ttl-set", "--ttl-dec", "--ttl-inc"),),
    "addrtype": (("--limit-iface-in", "--limit-iface-out"),),
    "cgroup": (("--cgroup", "--path"),),
    "cluster": (("--cluster-local-node", "--cluster-local-nodemask"),),
    "connlimit": (("--connlimit-saddr", "--connlimit-daddr"), ("--connlimit-upto", "--connlimit-above")),
    "dscp": (("--dscp", "--dscp-class"),),
    "frag": (("--fragmore", "--fraglast"),),
    "hashlimit": (("--hashlimit-upto", "--hashlimit-above"),),
    "hl": (("--hl-eq", "--hl-lt", "--hl-gt"),),
    "multiport": (("--sports", "--dports", "--ports"),),
    "recent": (("--set", "--rcheck", "--update", "--remove"),),
    "statistic": (("--probability", "--every"), ("--probability", "--packet")),
    "string": (("--string", "--hex-string"),),
    "tcp": (("--tcp-flags", "--syn"),),
    "time": (("--kerneltz", "--utc"), ("--localtz", "--utc")),
    "ttl": (("--ttl-eq", "--ttl-lt", "--ttl-gt"),),
}

# with the option, one of the others must be there
ALSO: dict[str, dict[str, tuple[str, ...]]] = {
    "NFQUEUE": {"--queue-cpu-fanout": ("--queue-balance",)},
    "addrtype": {
        "--limit-iface-in": ("--src-type", "--dst-type"),
        "--limit-iface-out": ("--src-type", "--dst-type"),
    },
    "policy": {"--next": ("--strict",)},
    "statistic": {"--every": ("--packet",), "--packet": ("--every",)},
    "recent": {
        "--rttl": ("--rcheck", "--update"),
        "--seconds": ("--rcheck", "--update"),
        "--hitcount": ("--rcheck", "--update"),
        "--reap": ("--seconds",),
    },
}

# all of them must be there
REQUIRED: dict[str, tuple[str, ...]] = {
    "HMARK": ("--hmark-rnd",),
    "DNPT": ("--src-pfx", "--dst-pfx"),
    "SNPT": ("--src-pfx", "--dst-pfx"),
    "IDLETIMER": ("--timeout", "--label"),
    "cluster": ("--cluster-total-nodes", "--cluster-hash-seed"),
    "connbytes": ("--connbytes", "--connbytes-dir", "--connbytes-mode"),
    "hashlimit": ("--hashlimit-name",),
    "string": ("--algo",),
}


# options of HMARK, and the word of --hmark-tuple that stands for each
HASHED = {
    "--hmark-src-prefix": "src",
    "--hmark-dst-prefix": "dst",
    "--hmark-sport-mask": "sport",
    "--hmark-dport-mask": "dport",
    "--hmark-spi-mask": "spi",
}


class Needs(NamedTuple):
    """A value that needs a protocol: which text does, and which protocols (by number) will do."""

    pattern: str
    protocols: frozenset[int]
    wanted: str
    negatable: bool = True  # `! -p` with one of them will do as well: only the number is looked at


_WITH_PORTS = frozenset({1, 6, 17, 33, 132})
_PORT = Needs(r"[^\[]*:[^:]*|\[[^\]]*\]:.*", _WITH_PORTS, "a port wants -p tcp, udp, sctp or dccp")
_PORT6 = Needs(r"\[[^\]]*\]:.*", _WITH_PORTS, "a port wants -p tcp, udp, sctp or dccp")
_ANY = Needs(r".+", _WITH_PORTS, "a port wants -p tcp, udp, sctp or dccp")
_HELPER = Needs(
    r".+",
    frozenset({6, 17, 33, 47, 132, 136}),
    "--helper wants -p tcp, udp, udplite, sctp, dccp or gre",
    negatable=False,
)

# (extension, option): the only hooks where the kernel takes it
OPTION_HOOKS: dict[tuple[str, str], frozenset[str]] = {
    ("TCPMSS", "--clamp-mss-to-pmtu"): frozenset({"FORWARD", "OUTPUT", "POSTROUTING"}),
    ("devgroup", "--src-group"): frozenset({"PREROUTING", "INPUT", "FORWARD"}),
    ("devgroup", "--dst-group"): frozenset({"FORWARD", "OUTPUT", "POSTROUTING"}),
    ("addrtype", "--limit-iface-in"): frozenset({"PREROUTING", "INPUT", "FORWARD"}),
    ("addrtype", "--limit-iface-out"): frozenset({"FORWARD", "OUTPUT", "POSTROUTING"}),
    ("physdev", "--physdev-out"): frozenset({"PREROUTING", "INPUT", "FORWARD", "POSTROUTING"}),
    ("physdev", "--physdev-is-out"): frozenset({"PREROUTING", "INPUT", "FORWARD", "POSTROUTING"}),
}

# (extension, option): the protocols of which one must be there
OPTION_PROTOCOLS: dict[tuple[str, str], frozenset[str]] = {
    ("ECN", "--ecn-tcp-remove"): frozenset({"tcp"}),
    ("ECN", "--ecn-tcp-cwr"): frozenset({"tcp"}),
    ("ECN", "--ecn-tcp-ece"): frozenset({"tcp"}),
    ("ecn", "--ecn-tcp-cwr"): frozenset({"tcp"}),
    ("ecn", "--ecn-tcp-ece"): frozenset({"tcp"}),
}

# matches that iptables-nft turns into its own expressions, without asking whether the protocol is negated
NEGATED_PROTOCOL_LOADS = frozenset({"tcp", "udp"})

# (extension, option): what the protocol must be for some values, by family
VALUE_NEEDS: dict[tuple[str, str], dict[int, Needs]] = {
    ("DNAT", "--to-destination"): {4: _PORT, 6: _PORT6},
    ("SNAT", "--to-source"): {4: _PORT, 6: _PORT6},
    ("MASQUERADE", "--to-ports"): {4: _ANY, 6: _ANY},
    ("REDIRECT", "--to-ports"): {4: _ANY, 6: _ANY},
    ("CT", "--helper"): dict.fromkeys((4, 6), _HELPER),
    ("REJECT", "--reject-with"): {
        family: Needs("tcp-r.*", frozenset({6}), "tcp-reset wants -p tcp", negatable=False) for family in (4, 6)
    },
}
