"""Words that options take, as iptables 1.8.9 prints them with --help. Knows no option and how none of them reads."""

from __future__ import annotations

ICMP = (
    "any", "echo-reply", "pong", "destination-unreachable", "network-unreachable", "host-unreachable",
    "protocol-unreachable", "port-unreachable", "fragmentation-needed", "source-route-failed", "network-unknown",
    "host-unknown", "network-prohibited", "host-prohibited", "TOS-network-unreachable", "TOS-host-unreachable",
    "communication-prohibited", "host-precedence-violation", "precedence-cutoff", "source-quench", "redirect",
    "network-redirect", "host-redirect", "TOS-network-redirect", "TOS-host-redirect", "echo-request", "ping",
    "router-advertisement", "router-solicitation", "time-exceeded", "ttl-exceeded", "ttl-zero-during-transit",
    "ttl-zero-during-reassembly", "parameter-problem", "ip-header-bad", "required-option-missing",
    "timestamp-request", "timestamp-reply", "address-mask-request", "address-mask-reply",
)  # fmt: skip
ICMP6 = (
    "destination-unreachable", "no-route", "communication-prohibited", "beyond-scope", "address-unreachable",
    "port-unreachable", "failed-policy", "reject-route", "packet-too-big", "time-exceeded", "ttl-exceeded",
    "ttl-zero-during-transit", "ttl-zero-during-reassembly", "parameter-problem", "bad-header",
    "unknown-header-type", "unknown-option", "echo-request", "ping", "echo-reply", "pong", "router-solicitation",
    "router-advertisement", "neighbour-solicitation", "neighbor-solicitation", "neighbour-advertisement",
    "neighbor-advertisement", "redirect",
)  # fmt: skip
REJECT = (
    "icmp-net-unreachable", "net-unreach", "icmp-host-unreachable", "host-unreach", "icmp-proto-unreachable",
    "proto-unreach", "icmp-port-unreachable", "port-unreach", "icmp-net-prohibited", "net-prohib",
    "icmp-host-prohibited", "host-prohib", "icmp-admin-prohibited", "admin-prohib", "tcp-reset", "tcp-rst",
)  # fmt: skip
REJECT6 = (
    "icmp6-no-route", "no-route", "icmp6-adm-prohibited", "adm-prohibited", "icmp6-addr-unreachable",
    "addr-unreach", "icmp6-port-unreachable", "port-unreach", "tcp-reset", "icmp6-policy-fail", "policy-fail",
    "icmp6-reject-route", "reject-route",
)  # fmt: skip
LOG_LEVELS = ("alert", "crit", "debug", "emerg", "error", "info", "notice", "panic", "warning")
TOS = ("minimize-delay", "maximize-throughput", "maximize-reliability", "minimize-cost", "normal-service")
DSCP_CLASSES = (
    "af11", "af12", "af13", "af21", "af22", "af23", "af31", "af32", "af33", "af41", "af42", "af43", "be", "cs0",
    "cs1", "cs2", "cs3", "cs4", "cs5", "cs6", "cs7", "ef",
)  # fmt: skip
UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
SCTP_CHUNKS = frozenset({
    "ABORT", "ASCONF", "ASCONF_ACK", "COOKIE_ACK", "COOKIE_ECHO", "DATA", "ECN_CWR", "ECN_ECNE", "ERROR",
    "FORWARD_TSN", "HEARTBEAT", "HEARTBEAT_ACK", "INIT", "INIT_ACK", "I_DATA", "I_FORWARD_TSN", "PAD", "RE_CONFIG",
    "SACK", "SHUTDOWN", "SHUTDOWN_ACK", "SHUTDOWN_COMPLETE",
})  # fmt: skip
SCTP_FLAGS = {"DATA": "IUBE", "I_DATA": "IUBE", "ABORT": "T", "SHUTDOWN_COMPLETE": "T"}
# helpers of the kernel, the protocols they are for, and the families (nf_conntrack_*.c)
HELPERS = {
    "amanda": (("udp",), (4, 6)), "ftp": (("tcp",), (4, 6)), "irc": (("tcp",), (4,)), "netbios-ns": (("udp",), (4,)),
    "pptp": (("tcp",), (4,)), "Q.931": (("tcp",), (4, 6)), "RAS": (("udp",), (4, 6)), "sane": (("tcp",), (4, 6)),
    "sip": (("tcp", "udp"), (4, 6)), "snmp": (("udp",), (4,)), "tftp": (("udp",), (4, 6)),
}  # fmt: skip
DCCP_TYPES = frozenset({
    "ACK", "CLOSE", "CLOSEREQ", "DATA", "DATAACK", "INVALID", "REQUEST", "RESET", "RESPONSE", "SYNC", "SYNCACK",
})  # fmt: skip
MOBILITY = (
    "binding-refresh-request", "brr", "home-test-init", "hoti", "careof-test-init", "coti", "home-test", "hot",
    "careof-test", "cot", "binding-update", "bu", "binding-acknowledgement", "ba", "binding-error", "be",
)  # fmt: skip
HEADERS = frozenset({
    "0", "255", "43", "44", "50", "51", "59", "60", "ah", "auth", "dst", "esp", "frag", "hop", "hop-by-hop",
    "ipv6-frag", "ipv6-nonxt", "ipv6-opts", "ipv6-route", "none", "prot", "protocol", "route",
})  # fmt: skip
EVENTS = frozenset({
    "assured", "destroy", "helper", "mark", "natseqinfo", "new", "protoinfo", "related", "reply", "secmark",
})  # fmt: skip
STATUS = ("NONE", "EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
TCP_OPTIONS = {"mss": 2, "wscale": 3, "sack-permitted": 4, "sack": 5, "timestamp": 8, "md5": 19}
