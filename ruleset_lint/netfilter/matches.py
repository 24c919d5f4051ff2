"""The catalogue of matches: one entry each. Source: iptables-extensions(8) of iptables 1.8.9, and the kernel modules named."""

from __future__ import annotations

from ruleset_lint.netfilter.extension import IPV4, IPV6, Extension, Memory, Option, Tracking, flag, takes
from ruleset_lint.netfilter.values import (
    address_types,
    addresses,
    conntrack_states,
    flag_list,
    integer,
    interface,
    masked,
    networks,
    one_of,
    pair,
    port_list,
    port_range,
    states,
    text,
)

_U8 = integer(0, 0xFF)
_U16 = integer(0, 0xFFFF)
_U32 = integer(0, 0xFFFFFFFF)
_U64 = integer(0, 0xFFFFFFFFFFFFFFFF)
_PORT_PROTOCOLS = frozenset({"tcp", "udp", "udplite", "sctp", "dccp"})
_LOCAL_SENDER = frozenset({"OUTPUT", "POSTROUTING"})
_SET_DIRECTIONS = text  # src,dst,… one for each dimension of the set


def _ports(*more: Option) -> tuple[Option, ...]:
    return (
        takes("--sport", port_range, "--source-port", negatable=True),
        takes("--dport", port_range, "--destination-port", negatable=True),
        *more,
    )


_ENTRIES = (
    Extension(
        "addrtype",
        (
            takes("--src-type", address_types, negatable=True),
            takes("--dst-type", address_types, negatable=True),
            flag("--limit-iface-in"),
            flag("--limit-iface-out"),
        ),
        module="xt_addrtype",
    ),
    Extension(
        "ah",
        (
            takes("--ahspi", pair(_U32, ":"), negatable=True),
            Option("--ahlen", (_U32,), negatable=True, families=IPV6),
            Option("--ahres", families=IPV6),
        ),
        protocols=frozenset({"ah"}),
        module="ipt_ah",
    ),
    Extension(
        "bpf",
        (takes("--bytecode", text), takes("--object-pinned", text)),
        module="xt_bpf",
        first_packet=True,
    ),
    Extension(
        "cgroup",
        (takes("--cgroup", _U32, negatable=True), takes("--path", text, negatable=True)),
        module="xt_cgroup",
    ),
    Extension(
        "cluster",
        (
            takes("--cluster-total-nodes", _U32),
            takes("--cluster-local-node", _U32, negatable=True),
            takes("--cluster-local-nodemask", _U32, negatable=True),
            takes("--cluster-hash-seed", _U32),
        ),
        module="xt_cluster",
        tracking=Tracking.ALWAYS,
    ),
    Extension("comment", (takes("--comment", text),), requires=("--comment",), module="xt_comment"),
    Extension(
        "connbytes",
        (
            takes("--connbytes", pair(_U64, ":"), negatable=True),
            takes("--connbytes-dir", one_of("original", "reply", "both")),
            takes("--connbytes-mode", one_of("packets", "bytes", "avgpkt")),
        ),
        requires=("--connbytes",),
        module="xt_connbytes",
        tracking=Tracking.ALWAYS,
    ),
    Extension(
        "connlabel",
        (takes("--label", text, negatable=True), flag("--set")),
        requires=("--label",),
        module="xt_connlabel",
        tracking=Tracking.ALWAYS,
    ),
    Extension(
        "connlimit",
        (
            takes("--connlimit-upto", _U32, negatable=True),
            takes("--connlimit-above", _U32, negatable=True),
            takes("--connlimit-mask", integer(0, 128)),
            flag("--connlimit-saddr"),
            flag("--connlimit-daddr"),
        ),
        module="xt_connlimit",
        tracking=Tracking.ALWAYS,
    ),
    Extension(
        "connmark",
        (takes("--mark", masked, negatable=True),),
        requires=("--mark",),
        module="xt_connmark",
        tracking=Tracking.ALWAYS,
    ),
    Extension(
        "conntrack",
        (
            takes("--ctstate", conntrack_states, negatable=True),
            takes("--ctproto", text, negatable=True),
            takes("--ctorigsrc", networks, negatable=True),
            takes("--ctorigdst", networks, negatable=True),
            takes("--ctreplsrc", networks, negatable=True),
            takes("--ctrepldst", networks, negatable=True),
            takes("--ctorigsrcport", port_range, negatable=True),
            takes("--ctorigdstport", port_range, negatable=True),
            takes("--ctreplsrcport", port_range, negatable=True),
            takes("--ctrepldstport", port_range, negatable=True),
            takes("--ctstatus", text, negatable=True),
            takes("--ctexpire", pair(_U32, ":"), negatable=True),
            takes("--ctdir", one_of("ORIGINAL", "REPLY")),
        ),
        module="xt_conntrack",
        tracking=Tracking.ALWAYS,
    ),
    Extension("cpu", (takes("--cpu", _U32, negatable=True),), requires=("--cpu",), module="xt_cpu", first_packet=True),
    Extension(
        "dccp",
        _ports(
            takes("--dccp-types", text, negatable=True),
            takes("--dccp-option", _U8, negatable=True),
        ),
        protocols=frozenset({"dccp"}),
        module="xt_dccp",
        first_packet=True,
    ),
    Extension(
        "dscp",
        (takes("--dscp", integer(0, 63), negatable=True), takes("--dscp-class", text)),
        module="xt_dscp",
        first_packet=True,
    ),
    Extension(
        "ecn",
        (
            flag("--ecn-tcp-cwr", negatable=True),
            flag("--ecn-tcp-ece", negatable=True),
            takes("--ecn-ip-ect", integer(0, 3), negatable=True),
        ),
        module="xt_ecn",
        first_packet=True,
    ),
    Extension(
        "esp", (takes("--espspi", pair(_U32, ":"), negatable=True),), protocols=frozenset({"esp"}), module="xt_esp"
    ),
    Extension("eui64", families=IPV6, module="ip6t_eui64"),
    Extension(
        "hashlimit",
        (
            takes("--hashlimit-upto", text, "--hashlimit", negatable=True),
            takes("--hashlimit-above", text, negatable=True),
            takes("--hashlimit-burst", text),
            takes("--hashlimit-mode", text),
            takes("--hashlimit-srcmask", integer(0, 128)),
            takes("--hashlimit-dstmask", integer(0, 128)),
            takes("--hashlimit-name", text),
            takes("--hashlimit-htable-size", _U32),
            takes("--hashlimit-htable-max", _U32),
            takes("--hashlimit-htable-expire", _U32),
            takes("--hashlimit-htable-gcinterval", _U32),
            flag("--hashlimit-rate-match"),
            takes("--hashlimit-rate-interval", _U32),
        ),
        module="xt_hashlimit",
        memory=Memory.REMEMBERS,
        first_packet=True,
    ),
    Extension(
        "helper",
        (takes("--helper", text, negatable=True),),
        requires=("--helper",),
        module="xt_helper",
        tracking=Tracking.ALWAYS,
    ),
    Extension(
        "hl",
        (takes("--hl-eq", _U8, negatable=True), takes("--hl-lt", _U8), takes("--hl-gt", _U8)),
        families=IPV6,
        module="xt_hl",
        first_packet=True,
    ),
    Extension(
        "icmp",
        (takes("--icmp-type", text, negatable=True),),
        families=IPV4,
        protocols=frozenset({"icmp"}),
        module="ip_tables",
        first_packet=True,
    ),
    Extension(
        "icmp6",
        (takes("--icmpv6-type", text, "--icmp6-type", negatable=True),),
        families=IPV6,
        protocols=frozenset({"icmpv6", "ipv6-icmp", "icmp6"}),
        module="ip6_tables",
        first_packet=True,
    ),
    Extension(
        "iprange",
        (takes("--src-range", addresses, negatable=True), takes("--dst-range", addresses, negatable=True)),
        module="xt_iprange",
    ),
    Extension(
        "ipv6header", (takes("--header", text, negatable=True), flag("--soft")), families=IPV6, module="ip6t_ipv6header"
    ),
    Extension(
        "length",
        (takes("--length", pair(_U16, ":"), negatable=True),),
        requires=("--length",),
        module="xt_length",
        first_packet=True,
    ),
    Extension(
        "limit",
        (takes("--limit", text, negatable=False), takes("--limit-burst", integer(0, 10000))),
        module="xt_limit",
        memory=Memory.COUNTS,
        first_packet=True,
    ),
    Extension(
        "mac",
        (takes("--mac-source", text, negatable=True),),
        hooks=frozenset({"PREROUTING", "INPUT", "FORWARD"}),
        requires=("--mac-source",),
        module="xt_mac",
    ),
    Extension("mark", (takes("--mark", masked, negatable=True),), requires=("--mark",), module="xt_mark"),
    Extension(
        "multiport",
        (
            takes("--sports", port_list, "--source-ports", "--source-port", "--sport", negatable=True),
            takes("--dports", port_list, "--destination-ports", "--destination-port", "--dport", negatable=True),
            takes("--ports", port_list, "--port", negatable=True),
        ),
        protocols=_PORT_PROTOCOLS,
        module="xt_multiport",
    ),
    Extension(
        "osf",
        (takes("--genre", text, negatable=True), takes("--ttl", _U8), takes("--log", _U8)),
        protocols=frozenset({"tcp"}),
        module="xt_osf",
        first_packet=True,
    ),
    Extension(
        "owner",
        (
            takes("--uid-owner", text, negatable=True),
            takes("--gid-owner", text, negatable=True),
            flag("--socket-exists", negatable=True),
            flag("--suppl-groups"),
        ),
        hooks=_LOCAL_SENDER,
        module="xt_owner",
    ),
    Extension(
        "physdev",
        (
            takes("--physdev-in", interface, negatable=True),
            takes("--physdev-out", interface, negatable=True),
            flag("--physdev-is-in", negatable=True),
            flag("--physdev-is-out", negatable=True),
            flag("--physdev-is-bridged", negatable=True),
        ),
        module="xt_physdev",
    ),
    Extension(
        "pkttype",
        (takes("--pkt-type", text, negatable=True),),
        requires=("--pkt-type",),
        module="xt_pkttype",
        first_packet=True,
    ),
    Extension(
        "policy",
        (
            takes("--dir", one_of("in", "out")),
            takes("--pol", one_of("none", "ipsec")),
            flag("--strict"),
            takes("--reqid", text, negatable=True, repeatable=True),
            takes("--spi", text, negatable=True, repeatable=True),
            takes("--proto", text, negatable=True, repeatable=True),
            takes("--mode", text, negatable=True, repeatable=True),
            takes("--tunnel-src", text, negatable=True, repeatable=True),
            takes("--tunnel-dst", text, negatable=True, repeatable=True),
            Option("--next", repeatable=True),
        ),
        module="xt_policy",
    ),
    Extension(
        "quota", (takes("--quota", _U64, negatable=True),), module="xt_quota", memory=Memory.COUNTS, first_packet=True
    ),
    Extension(
        "recent",
        (
            flag("--set", negatable=True),
            flag("--rcheck", negatable=True),
            flag("--update", negatable=True),
            flag("--remove", negatable=True),
            takes("--seconds", _U32),
            flag("--reap"),
            takes("--hitcount", _U32),
            flag("--rttl"),
            takes("--name", text),
            flag("--rsource"),
            flag("--rdest"),
            takes("--mask", text),
        ),
        requires=("--set", "--rcheck", "--update", "--remove"),
        module="xt_recent",
        memory=Memory.REMEMBERS,
        first_packet=True,
    ),
    Extension("realm", (takes("--realm", masked, negatable=True),), module="xt_realm"),
    Extension(
        "rpfilter",
        (flag("--loose"), flag("--validmark"), flag("--accept-local"), flag("--invert")),
        tables=frozenset({"raw", "mangle"}),
        hooks=frozenset({"PREROUTING"}),
        module="ipt_rpfilter",
    ),
    Extension(
        "rt",
        (
            takes("--rt-type", _U32, negatable=True),
            takes("--rt-segsleft", pair(_U32, ":"), negatable=True),
            takes("--rt-len", _U32, negatable=True),
            flag("--rt-0-res"),
            takes("--rt-0-addrs", text),
            flag("--rt-0-not-strict"),
        ),
        families=IPV6,
        module="ip6t_rt",
        first_packet=True,
    ),
    Extension(
        "sctp",
        _ports(Option("--chunk-types", (text, text), negatable=True)),
        protocols=frozenset({"sctp"}),
        module="xt_sctp",
        first_packet=True,
    ),
    Extension(
        "set",
        (
            Option("--match-set", (text, _SET_DIRECTIONS), negatable=True, repeatable=True),
            flag("--return-nomatch", negatable=True),
            flag("--update-counters", negatable=True),
            flag("--update-subcounters", negatable=True),
            takes("--packets-eq", _U64, negatable=True),
            takes("--packets-lt", _U64),
            takes("--packets-gt", _U64),
            takes("--bytes-eq", _U64, negatable=True),
            takes("--bytes-lt", _U64),
            takes("--bytes-gt", _U64),
        ),
        requires=("--match-set",),
        module="xt_set",
    ),
    Extension(
        "socket",
        (flag("--transparent"), flag("--nowildcard"), flag("--restore-skmark")),
        tables=frozenset({"mangle", "raw", "filter", "security", "nat"}),
        hooks=frozenset({"PREROUTING", "INPUT"}),
        module="xt_socket",
    ),
    Extension(
        "state",
        (takes("--state", states, negatable=True),),
        requires=("--state",),
        module="xt_state",
        tracking=Tracking.ALWAYS,
    ),
    Extension(
        "statistic",
        (
            takes("--mode", one_of("random", "nth")),
            takes("--probability", text, negatable=True),
            takes("--every", _U32, negatable=True),
            takes("--packet", _U32),
        ),
        requires=("--mode",),
        module="xt_statistic",
        memory=Memory.COUNTS,
        first_packet=True,
    ),
    Extension(
        "string",
        (
            takes("--from", _U16),
            takes("--to", _U16),
            takes("--algo", one_of("bm", "kmp")),
            takes("--string", text, negatable=True),
            takes("--hex-string", text, negatable=True),
            flag("--icase"),
        ),
        requires=("--string", "--hex-string"),
        module="xt_string",
        first_packet=True,
    ),
    Extension(
        "tcp",
        _ports(
            Option("--tcp-flags", (flag_list, flag_list), negatable=True),
            flag("--syn", negatable=True),
            takes("--tcp-option", _U8, negatable=True),
        ),
        protocols=frozenset({"tcp"}),
        module="xt_tcpudp",
    ),
    Extension(
        "tcpmss",
        (takes("--mss", pair(_U16, ":"), negatable=True),),
        protocols=frozenset({"tcp"}),
        requires=("--mss",),
        module="xt_tcpmss",
        first_packet=True,
    ),
    Extension(
        "time",
        (
            takes("--datestart", text),
            takes("--datestop", text),
            takes("--timestart", text),
            takes("--timestop", text),
            takes("--monthdays", text, negatable=True),
            takes("--weekdays", text, negatable=True),
            flag("--kerneltz"),
            flag("--contiguous"),
            flag("--localtz"),
            flag("--utc"),
        ),
        module="xt_time",
        memory=Memory.CLOCK,
    ),
    Extension("tos", (takes("--tos", text, negatable=True),), requires=("--tos",), module="xt_dscp", first_packet=True),
    Extension(
        "ttl",
        (takes("--ttl-eq", _U8, "--ttl", negatable=True), takes("--ttl-lt", _U8), takes("--ttl-gt", _U8)),
        families=IPV4,
        module="xt_hl",
        first_packet=True,
    ),
    Extension("u32", (takes("--u32", text, negatable=True),), requires=("--u32",), module="xt_u32", first_packet=True),
    Extension("udp", _ports(), protocols=frozenset({"udp"}), module="xt_tcpudp"),
    Extension("udplite", _ports(), protocols=frozenset({"udplite"}), module="xt_tcpudp"),
)

MATCHES: dict[str, Extension] = {entry.name: entry for entry in _ENTRIES} | {
    "icmpv6": next(entry for entry in _ENTRIES if entry.name == "icmp6")
}

# Matches that iptables loads by itself when an option of theirs stands behind `-p`.
BY_PROTOCOL: dict[int, str] = {
    1: "icmp", 6: "tcp", 17: "udp", 33: "dccp", 50: "esp", 51: "ah", 58: "icmp6", 132: "sctp", 135: "mh", 136: "udplite",
}  # fmt: skip


def match_entry(name: str, family: int) -> Extension | None:
    """The entry of a match in a family, None if it is not known there."""
    entry = MATCHES.get(name)
    return entry if entry and family in entry.families else None
