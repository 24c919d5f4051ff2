"""Rules patched one by one for a service that leaves connection tracking: what each of the patches breaks or opens."""

from __future__ import annotations

from connection_faults import (
    ANSWERED,
    BLACKLIST,
    BLANKET,
    BOTH_PORTS,
    BOTH_WEB,
    DEAD,
    DNS_NOTRACK,
    ERROR_DEAD,
    ERRORS,
    GATE,
    HOLE,
    IN_LOCAL,
    LATER_DEAD,
    LATER_LET_IN,
    NOTRACK,
    OPENED_FROM_PORT,
    ORIGINAL,
    OUT_LOCAL,
    REPLY_DEAD,
    SPECIALISED,
    STATE,
    STRAY,
    TRACKING,
    TWICE,
    UNTRACKED,
    Fault,
    after,
    mangle,
    raw,
    situation,
)
from kernel.situation import ESTABLISHED, LOCAL, LOCAL_OUT, REPLY, SSH, WEB, host, usual

EVIL = '-m string --string "evil" --algo bm -j DROP'
LISTED = "-m recent --name WEB --rsource"
ORIGIN = "-m conntrack --ctstate NEW --ctorigsrc 203.0.113.0/24 -m tcp --dport 80 -j ACCEPT"
ADVERTISED = "icmpv6 "
PATCHES = {
    "OUTPUT NEW,ESTABLISHED without a twin": Fault(
        situation("output-new-established"),
        after(LOCAL, ESTABLISHED, SSH, TWICE, LOCAL_OUT, f"-A OUTPUT {STATE} NEW,ESTABLISHED -j ACCEPT",
              outgoing="DROP"),
        *REPLY_DEAD,
    ),
    "OUTPUT NEW rejected": Fault(
        situation("output-new-rejected"), situation("output-new-rejected").replace(WEB, TWICE) + NOTRACK,
        *OPENED_FROM_PORT[:3], ("REJECT icmp-port-unreachable", "ACCEPT"),
    ),
    "OUTPUT NEW to a chain": Fault(
        situation("output-new-to-chain"),
        situation("output-new-to-chain").replace(WEB, f"{TWICE}\n{ANSWERED}") + NOTRACK, *OPENED_FROM_PORT,
    ),
    "OUTPUT not INVALID, not NEW": Fault(
        situation("output-not-invalid-new"), situation("output-not-invalid-new").replace(WEB, TWICE) + NOTRACK,
        *OPENED_FROM_PORT,
    ),
    "NEW without SYN dropped, copied": Fault(
        situation("drop-new-not-syn"), situation("drop-new-not-syn").replace("NEW", "NEW,UNTRACKED") + NOTRACK,
        *LATER_DEAD,
    ),
    "tcpmss, copied": Fault(
        situation("tcpmss"), situation("tcpmss").replace("NEW", "NEW,UNTRACKED") + NOTRACK, *LATER_DEAD
    ),
    "a gate above a blacklist": Fault(
        situation("blacklist"), after(*GATE, LOCAL, ESTABLISHED, SSH, BLACKLIST, TWICE), STRAY[0], STRAY[1],
        (" 198.51.100.",), STRAY[3],
    ),
    "recent in the way of later packets": Fault(
        situation("recent-rcheck"), situation("recent-rcheck").replace(WEB, TWICE) + NOTRACK,
        *LATER_DEAD[:2], ("--rcheck", "flags=ACK "), LATER_DEAD[3],
    ),
    "a gate inside a chain that drops": Fault(
        situation("log-drop-chain"),
        situation("log-drop-chain").replace("NEW", "NEW,UNTRACKED").replace(
            "-A LOGDROP -m limit", GATE[0].replace("INPUT", "LOGDROP") + "\n-A LOGDROP -m limit"
        ) + NOTRACK, STRAY[0], STRAY[1], (" 198.51.100.", "flags=ACK "), STRAY[3],
    ),
    "a gate with less than the accept asks": Fault(
        situation("iprange"), situation("iprange").replace(SSH, f"{GATE[0]}\n{SSH}").replace("NEW", "NEW,UNTRACKED")
        + NOTRACK, *STRAY,
    ),
    "ESTABLISHED string forgotten": Fault(
        situation("established-string-dropped"), situation("established-string-dropped").replace(WEB, TWICE) + NOTRACK,
        *LATER_LET_IN[:2], ("evil",), LATER_LET_IN[3],
    ),
    "string behind ESTABLISHED": Fault(
        situation("string-behind-established"), situation("string-behind-established").replace(WEB, TWICE) + NOTRACK,
        *LATER_DEAD[:2], ("evil",), LATER_DEAD[3],
    ),
    "length behind ESTABLISHED": Fault(
        situation("length-behind-established"),
        situation("length-behind-established").replace("NEW", "NEW,UNTRACKED") + NOTRACK,
        *LATER_DEAD[:2], ("length=",), LATER_DEAD[3],
    ),
    "statistic behind ESTABLISHED": Fault(
        situation("statistic"), situation("statistic").replace("NEW", "NEW,UNTRACKED") + NOTRACK, *LATER_DEAD
    ),
    "a list that holds UNTRACKED accepts": Fault(
        situation("untracked-accepted"), situation("untracked-accepted") + NOTRACK, *HOLE
    ),
    "a list that holds UNTRACKED drops": Fault(
        situation("untracked-dropped"), situation("untracked-dropped").replace(WEB, TWICE) + NOTRACK, *DEAD
    ),
    "a negated list accepts": Fault(
        situation("input-not-invalid-new"), situation("input-not-invalid-new") + NOTRACK, *HOLE
    ),
    "a negated list drops": Fault(
        situation("input-not-known-dropped"), situation("input-not-known-dropped") + NOTRACK, *DEAD
    ),
    "a negated list drops replies": Fault(
        situation("output-not-related-established-dropped"),
        situation("output-not-related-established-dropped").replace(WEB, TWICE) + NOTRACK, *REPLY_DEAD,
    ),
    "UNTRACKED lets router advertisements in": Fault(
        situation("v6-base"), situation("v6-base").replace(WEB, f"{WEB}\n{BLANKET}") + NOTRACK, "E2", "",
        ("ipv6-icmp", "state=UNTRACKED"), ("DROP", "ACCEPT"), family=6,
    ),
    "mangle drops errors": Fault(
        situation("mangle-invalid-dropped"),
        host(*SPECIALISED, chains=("web-in",)) + mangle(f"-A PREROUTING {STATE} INVALID -j DROP") + NOTRACK,
        *ERROR_DEAD,
    ),
    "a mark on NEW forgotten": Fault(
        ORIGINAL + mangle(f"-A PREROUTING -p tcp {STATE} NEW -m tcp --dport 80 -j MARK --set-xmark 0x1/0xffffffff"),
        usual(TWICE) + NOTRACK
        + mangle(f"-A PREROUTING -p tcp {STATE} NEW -m tcp --dport 80 -j MARK --set-xmark 0x1/0xffffffff"),
        *DEAD[:3], ("ACCEPT", "ACCEPT"), what="mark",
    ),
    "every ACK marked": Fault(
        ORIGINAL + mangle(f"-A INPUT -p tcp {STATE} NEW -m tcp --dport 80 -j MARK --set-xmark 0x1/0xffffffff"),
        usual(TWICE) + NOTRACK
        + mangle(f"-A INPUT -p tcp {STATE} NEW,UNTRACKED -m tcp --dport 80 -j MARK --set-xmark 0x1/0xffffffff"),
        *LATER_DEAD[:3], ("ACCEPT", "ACCEPT"), what="mark",
    ),
    "every ACK counted": Fault(
        situation("recent-hitcount"), situation("recent-hitcount").replace("NEW", "NEW,UNTRACKED") + NOTRACK,
        *LATER_DEAD[:2], ("--hitcount 4",), LATER_DEAD[3],
    ),
    "every packet limited": Fault(
        situation("limit"), situation("limit").replace("NEW", "NEW,UNTRACKED") + NOTRACK, *LATER_DEAD
    ),
    "SYN alone accepted": Fault(
        situation("syn-accept"), situation("syn-accept").replace("NEW", "NEW,UNTRACKED") + NOTRACK, *LATER_DEAD
    ),
    "the accept's interface in raw": Fault(
        situation("lan-without-port"),
        situation("lan-without-port").replace("NEW", "NEW,UNTRACKED") + raw(IN_LOCAL.replace("! -i lo", "-i eth0"),
                                                                            OUT_LOCAL),
        "E4", "packet to tcp/80", ("in=eth1",), ("ACCEPT", "ACCEPT"), what=TRACKING,
    ),
    "three legs": Fault(
        situation("lan-to-outside"), situation("lan-to-outside").replace(WEB, TWICE) + BOTH_PORTS, "E2", "",
        ("out=eth0", ":80 flags=", "state=ESTABLISHED"), ("ACCEPT", "DROP"),
    ),
    "accepted in raw before": Fault(
        situation("raw-accept-first"),
        situation("base").replace(WEB, TWICE) + raw("-A PREROUTING -s 203.0.113.77/32 -j ACCEPT", IN_LOCAL, OUT_LOCAL),
        "E4", "packet to tcp/80", (" 203.0.113.77:",), ("ACCEPT", "ACCEPT"), what=TRACKING,
    ),
    "strays on loopback": Fault(
        situation("loopback-invalid-dropped"),
        situation("loopback-invalid-dropped").replace(SSH, f"{SSH}\n{UNTRACKED}")
        + NOTRACK.replace("! -i lo ", "").replace("! -o lo ", ""), "E2", "", ("in=lo", ":80 flags="),
        ("DROP", "ACCEPT"),
    ),
    "replies by another interface": Fault(
        situation("asymmetric-output-drop"),
        after(LOCAL, ESTABLISHED, SSH, BOTH_WEB.replace("-p tcp", "-i eth0 -p tcp") + " -j ACCEPT", LOCAL_OUT, REPLY,
              ANSWERED.replace("-p tcp", "-o eth0 -p tcp"), outgoing="DROP"),
        "E1", "reply of tcp/80", ("out=eth1",), ("ACCEPT", "DROP"),
    ),
    "mirrored without the address here": Fault(
        situation("dns-two-addresses"),
        situation("dns-two-addresses").replace("NEW", "NEW,UNTRACKED").replace(REPLY, "\n".join((
            REPLY, *(f"-A OUTPUT -d {there}/32 -p udp -m udp --sport 53 -j ACCEPT"
                     for there in ("203.0.113.77", "198.51.100.66"))))) + DNS_NOTRACK,
        "E3", "packet from udp/53", (":53 > ", "192.0.2.1", "state=NEW"), ("DROP", "ACCEPT"), "udp/53",
    ),
    "ESTABLISHED by interface": Fault(
        situation("established-by-interface"), situation("established-by-interface").replace(WEB, TWICE) + NOTRACK,
        *LATER_LET_IN[:2], ("in=eth1",), LATER_LET_IN[3],
    ),
    "resets before their limit": Fault(
        situation("output-reset-limit"),
        situation("output-reset-limit").replace("-A OUTPUT", f"{ANSWERED}\n-A OUTPUT", 1).replace(WEB, TWICE)
        + NOTRACK, "E1", "reply of tcp/80", ("flags=RST",), ("DROP", "ACCEPT"),
    ),
    "errors accepted in a chain that FORWARD shares": Fault(
        situation("icmp-chain-shared"),
        situation("icmp-chain-shared").replace("-A PINGS", f"{ERRORS[0].replace('INPUT', 'PINGS')}\n-A PINGS")
        + NOTRACK, "E2", "", ("in=eth0 out=eth0 icmp", "quoted-sport=80", "state=INVALID"), ("DROP", "ACCEPT"),
    ),
    "errors that were never accepted": Fault(
        situation("icmp-never"), situation("icmp-never").replace(WEB, "\n".join((TWICE, *ERRORS))) + NOTRACK,
        *ERROR_DEAD[:3], ("DROP", "ACCEPT"),
    ),
    "other tests beside the state": Fault(
        situation("original-source-beside-state"),
        situation("original-source-beside-state").replace("NEW --ctorigsrc", "NEW,UNTRACKED --ctorigsrc") + NOTRACK,
        *HOLE,
    ),
    "a port that is redirected to the service": Fault(
        situation("redirect"), situation("redirect").replace(WEB, TWICE) + NOTRACK, "E1",
        "reply in a connection that is translated to tcp/80", ("dnat reply",), ("ACCEPT", "ACCEPT"), what="source",
    ),
    "resolvers that use the port": Fault(
        situation("dns"), situation("dns").replace("NEW -m udp", "NEW,UNTRACKED -m udp") + raw(
            "-A PREROUTING -p udp -m udp --dport 53 -j NOTRACK", "-A PREROUTING -p udp -m udp --sport 53 -j NOTRACK"),
        "E2", "", (":53 > ", "state=ESTABLISHED"), ("ACCEPT", "DROP"), "udp/53",
    ),
    "packet too big": Fault(
        situation("v6-base"), situation("v6-base").replace(WEB, TWICE) + NOTRACK, "E1", "ICMP error",
        ("ipv6-icmp", "quoted-sport=80"), ("ACCEPT", "DROP"), family=6,
    ),
}  # fmt: skip
