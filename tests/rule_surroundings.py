"""What the examples of manual pages take for granted, rule by rule, and which rules name a remedy in words."""

from __future__ import annotations

from rule_examples import Surroundings

from ruleset_lint.lint import RuleInfo

_IPTABLES = "etc/sysconfig/iptables"
_HASHSIZE = "sys/module/nf_conntrack/parameters/hashsize"
_NO_RULES = "*filter\nCOMMIT\n"
_STATE = "*filter\n:INPUT DROP [0:0]\n-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\nCOMMIT\n"
_WEB = """\
*filter
:INPUT DROP [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW,UNTRACKED -j ACCEPT
COMMIT
"""
_UNTRACKED_WEB = """\
*raw
-A PREROUTING ! -i lo -p tcp -m tcp --dport 80 -j CT --notrack
-A OUTPUT ! -o lo -p tcp -m tcp --sport 80 -j CT --notrack
COMMIT
*filter
:INPUT DROP [0:0]
"""
_UNTRACKED_DNS = "*raw\n-A PREROUTING -p udp -m udp --dport 53 -j CT --notrack\nCOMMIT\n"
_BLOCKLIST = "".join(f"-A INPUT -s 198.51.100.{number}/32 -j DROP\n" for number in range(8, 40))
_CHAINS = "".join(f"-A c{number} -j c{number + 1}\n" for number in range(2, 15))

_AROUND = {
    "conntrack/established-late": Surroundings(stands_for=("# … and a thousand more …\n", _BLOCKLIST)),
    "conntrack/invalid-before-icmp": Surroundings(before=_UNTRACKED_WEB),
    "conntrack/ipv6-on-el5": Surroundings(profile="el5", family=6),
    "conntrack/negated-state": Surroundings(before=_UNTRACKED_WEB),
    "conntrack/related-without-helper": Surroundings(profile="el9"),
    "lint/expired-suppression": Surroundings(after=_NO_RULES),
    "lint/unknown-suppression": Surroundings(after=_NO_RULES),
    "modules/built-in": Surroundings({"proc/modules": "xt_tcpudp 16384 2 - Live 0x0\n", _HASHSIZE: "65536\n"}),
    "modules/hashsize-not-live": Surroundings({"proc/modules": "nf_conntrack 1 0 - Live 0x0\n", _HASHSIZE: "65536\n"}),
    "modules/helper-without-assignment": Surroundings({_IPTABLES: _STATE}, profile="el8"),
    "modules/kept-by-other-family": Surroundings({_IPTABLES: _STATE, "etc/sysconfig/ip6tables": _STATE}, profile="el6"),
    "modules/loads-conntrack": Surroundings({_IPTABLES: _NO_RULES}, profile="el6"),
    "modules/raw-before-defrag": Surroundings({_IPTABLES: _UNTRACKED_DNS}, profile="debian12"),
    "modules/unload-resets": Surroundings({_IPTABLES: _STATE}, profile="el6"),
    "notrack/blanket-accept": Surroundings(before=_UNTRACKED_WEB),
    "notrack/loopback": Surroundings(after=f"COMMIT\n{_STATE}"),
    "notrack/one-sided": Surroundings(after=_WEB),
    "notrack/position": Surroundings(before=_UNTRACKED_WEB),
    "notrack/spelling": Surroundings(profile="el6"),
    "safety/ipv6-neighbours": Surroundings(family=6),
    "service/load-list-unmatched": Surroundings(
        {"etc/sysctl.conf": "net.netfilter.nf_conntrack_max = 262144\n"}, profile="el6"
    ),
    "syntax/depth": Surroundings(stands_for=("…\n", _CHAINS), after="-A c15 -j RETURN\n-A c16 -j RETURN\n"),
    "syntax/line-ending": Surroundings(stands_for=("\\r", "\r")),
    "sysctl/memory": Surroundings({"proc/meminfo": "MemTotal: 4194304 kB\n"}),
    "sysctl/runtime-differs": Surroundings(
        {"etc/modules-load.d/a.conf": "nf_conntrack\n", "proc/sys/net/netfilter/nf_conntrack_max": "65536\n"}
    ),
}

PROSE = frozenset({
    "conntrack/state-dependent",
    "lint/expired-suppression",
    "notrack/first-packet-rule",
    "notrack/missing",
    "notrack/nat-conflict",
    "notrack/open-source-port",
    "notrack/per-connection-match",
    "notrack/shared-port",
    "safety/foreign-chains",
    "syntax/unknown-extension",
})  # fmt: skip


def surroundings(info: RuleInfo) -> Surroundings:
    """What is to be told beside a rule's examples; for most of them nothing."""
    return _AROUND.get(info.id, Surroundings())
