"""Situations that broke rewrites which patched rules in place, each as small as it still breaks them."""

from __future__ import annotations

from .flows import Flow
from .probes import Probe
from .situation import (
    DNS,
    ESTABLISHED,
    HTTP,
    LOCAL,
    LOCAL_OUT,
    REPLY,
    SSH,
    WEB,
    Situation,
    host,
    table,
    usual,
)

NEW_WEB = "-p tcp -m state --state NEW -m tcp --dport 80"
CLIENT_OF_PORT = Probe("host", 80, "remote", 45000, "tcp:S")


def raw(*rules: str) -> str:
    """A raw table that accepts."""
    return table("raw", *rules, PREROUTING="ACCEPT", OUTPUT="ACCEPT")


def mangle(*rules: str) -> str:
    """A mangle table that accepts."""
    return table(
        "mangle", *rules, PREROUTING="ACCEPT", INPUT="ACCEPT", FORWARD="ACCEPT", OUTPUT="ACCEPT", POSTROUTING="ACCEPT"
    )


OUTPUT_STATES = (
    Situation("output-new-established", host(LOCAL, ESTABLISHED, SSH, WEB, LOCAL_OUT,
        "-A OUTPUT -m state --state NEW,ESTABLISHED -j ACCEPT", outgoing="DROP"), passes=(CLIENT_OF_PORT,)),
    Situation("output-new-rejected", usual(WEB, LOCAL_OUT,
        "-A OUTPUT -m state --state NEW -j REJECT --reject-with icmp-port-unreachable"),
        drops=(CLIENT_OF_PORT,), fails={"client tcp/80": "connect: refused", "echo": "echo: not permitted"}),
    Situation("output-new-to-chain", host(LOCAL, ESTABLISHED, SSH, WEB, LOCAL_OUT, REPLY,
        "-A OUTPUT -m state --state NEW -j EGRESS",
        "-A EGRESS -p tcp -m tcp --dport 80 -j ACCEPT", "-A EGRESS -j DROP", chains=("EGRESS",), outgoing="DROP"),
        drops=(CLIENT_OF_PORT,), fails={"echo": "echo: not permitted"}),
    Situation("output-not-invalid-new", host(LOCAL, ESTABLISHED, SSH, WEB, LOCAL_OUT,
        "-A OUTPUT -m state ! --state INVALID,NEW -j ACCEPT", outgoing="DROP"), drops=(CLIENT_OF_PORT,),
        fails={"client tcp/80": "connect: no answer", "echo": "echo: not permitted"}),
    Situation("output-not-related-established-dropped", usual(WEB, LOCAL_OUT,
        "-A OUTPUT -m state ! --state RELATED,ESTABLISHED -j DROP"), drops=(CLIENT_OF_PORT,),
        fails={"client tcp/80": "connect: no answer", "echo": "echo: not permitted"}),
    Situation("output-reset-limit", usual(WEB,
        "-A OUTPUT -p tcp -m tcp --tcp-flags RST RST -m limit --limit 1/min --limit-burst 2 -j ACCEPT",
        "-A OUTPUT -p tcp -m tcp --tcp-flags RST RST -j DROP"), counts=True,
        fails={"server-reset tcp/80": "server-reset: no answer"}),
    Situation("output-invalid-dropped", usual(WEB, "-A OUTPUT -m state --state INVALID -j DROP")),
    Situation("block-chain", table("filter", "-A INPUT -j block", "-A FORWARD -j block",
        "-A block -m state --state RELATED,ESTABLISHED -j ACCEPT",
        "-A block ! -i eth0 -m state --state NEW -j ACCEPT", f"-A block {NEW_WEB} -j ACCEPT", "-A block -j DROP",
        chains=("block",), INPUT="ACCEPT", FORWARD="ACCEPT", OUTPUT="ACCEPT"), fails={"ssh": "connect: no answer",
        "ssh from the service's port": "connect: no answer"}),
)  # fmt: skip

FIRST_PACKETS = (
    Situation("input-not-invalid-new", host(LOCAL, "-A INPUT -m state ! --state INVALID,NEW -j ACCEPT", SSH,
        f"-A INPUT -s 203.0.113.0/24 {NEW_WEB} -j ACCEPT"), fails={"refused tcp/80": "connect: no answer",
        "lan tcp/80": "connect: no answer"}),
    Situation("input-not-new-invalid-then-blacklist", host(LOCAL,
        "-A INPUT -m state ! --state NEW,INVALID -j ACCEPT", "-A INPUT -s 198.51.100.0/24 -j DROP", SSH, WEB),
        fails={"refused tcp/80": "connect: no answer"}),
    Situation("input-not-known-dropped", host(LOCAL, "-A INPUT -m state ! --state NEW,RELATED,ESTABLISHED -j DROP",
        "-A INPUT -s 198.51.100.0/24 -j DROP", "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT", ESTABLISHED, SSH),
        fails={"refused tcp/80": "connect: no answer"}),
    Situation("tcpmss", usual(f"-A INPUT {NEW_WEB} -m tcpmss ! --mss 536:65535 -j DROP", WEB)),
    Situation("tcpmss-refuses-some",
        usual(f"-A INPUT -s 198.51.100.0/24 {NEW_WEB} -m tcpmss --mss 536:65535 -j DROP", WEB),
        fails={"refused tcp/80": "connect: no answer"}),
    Situation("new-syn-only",
        usual("-A INPUT -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -m state --state NEW -j DROP", WEB)),
    Situation("recent-rcheck", usual("-A INPUT -p tcp -m tcp --dport 23 -m recent --set --name BAD --rsource -j DROP",
        "-A INPUT -m recent --rcheck --seconds 60 --name BAD --rsource -j DROP", WEB), counts=True),
    Situation("recent-rcheck-mixed", host(LOCAL,
        "-A INPUT -m recent --rcheck --seconds 60 --name BAD --rsource -j DROP", ESTABLISHED, SSH, WEB,
        "-A INPUT -p tcp -m tcp --dport 23 -m recent --set --name BAD --rsource -j DROP"), counts=True),
    Situation("recent-counts-new", usual(f"-A INPUT {NEW_WEB} -m recent --set --name WEB --rsource",
        f"-A INPUT {NEW_WEB} -m recent --rcheck --seconds 60 --hitcount 6 --name WEB --rsource -j DROP", WEB),
        counts=True),
    Situation("log-drop-chain", usual("-A INPUT -s 198.51.100.0/24 -m state --state NEW -j LOGDROP", WEB,
        '-A LOGDROP -m limit --limit 3/min -j LOG --log-prefix "refused "', "-A LOGDROP -j DROP",
        chains=("LOGDROP",)), fails={"refused tcp/80": "connect: no answer"}),
    Situation("iprange", usual(f"-A INPUT {NEW_WEB} -m iprange --src-range 203.0.113.1-203.0.113.80 -j ACCEPT"),
        fails={"refused tcp/80": "connect: no answer", "asymmetric tcp/80": "connect: no answer",
        "lan tcp/80": "connect: no answer", "narrow tcp/80": "connect: no answer"}),
    Situation("established-string-dropped", host(LOCAL,
        '-A INPUT -p tcp -m state --state ESTABLISHED -m tcp --dport 80 -m string --string "evil" --algo bm -j DROP',
        ESTABLISHED, SSH, WEB), extra={Flow("remote", "host", 80, word="evil"): "request: no answer"}),
    Situation("string-behind-established",
        usual('-A INPUT -p tcp -m tcp --dport 80 -m string --string "evil" --algo bm -j DROP', WEB),
        extra={Flow("remote", "host", 80, word="evil"): "ok"}),
    Situation("length-behind-established", usual(f"-A INPUT {NEW_WEB} -m length --length 0:60 -j ACCEPT")),
    Situation("length-established-dropped", host(LOCAL,
        "-A INPUT -p tcp -m state --state ESTABLISHED -m tcp --dport 80 -m length --length 1000:65535 -j DROP",
        ESTABLISHED, SSH, WEB),
        extra={Flow("remote", "host", 80, request=1200): "request: no answer"}),
    Situation("statistic", usual(f"-A INPUT {NEW_WEB} -m statistic --mode nth --every 3 --packet 2 -j DROP", WEB),
        counts=True, fails={"asymmetric tcp/80": "connect: no answer", "error tcp/80": "connect: no answer",
        "narrow tcp/80": "connect: no answer"}),
    Situation("new-marked", usual("-A INPUT -p tcp -m state --state NEW -m mark --mark 0x1 -j ACCEPT") +
        mangle(f"-A PREROUTING -i eth0 {NEW_WEB} -j MARK --set-xmark 0x1/0xffffffff"),
        fails={"lan tcp/80": "connect: no answer"}),
    Situation("new-marked-dropped", usual("-A INPUT -m mark --mark 0x1 -j DROP", WEB) +
        mangle("-A PREROUTING -s 198.51.100.0/24 -m state --state NEW -j MARK --set-xmark 0x1/0xffffffff"),
        fails={"refused tcp/80": "connect: no answer"}),
    Situation("mangle-invalid-dropped", usual(WEB) + mangle("-A PREROUTING -m state --state INVALID -j DROP")),
    Situation("mangle-new-not-syn-dropped", usual(WEB) +
        mangle("-A PREROUTING -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -m state --state NEW -j DROP")),
)  # fmt: skip

UNTRACKED_LISTS = (
    Situation("untracked-accepted", host(LOCAL, "-A INPUT -m state --state RELATED,ESTABLISHED,UNTRACKED -j ACCEPT",
        SSH, f"-A INPUT -s 203.0.113.0/24 {NEW_WEB} -j ACCEPT"), fails={"refused tcp/80": "connect: no answer",
        "lan tcp/80": "connect: no answer"}),
    Situation("untracked-dropped", host(LOCAL, "-A INPUT -m state --state INVALID,UNTRACKED -j DROP", ESTABLISHED,
        SSH, WEB)),
    Situation("one-sided-notrack", usual(WEB,
        "-A INPUT -p tcp -m tcp --dport 80 -m state --state UNTRACKED -j ACCEPT") +
        raw("-A PREROUTING -p tcp -m tcp --dport 80 -j NOTRACK")),
    Situation("other-service-untracked", usual(WEB,
        "-A INPUT -p udp -m udp --dport 53 -m state --state UNTRACKED -j ACCEPT") +
        raw("-A PREROUTING -p udp -m udp --dport 53 -j NOTRACK", "-A OUTPUT -p udp -m udp --sport 53 -j NOTRACK"),
        extra={Flow("remote", "host", 53, "udp"): "ok"}),
    Situation("raw-accept-first", usual(WEB) + raw("-A PREROUTING -s 203.0.113.77/32 -j ACCEPT")),
    Situation("v6-not-known-accepted", host(LOCAL, "-A INPUT -m state ! --state NEW,INVALID -j ACCEPT", SSH, WEB),
        family=6,
        passes=(Probe("gateway", 0, "host", 0, "icmpv6:router-advertisement"),)),
    Situation("v6-not-invalid-new-output", host(LOCAL, ESTABLISHED, SSH, WEB, LOCAL_OUT,
        "-A OUTPUT -m state ! --state INVALID,NEW -j ACCEPT", outgoing="DROP"), family=6,
        passes=(Probe("host", 0, "gateway", 0, "icmpv6:neighbour-advertisement"),), drops=(Probe("gateway", 0,
        "host", 0, "icmpv6:router-advertisement"),),
        fails={"client tcp/80": "connect: no answer", "echo": "echo: not permitted"}),
    Situation("v6-mangle-invalid-dropped", usual(WEB) + mangle("-A PREROUTING -m state --state INVALID -j DROP"),
        family=6),
)  # fmt: skip

WAYS = (
    Situation("lan-without-port", usual("-A INPUT -i eth1 -j ACCEPT", f"-A INPUT -i eth0 {NEW_WEB} -j ACCEPT")),
    Situation("lan-new-without-port", usual("-A INPUT -i eth1 -m state --state NEW -j ACCEPT",
        f"-A INPUT -i eth0 {NEW_WEB} -j ACCEPT")),
    Situation("lan-to-outside", table("filter", LOCAL, ESTABLISHED, SSH, WEB,
        "-A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT",
        "-A FORWARD -i eth1 -o eth0 -m state --state NEW -j ACCEPT", INPUT="DROP", FORWARD="DROP", OUTPUT="ACCEPT"),
        extra={Flow("lan", "remote", 80): "ok"}),
    Situation("outside-to-lan", table("filter", LOCAL, ESTABLISHED, SSH, f"-A INPUT -i eth0 {NEW_WEB} -j ACCEPT",
        "-A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT",
        "-A FORWARD -i eth0 -o eth1 -p tcp -m state --state NEW -m tcp --dport 80 -j ACCEPT", INPUT="DROP",
        FORWARD="DROP", OUTPUT="ACCEPT"),
        extra={Flow("remote", "server", 80): "ok", Flow("remote", "leg", 80): "ok"},
        fails={"lan tcp/80": "connect: no answer"}),
    Situation("asymmetric-output-drop", host(LOCAL, ESTABLISHED, SSH, f"-A INPUT -i eth0 {NEW_WEB} -j ACCEPT",
        LOCAL_OUT, REPLY, outgoing="DROP"),
        fails={"lan tcp/80": "connect: no answer", "client tcp/80": "connect: no answer",
        "echo": "echo: not permitted"}),
    Situation("established-by-interface", host(LOCAL,
        "-A INPUT -i eth0 -m state --state RELATED,ESTABLISHED -j ACCEPT", SSH, WEB),
        fails={"lan tcp/80": "accept: no answer"}),
    Situation("established-by-source", host(LOCAL,
        "-A INPUT -s 203.0.113.0/24 -m state --state RELATED,ESTABLISHED -j ACCEPT", SSH, WEB),
        fails={"refused tcp/80": "accept: no answer", "lan tcp/80": "accept: no answer",
        "narrow tcp/80": "answer: no answer"}),
    Situation("established-to-high-ports-only", host(LOCAL,
        "-A INPUT -p tcp -m state --state ESTABLISHED -m tcp --dport 1024:65535 -j ACCEPT", SSH,
        "-A INPUT -p tcp -m state --state NEW,ESTABLISHED -m tcp --dport 80 -j ACCEPT"),
        fails={"error tcp/80": "icmp-error: no answer", "narrow tcp/80": "answer: no answer",
        "ssh": "accept: no answer",
        "ssh from the service's port": "accept: no answer", "echo": "echo: no answer"}),
    Situation("loopback-invalid-dropped", host("-A INPUT -m state --state INVALID -j DROP", ESTABLISHED, SSH,
        f"-A INPUT {NEW_WEB} --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT"),
        drops=(Probe("host", 45000, "host", 80, "tcp:A"), Probe("host", 45000, "host", 80, "tcp:FA"))),
    Situation("original-source-beside-state",
        usual("-A INPUT -p tcp -m conntrack --ctstate NEW --ctorigsrc 203.0.113.0/24 -m tcp --dport 80 -j ACCEPT"),
        fails={"refused tcp/80": "connect: no answer", "lan tcp/80": "connect: no answer"}),
    Situation("original-source-not-invalid",
        usual("-A INPUT -p tcp -m conntrack ! --ctstate INVALID --ctorigsrc 203.0.113.0/24 -m tcp --dport 80"
        " -j ACCEPT"),
        fails={"refused tcp/80": "connect: no answer", "lan tcp/80": "connect: no answer"}),
    Situation("dns-no-established", host(LOCAL, "-A INPUT -p tcp -m state --state ESTABLISHED -j ACCEPT", SSH,
        "-A INPUT -p udp -m state --state NEW -m udp --dport 53 -j ACCEPT"), (DNS,),
        fails={"in udp/53": "request again: no answer", "refused udp/53": "request again: no answer",
        "asymmetric udp/53": "request again: no answer", "lan udp/53": "request again: no answer",
        "error udp/53": "request again: no answer", "client udp/53": "answer: no answer",
        "fragments udp/53": "request again: no answer", "echo": "echo: no answer"}),
    Situation("output-marked-route", usual(WEB, "-A OUTPUT -m mark --mark 0x2 -j DROP") +
        mangle("-A OUTPUT -m state --state NEW -m owner --uid-owner 65534 -j MARK --set-xmark 0x2/0xffffffff")),
    Situation("helper-related", host(LOCAL, "-A INPUT -m state --state ESTABLISHED -j ACCEPT",
        '-A INPUT -m helper --helper "ftp" -m state --state RELATED -j ACCEPT', SSH, WEB),
        fails={"error tcp/80": "icmp-error: no answer", "narrow tcp/80": "answer: no answer"}),
    Situation("http-and-dns", usual(WEB, "-A INPUT -p udp -m state --state NEW -m udp --dport 53 -j ACCEPT",
        "-A INPUT -s 198.51.100.0/24 -j DROP"), (HTTP, DNS)),
)  # fmt: skip

HARD = (*OUTPUT_STATES, *FIRST_PACKETS, *UNTRACKED_LISTS, *WAYS)
