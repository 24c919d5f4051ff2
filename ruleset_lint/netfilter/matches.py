"""The catalogue of matches: one entry each.

Source: iptables-extensions(8) of iptables 1.8.9, and the kernel modules named.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import lru_cache

from ruleset_lint.netfilter.extension import IPV4, IPV6, Extension, Memory, Option, Tracking, flag, takes
from ruleset_lint.netfilter.header_values import (
    extension_headers,
    header_options,
    mobility_type,
    route_addresses,
)
from ruleset_lint.netfilter.name_values import file_name, filled, label, owner, packet_type, search_text, set_name
from ruleset_lint.netfilter.option_values import (
    bytecode,
    chunk_types,
    conntrack_status,
    dccp_types,
    direction,
    dscp_class,
    group,
    hex_string,
    icmp_type,
    ipsec_protocol,
    long_mask,
    mac_address,
    mask,
    prefix_length,
    probability,
    tos,
)
from ruleset_lint.netfilter.rate_values import hash_burst, hash_mode, hash_rate, rate, rate_interval
from ruleset_lint.netfilter.time_values import clock_time, date, month_days, week_days
from ruleset_lint.netfilter.u32_values import u32_tests
from ruleset_lint.netfilter.values import (
    Reader,
    address_types,
    addresses,
    bridge_port,
    conntrack_states,
    flag_list,
    host_network,
    integer,
    masked,
    number_range,
    one_of,
    port,
    port_list,
    port_range,
    port_span,
    protocol,
    states,
    text,
)

_U8 = integer(0, 0xFF)
_LEVEL = integer(0, 2)
_FROM_1 = integer(1, 0xFF)
_U16 = integer(0, 0xFFFF)
_U32 = integer(0, 0xFFFFFFFF)
_COUNT = integer(1, 0xFFFFFFFF)
_U64 = integer(0, 0xFFFFFFFFFFFFFFFF)
_PORT_PROTOCOLS = frozenset({"tcp", "udp", "udplite", "sctp", "dccp"})
_LOCAL_SENDER = frozenset({"OUTPUT", "POSTROUTING"})
_RECEIVED = frozenset({"PREROUTING", "INPUT", "FORWARD"})
_SET_DIRECTIONS = text  # src,dst,… one for each dimension of the set
_U8_RANGE = number_range(0xFF)
_U16_RANGE = number_range(0xFFFF)
_U32_RANGE = number_range(0xFFFFFFFF)


def _ports(*more: Option, reader: Reader = port_range) -> tuple[Option, ...]:
    return (
        takes("--sport", reader, "--source-port", negatable=True),
        takes("--dport", reader, "--destination-port", negatable=True),
        *more,
    )


def _compared(name: str, reader: Reader) -> tuple[Option, ...]:
    return tuple(takes(f"{name}-{how}", reader, negatable=True) for how in ("eq", "gt", "lt"))


_chunk_match = one_of("any", "all", "only", any_case=True)

_ENTRIES = (
    Extension(
        "addrtype",
        (
            takes("--src-type", address_types, negatable=True),
            takes("--dst-type", address_types, negatable=True),
            flag("--limit-iface-in"),
            flag("--limit-iface-out"),
        ),
        requires=("--src-type", "--dst-type"),
        module="xt_addrtype",
    ),
    Extension(
        "ah",
        (
            takes("--ahspi", _U32_RANGE, negatable=True),
            Option("--ahlen", (_U32,), negatable=True, families=IPV6),
            Option("--ahres", families=IPV6),
        ),
        module="ipt_ah",
    ),
    Extension(
        "bpf",
        (takes("--bytecode", bytecode), takes("--object-pinned", text)),
        requires=("--bytecode", "--object-pinned"),
        module="xt_bpf",
        first_packet=True,
    ),
    Extension(
        "cgroup",
        (takes("--cgroup", _U32, negatable=True), takes("--path", text, negatable=True)),
        hooks=frozenset({"INPUT", "OUTPUT", "POSTROUTING"}),
        requires=("--cgroup", "--path"),
        module="xt_cgroup",
        first_packet=True,
    ),
    Extension(
        "cluster",
        (
            takes("--cluster-total-nodes", integer(1, 32)),
            takes("--cluster-local-node", integer(1, 32), negatable=True),
            takes("--cluster-local-nodemask", _COUNT, negatable=True),
            takes("--cluster-hash-seed", _U32),
        ),
        requires=("--cluster-local-node", "--cluster-local-nodemask"),
        module="xt_cluster",
        tracking=Tracking.ALWAYS,
    ),
    Extension("comment", (takes("--comment", text),), requires=("--comment",), module="xt_comment"),
    Extension(
        "connbytes",
        (
            takes("--connbytes", number_range(0xFFFFFFFFFFFFFFFF, ordered=True), negatable=True),
            takes("--connbytes-dir", one_of("original", "reply", "both")),
            takes("--connbytes-mode", one_of("packets", "bytes", "avgpkt")),
        ),
        requires=("--connbytes",),
        module="xt_connbytes",
        tracking=Tracking.ALWAYS,
    ),
    Extension(
        "connlabel",
        (takes("--label", label, negatable=True), flag("--set")),
        requires=("--label",),
        module="xt_connlabel",
        tracking=Tracking.ALWAYS,
    ),
    Extension(
        "connlimit",
        (
            takes("--connlimit-upto", _U32, negatable=True),
            takes("--connlimit-above", _U32, negatable=True),
            takes("--connlimit-mask", long_mask),
            flag("--connlimit-saddr"),
            flag("--connlimit-daddr"),
        ),
        requires=("--connlimit-upto", "--connlimit-above"),
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
            takes("--ctproto", protocol, negatable=True),
            takes("--ctorigsrc", host_network, negatable=True),
            takes("--ctorigdst", host_network, negatable=True),
            takes("--ctreplsrc", host_network, negatable=True),
            takes("--ctrepldst", host_network, negatable=True),
            takes("--ctorigsrcport", port_span, negatable=True),
            takes("--ctorigdstport", port_span, negatable=True),
            takes("--ctreplsrcport", port_span, negatable=True),
            takes("--ctrepldstport", port_span, negatable=True),
            takes("--ctstatus", conntrack_status, negatable=True),
            takes("--ctexpire", _U32_RANGE, negatable=True),
            takes("--ctdir", direction),
        ),
        requires=(
            "--ctstate",
            "--ctproto",
            "--ctorigsrc",
            "--ctorigdst",
            "--ctreplsrc",
            "--ctrepldst",
            "--ctorigsrcport",
            "--ctorigdstport",
            "--ctreplsrcport",
            "--ctrepldstport",
            "--ctstatus",
            "--ctexpire",
            "--ctdir",
        ),
        module="xt_conntrack",
        tracking=Tracking.ALWAYS,
    ),
    Extension("cpu", (takes("--cpu", _U32, negatable=True),), requires=("--cpu",), module="xt_cpu", first_packet=True),
    Extension(
        "dccp",
        _ports(
            takes("--dccp-types", dccp_types, negatable=True),
            takes("--dccp-option", _FROM_1, negatable=True),
            reader=port_span,
        ),
        protocols=frozenset({"dccp"}),
        module="xt_dccp",
        first_packet=True,
    ),
    Extension(
        "devgroup",
        (takes("--src-group", group, negatable=True), takes("--dst-group", group, negatable=True)),
        requires=("--src-group", "--dst-group"),
        module="xt_devgroup",
    ),
    Extension(
        "dscp",
        (takes("--dscp", integer(0, 63), negatable=True), takes("--dscp-class", dscp_class, negatable=True)),
        requires=("--dscp", "--dscp-class"),
        module="xt_dscp",
        first_packet=True,
    ),
    Extension(
        "dst",
        (takes("--dst-len", _U32, negatable=True), takes("--dst-opts", header_options)),
        families=IPV6,
        module="ip6t_hbh",
        first_packet=True,
    ),
    Extension(
        "ecn",
        (
            flag("--ecn-tcp-cwr", negatable=True),
            flag("--ecn-tcp-ece", negatable=True),
            takes("--ecn-ip-ect", integer(0, 3), negatable=True),
        ),
        requires=("--ecn-tcp-cwr", "--ecn-tcp-ece", "--ecn-ip-ect"),
        module="xt_ecn",
        first_packet=True,
    ),
    Extension("esp", (takes("--espspi", _U32_RANGE, negatable=True),), protocols=frozenset({"esp"}), module="xt_esp"),
    Extension("eui64", families=IPV6, hooks=_RECEIVED, module="ip6t_eui64"),
    Extension(
        "frag",
        (
            takes("--fragid", _U32_RANGE, negatable=True),
            takes("--fraglen", _U32, negatable=True),
            flag("--fragres"),
            flag("--fragfirst"),
            flag("--fragmore"),
            flag("--fraglast"),
        ),
        families=IPV6,
        module="ip6t_frag",
        first_packet=True,
    ),
    Extension(
        "hashlimit",
        (
            takes("--hashlimit-upto", hash_rate, "--hashlimit", negatable=True),
            takes("--hashlimit-above", hash_rate, negatable=True),
            takes("--hashlimit-burst", hash_burst),
            takes("--hashlimit-mode", hash_mode),
            takes("--hashlimit-srcmask", prefix_length),
            takes("--hashlimit-dstmask", prefix_length),
            takes("--hashlimit-name", file_name),
            takes("--hashlimit-htable-size", _U32),
            takes("--hashlimit-htable-max", _U32),
            takes("--hashlimit-htable-expire", _COUNT),
            takes("--hashlimit-htable-gcinterval", _COUNT),
            flag("--hashlimit-rate-match"),
            takes("--hashlimit-rate-interval", rate_interval),
        ),
        requires=("--hashlimit-upto", "--hashlimit-above"),
        module="xt_hashlimit",
        memory=Memory.REMEMBERS,
        first_packet=True,
    ),
    Extension(
        "hbh",
        (takes("--hbh-len", _U32, negatable=True), takes("--hbh-opts", header_options)),
        families=IPV6,
        module="ip6t_hbh",
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
        requires=("--hl-eq", "--hl-lt", "--hl-gt"),
        module="xt_hl",
        first_packet=True,
    ),
    Extension(
        "icmp",
        (takes("--icmp-type", icmp_type, negatable=True),),
        requires=("--icmp-type",),
        families=IPV4,
        protocols=frozenset({"icmp"}),
        module="ip_tables",
        first_packet=True,
    ),
    Extension(
        "icmp6",
        (takes("--icmpv6-type", icmp_type, negatable=True),),
        requires=("--icmpv6-type",),
        families=IPV6,
        protocols=frozenset({"icmpv6", "ipv6-icmp", "icmp6"}),
        module="ip6_tables",
        first_packet=True,
    ),
    Extension(
        "ipcomp",
        (takes("--ipcompspi", _U32_RANGE, negatable=True), flag("--compres")),
        protocols=frozenset({"ipcomp"}),
        module="xt_ipcomp",
    ),
    Extension(
        "iprange",
        (takes("--src-range", addresses, negatable=True), takes("--dst-range", addresses, negatable=True)),
        requires=("--src-range", "--dst-range"),
        module="xt_iprange",
    ),
    Extension(
        "ipv6header",
        (takes("--header", extension_headers, negatable=True), flag("--soft")),
        families=IPV6,
        requires=("--header",),
        module="ip6t_ipv6header",
        first_packet=True,
    ),
    Extension(
        "ipvs",
        (
            flag("--ipvs", negatable=True),
            takes("--vproto", protocol, negatable=True),
            takes("--vaddr", host_network, negatable=True),
            takes("--vport", port, negatable=True),
            takes("--vdir", direction),
            takes("--vmethod", text, negatable=True),
            takes("--vportctl", port, negatable=True),
        ),
        module="xt_ipvs",
    ),
    Extension(
        "length",
        (takes("--length", _U16_RANGE, negatable=True),),
        requires=("--length",),
        module="xt_length",
        first_packet=True,
    ),
    Extension(
        "limit",
        (takes("--limit", rate), takes("--limit-burst", integer(0, 10000))),
        module="xt_limit",
        memory=Memory.COUNTS,
        first_packet=True,
    ),
    Extension(
        "mac",
        (takes("--mac-source", mac_address, negatable=True),),
        hooks=_RECEIVED,
        requires=("--mac-source",),
        module="xt_mac",
    ),
    Extension("mark", (takes("--mark", masked, negatable=True),), requires=("--mark",), module="xt_mark"),
    Extension(
        "mh",
        (takes("--mh-type", mobility_type, negatable=True),),
        families=IPV6,
        protocols=frozenset({"mh"}),
        module="ip6t_mh",
        first_packet=True,
    ),
    Extension(
        "multiport",
        (
            takes("--sports", port_list, "--source-ports", negatable=True),
            takes("--dports", port_list, "--destination-ports", negatable=True),
            takes("--ports", port_list, negatable=True),
        ),
        requires=("--sports", "--dports", "--ports"),
        protocols=_PORT_PROTOCOLS,
        module="xt_multiport",
    ),
    Extension("nfacct", (takes("--nfacct-name", filled),), requires=("--nfacct-name",), module="xt_nfacct"),
    Extension(
        "osf",
        families=IPV4,
        options=(takes("--genre", text, negatable=True), takes("--ttl", _LEVEL), takes("--log", _LEVEL)),
        hooks=_RECEIVED,
        protocols=frozenset({"tcp"}),
        requires=("--genre",),
        module="xt_osf",
        first_packet=True,
    ),
    Extension(
        "owner",
        (
            takes("--uid-owner", owner, negatable=True),
            takes("--gid-owner", owner, negatable=True),
            flag("--socket-exists", negatable=True),
            flag("--suppl-groups"),
        ),
        requires=("--uid-owner", "--gid-owner", "--socket-exists"),
        hooks=_LOCAL_SENDER,
        module="xt_owner",
    ),
    Extension(
        "physdev",
        (
            takes("--physdev-in", bridge_port, negatable=True),
            takes("--physdev-out", bridge_port, negatable=True),
            flag("--physdev-is-in", negatable=True),
            flag("--physdev-is-out", negatable=True),
            flag("--physdev-is-bridged", negatable=True),
        ),
        requires=(
            "--physdev-in",
            "--physdev-out",
            "--physdev-is-in",
            "--physdev-is-out",
            "--physdev-is-bridged",
        ),
        module="xt_physdev",
    ),
    Extension(
        "pkttype",
        (takes("--pkt-type", packet_type, negatable=True),),
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
            takes("--reqid", _U32, negatable=True, repeatable=True),
            takes("--spi", _U32, negatable=True, repeatable=True),
            takes("--proto", ipsec_protocol, negatable=True, repeatable=True),
            takes("--mode", one_of("transport", "tunnel"), negatable=True, repeatable=True),
            takes("--tunnel-src", host_network, negatable=True, repeatable=True),
            takes("--tunnel-dst", host_network, negatable=True, repeatable=True),
            Option("--next", repeatable=True),
        ),
        requires=("--dir",),
        module="xt_policy",
    ),
    Extension(
        "quota",
        (takes("--quota", _U64, negatable=True),),
        requires=("--quota",),
        module="xt_quota",
        memory=Memory.COUNTS,
        first_packet=True,
    ),
    Extension(
        "rateest",
        (
            takes("--rateest1", text, "--rateest"),
            takes("--rateest2", text),
            flag("--rateest-delta"),
            Option("--rateest-bps1", (text,), ("--rateest-bps",), optional=True),
            Option("--rateest-pps1", (text,), ("--rateest-pps",), optional=True),
            Option("--rateest-bps2", (text,), optional=True),
            Option("--rateest-pps2", (text,), optional=True),
            flag("--rateest-lt", negatable=True),
            flag("--rateest-gt", negatable=True),
            flag("--rateest-eq", negatable=True),
        ),
        requires=("--rateest1",),
        module="xt_rateest",
        memory=Memory.COUNTS,
        first_packet=True,
    ),
    Extension(
        "recent",
        (
            flag("--set", negatable=True),
            flag("--rcheck", negatable=True),
            flag("--update", negatable=True),
            flag("--remove", negatable=True),
            takes("--seconds", integer(1, 0xFFFFFFFF)),
            flag("--reap"),
            takes("--hitcount", integer(0, 0xFFFF)),
            flag("--rttl"),
            takes("--name", file_name),
            flag("--rsource"),
            flag("--rdest"),
            takes("--mask", mask),
        ),
        requires=("--set", "--rcheck", "--update", "--remove"),
        module="xt_recent",
        memory=Memory.REMEMBERS,
        first_packet=True,
    ),
    Extension(
        "realm",
        (takes("--realm", group, negatable=True),),
        families=IPV4,
        hooks=frozenset({"INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}),
        requires=("--realm",),
        module="xt_realm",
    ),
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
            takes("--rt-segsleft", _U32_RANGE, negatable=True),
            takes("--rt-len", _U32, negatable=True),
            flag("--rt-0-res"),
            takes("--rt-0-addrs", route_addresses),
            flag("--rt-0-not-strict"),
        ),
        families=IPV6,
        module="ip6t_rt",
        first_packet=True,
    ),
    Extension(
        "sctp",
        _ports(Option("--chunk-types", (_chunk_match, chunk_types), negatable=True)),
        protocols=frozenset({"sctp"}),
        module="xt_sctp",
        first_packet=True,
    ),
    Extension(
        "set",
        (
            Option("--match-set", (set_name, _SET_DIRECTIONS), negatable=True, repeatable=True),
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
        first_packet=True,
    ),
    Extension(
        "srh",
        (
            takes("--srh-next-hdr", _U8, negatable=True),
            *_compared("--srh-hdr-len", _U8),
            *_compared("--srh-segs-left", _U8),
            *_compared("--srh-last-entry", _U8),
            takes("--srh-tag", _U16, negatable=True),
            takes("--srh-psid", host_network, negatable=True),
            takes("--srh-nsid", host_network, negatable=True),
            takes("--srh-lsid", host_network, negatable=True),
        ),
        families=IPV6,
        module="ip6t_srh",
        first_packet=True,
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
            takes("--probability", probability, negatable=True),
            takes("--every", integer(1, 0xFFFFFFFF), negatable=True),
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
            takes("--string", search_text, negatable=True),
            takes("--hex-string", hex_string, negatable=True),
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
            takes("--tcp-option", _FROM_1, negatable=True),
        ),
        protocols=frozenset({"tcp"}),
        module="xt_tcpudp",
    ),
    Extension(
        "tcpmss",
        (takes("--mss", number_range(0xFFFF, ordered=True), negatable=True),),
        protocols=frozenset({"tcp"}),
        requires=("--mss",),
        module="xt_tcpmss",
        first_packet=True,
    ),
    Extension(
        "time",
        (
            takes("--datestart", date),
            takes("--datestop", date),
            takes("--timestart", clock_time),
            takes("--timestop", clock_time),
            takes("--monthdays", month_days, negatable=True),
            takes("--weekdays", week_days, negatable=True),
            flag("--kerneltz"),
            flag("--contiguous"),
            flag("--localtz"),
            flag("--utc"),
        ),
        module="xt_time",
        memory=Memory.CLOCK,
    ),
    Extension("tos", (takes("--tos", tos, negatable=True),), requires=("--tos",), module="xt_dscp", first_packet=True),
    Extension(
        "ttl",
        (takes("--ttl-eq", _U8, "--ttl", negatable=True), takes("--ttl-lt", _U8), takes("--ttl-gt", _U8)),
        families=IPV4,
        requires=("--ttl-eq", "--ttl-lt", "--ttl-gt"),
        module="xt_hl",
        first_packet=True,
    ),
    Extension(
        "u32", (takes("--u32", u32_tests, negatable=True),), requires=("--u32",), module="xt_u32", first_packet=True
    ),
    Extension("udp", _ports(reader=port_span), protocols=frozenset({"udp"}), module="xt_tcpudp"),
)

MATCHES: dict[str, Extension] = {entry.name: entry for entry in _ENTRIES} | {
    alias: next(entry for entry in _ENTRIES if entry.name == "icmp6") for alias in ("icmpv6", "ipv6-icmp")
}

# What is asked of IPv4 only: ipt_ah wants its protocol, ip6t_ah looks for its header.
_IPV4 = {"ah": MATCHES["ah"]._replace(protocols=frozenset({"ah"}))}

# Matches of others (xtables-addons and the like) whose names look like those of iptables.
_ELSEWHERE = frozenset({"account", "condition", "dhcpmac", "ipp2p", "ipv4options"})

# Matches that iptables loads by itself when an option of theirs stands behind `-p`.
BY_PROTOCOL: dict[int, str] = {
    1: "icmp", 6: "tcp", 17: "udp", 33: "dccp", 50: "esp", 51: "ah", 58: "icmp6", 108: "ipcomp", 132: "sctp", 135: "mh",
}  # fmt: skip


def match_entry(name: str, family: int) -> Extension | None:
    """The entry of a match in a family, None if it is not known there."""
    entry = _IPV4.get(name) if family == 4 else None
    entry = entry or MATCHES.get(name)
    return entry if entry and family in entry.families else None


@lru_cache(maxsize=1024)
def misspelt_match(name: str) -> str:
    """What is wrong with a name that no match of iptables has; empty if it may be a match of others."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*", name):
        return "name of a match expected"
    near = [] if name[-1].isdigit() or name in _ELSEWHERE else get_close_matches(name[:40], MATCHES, 1, 0.85)
    return f"no match of that name, the nearest is {near[0]}" if near else ""
