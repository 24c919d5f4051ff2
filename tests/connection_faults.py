"""Rulesets that take a service out of connection tracking by hand, and what is wrong with each: hosts and routers."""

from __future__ import annotations

from typing import NamedTuple

from kernel.situation import ESTABLISHED, LOCAL, LOCAL_OUT, REPLY, SSH, WEB, host, table, usual
from kernel.situations import SITUATIONS

from ruleset_lint.packets.endpoints import Role


class Fault(NamedTuple):
    """A ruleset, what was made of it, and the difference that there must be: its statement, words of role and packet,

    verdicts before and after or what else differs.
    """

    before: str
    after: str
    clause: str
    role: str
    packet: tuple[str, ...]
    verdicts: tuple[str, str]
    service: str = "tcp/80"
    family: int = 4
    what: str = "verdict"
    machine: Role = "router"


def raw(*rules: str) -> str:
    return table("raw", *rules, PREROUTING="ACCEPT", OUTPUT="ACCEPT")


def mangle(*rules: str) -> str:
    return table("mangle", *rules, PREROUTING="ACCEPT", INPUT="ACCEPT", OUTPUT="ACCEPT", POSTROUTING="ACCEPT")


IN_DPORT = "-A PREROUTING -p tcp -m tcp --dport 80 -j NOTRACK"
IN_SPORT = "-A PREROUTING -p tcp -m tcp --sport 80 -j NOTRACK"
OUT_DPORT = "-A OUTPUT -p tcp -m tcp --dport 80 -j NOTRACK"
OUT_SPORT = "-A OUTPUT -p tcp -m tcp --sport 80 -j NOTRACK"
IN_LOCAL = "-A PREROUTING ! -i lo -p tcp -m tcp --dport 80 -m addrtype --dst-type LOCAL -j NOTRACK"
OUT_LOCAL = "-A OUTPUT ! -o lo -p tcp -m tcp --sport 80 -j NOTRACK"
NOTRACK = raw(IN_LOCAL, OUT_LOCAL)
DNS_NOTRACK = NOTRACK.replace("80", "53").replace("tcp", "udp")
STATE = "-m state --state"
UNTRACKED = f"-A INPUT -p tcp -m tcp --dport 80 {STATE} UNTRACKED -j ACCEPT"
BLANKET = f"-A INPUT {STATE} UNTRACKED -j ACCEPT"
FROM_PORT = f"-A INPUT -p tcp -m tcp --sport 80 {STATE} UNTRACKED -j ACCEPT"
ANSWERED = f"-A OUTPUT -p tcp -m tcp --sport 80 {STATE} UNTRACKED -j ACCEPT"
GATE = (
    f"-A INPUT -p tcp -m tcp --dport 80 --tcp-flags SYN,ACK ACK {STATE} UNTRACKED -j ACCEPT",
    f"-A INPUT -p tcp -m tcp --dport 80 --tcp-flags FIN,SYN,RST,ACK RST {STATE} UNTRACKED -j ACCEPT",
)
QUOTES = '-m u32 --u32 "0>>22&0x3C@14&0xFF=6&&0>>22&0x3C@8>>22&0x3C@8>>16&0xFFFF=80" -j ACCEPT'
ERRORS = tuple(f"-A INPUT ! -i lo -p icmp -m icmp --icmp-type {kind} {QUOTES}" for kind in (3, 11, 12))
CHAIN = "-A INPUT ! -i lo -p tcp -m tcp --dport 80 -m addrtype --dst-type LOCAL"
SPECIALISED = (
    f"{CHAIN} {STATE} UNTRACKED -j web-in", *ERRORS, LOCAL, ESTABLISHED, SSH, WEB,
    "-A web-in -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT",
    "-A web-in -p tcp -m tcp --tcp-flags SYN,ACK ACK -j ACCEPT",
    "-A web-in -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK RST -j ACCEPT",
    "-A web-in -j DROP",
)  # fmt: skip
BLACKLIST = "-A INPUT -s 198.51.100.0/24 -j DROP"
ONLY = f"-A INPUT -s 203.0.113.0/24 -p tcp {STATE} NEW -m tcp --dport 80 -j ACCEPT"
TWICE = WEB.replace("NEW", "NEW,UNTRACKED")
NEW_WEB = f"-A INPUT -p tcp {STATE} NEW -m tcp --dport 80"
BOTH_WEB = NEW_WEB.replace("NEW", "NEW,UNTRACKED")
ORIGINAL = usual(WEB)
DEAD = ("E1", "first packet of a connection to tcp/80", (":80 flags=SYN ", "state=NEW"), ("ACCEPT", "DROP"))
HOLE = ("E1", "first packet of a connection to tcp/80", (":80 flags=SYN ", "state=NEW"), ("DROP", "ACCEPT"))
LATER_DEAD = ("E1", "later packet", (":80 flags=ACK ", "state=ESTABLISHED"), ("ACCEPT", "DROP"))
LATER_LET_IN = ("E1", "later packet", (":80 flags=ACK ", "state=ESTABLISHED"), ("DROP", "ACCEPT"))
REPLY_DEAD = ("E1", "reply of tcp/80", ("out=eth", ":80 > ", "reply"), ("ACCEPT", "DROP"))
CLIENT_DEAD = ("E2", "", (":80 > ", "state=ESTABLISHED"), ("ACCEPT", "DROP"))
ERROR_DEAD = ("E1", "ICMP error", ("quoted-sport=80", "state=RELATED"), ("ACCEPT", "DROP"))
OPENED_FROM_PORT = ("E1", "that is opened from tcp/80", (":80 > ", "flags=SYN", "state=NEW"), ("DROP", "ACCEPT"))
STRAY = ("E3", "packet to tcp/80 that belongs to no connection", (":80 flags=",), ("DROP", "ACCEPT"))
STILL_TRACKED = ("E4", "packet from tcp/80", ("out=eth0", ":80 > "), ("ACCEPT", "ACCEPT"))


def variant(raw_rules: tuple[str, ...], *accepts: str) -> str:
    return ORIGINAL.replace("COMMIT", "\n".join((*accepts, "COMMIT"))) + raw(*raw_rules)


def after(*rules: str, outgoing: str = "ACCEPT") -> str:
    return host(*rules, outgoing=outgoing) + NOTRACK


def situation(name: str) -> str:
    return SITUATIONS[name].ruleset


TRACKING = "tracking"
FOUR = (IN_DPORT, IN_SPORT, OUT_SPORT, OUT_DPORT)
VARIANTS = {
    "nothing is untracked": Fault(
        ORIGINAL, ORIGINAL, "E4", "packet to tcp/80", (":80 flags=",), ("ACCEPT", "ACCEPT"), what=TRACKING
    ),
    "1a in only": Fault(ORIGINAL, variant((IN_DPORT,)), *DEAD),
    "1b in and out": Fault(ORIGINAL, variant((IN_DPORT, OUT_SPORT)), *DEAD),
    "1a' in only, accepted": Fault(ORIGINAL, variant((IN_DPORT,), UNTRACKED), *STILL_TRACKED, what=TRACKING),
    "1c in and out, accepted: path MTU": Fault(ORIGINAL, variant((IN_LOCAL, OUT_LOCAL), UNTRACKED), *ERROR_DEAD),
    "1c loopback": Fault(
        host(ESTABLISHED, WEB), host(ESTABLISHED, WEB, UNTRACKED) + raw(IN_DPORT, OUT_SPORT),
        "E4", "no service", ("out=lo", ":80 > "), ("ACCEPT", "ACCEPT"), what=TRACKING,
    ),
    "1d both ports: service dead": Fault(ORIGINAL, variant((IN_DPORT, IN_SPORT)), *DEAD),
    "1d both ports: clients dead": Fault(ORIGINAL, variant((IN_DPORT, IN_SPORT)), *CLIENT_DEAD),
    "1d+ blanket: attack from port 80": Fault(
        ORIGINAL, variant((IN_DPORT, IN_SPORT), BLANKET), "E2", "", (":80 > ", "flags=SYN "), ("DROP", "ACCEPT")
    ),
    "1d++ blanket, out too": Fault(
        ORIGINAL, variant(FOUR, BLANKET), "E2", "", (":80 > ", "flags=SYN "), ("DROP", "ACCEPT")
    ),
    "2 both ports, accepted": Fault(ORIGINAL, variant((IN_DPORT, IN_SPORT), UNTRACKED), *CLIENT_DEAD),
    "2 out too": Fault(ORIGINAL, variant(FOUR, UNTRACKED), *CLIENT_DEAD),
    "2 from the port": Fault(
        ORIGINAL, variant(FOUR, UNTRACKED, FROM_PORT), "E2", "", (":80 > ", "flags=SYN "), ("DROP", "ACCEPT")
    ),
    "2 from the port, no SYN": Fault(
        ORIGINAL, variant(FOUR, UNTRACKED, FROM_PORT.replace(" -m state", " ! --syn -m state")),
        "E2", "", (":80 > ", "flags=ACK "), ("DROP", "ACCEPT"),
    ),
    "2 to high ports": Fault(
        ORIGINAL, variant(FOUR, UNTRACKED, FROM_PORT.replace(" -m state", " --dport 32768:60999 -m state")),
        "E2", "", (":80 > ", ":32768 "), ("DROP", "ACCEPT"),
    ),
    "output drop: answers": Fault(
        situation("output-drop"), after(LOCAL, ESTABLISHED, SSH, UNTRACKED, LOCAL_OUT, REPLY, outgoing="DROP"),
        *REPLY_DEAD,
    ),
    "output drop: the port opens connections": Fault(
        situation("output-drop"),
        after(LOCAL, ESTABLISHED, SSH, UNTRACKED, LOCAL_OUT, REPLY, ANSWERED, outgoing="DROP"),
        *OPENED_FROM_PORT,
    ),
    "accepted above a blacklist": Fault(
        situation("blacklist"), after(UNTRACKED, LOCAL, ESTABLISHED, SSH, BLACKLIST, WEB), *HOLE
    ),
    "accepted behind a final drop": Fault(
        situation("final-drop"), after(LOCAL, ESTABLISHED, SSH, WEB, "-A INPUT -j DROP", UNTRACKED), *DEAD
    ),
}  # fmt: skip

ROUTER = (
    f"-A FORWARD {STATE} RELATED,ESTABLISHED -j ACCEPT",
    f"-A FORWARD -d 10.0.0.5/32 -i eth0 -p tcp {STATE} NEW -m tcp --dport 80 -j ACCEPT",
    f"-A FORWARD -s 10.0.0.0/24 -o eth0 -p tcp {STATE} NEW -m tcp --dport 80 -j ACCEPT",
)
IN_PLACE = tuple(rule.replace("NEW", "NEW,UNTRACKED") for rule in ROUTER)
BOTH_PORTS = raw(IN_DPORT, IN_SPORT)
NARROW = raw(
    "-A PREROUTING -d 10.0.0.5/32 -p tcp -m tcp --dport 80 -j NOTRACK",
    "-A PREROUTING -s 10.0.0.5/32 -p tcp -m tcp --sport 80 -j NOTRACK",
)
REVERSE = f"-A FORWARD -s 10.0.0.5/32 -o eth0 -p tcp -m tcp --sport 80 ! --syn {STATE} UNTRACKED -j ACCEPT"


def router(*rules: str) -> str:
    return table("filter", *rules, INPUT="DROP", FORWARD="DROP", OUTPUT="ACCEPT")


SERVER = "tcp/80@10.0.0.5"
BLANKET_FORWARD = BLANKET.replace("INPUT", "FORWARD")
ROUTERS = {
    "filter unchanged": Fault(
        router(*ROUTER), router(*ROUTER) + BOTH_PORTS, "E1", "first packet of a connection to tcp/80@10.0.0.5",
        ("> 10.0.0.5:80 flags=SYN ",), ("ACCEPT", "DROP"), SERVER,
    ),
    "filter unchanged: clients": Fault(
        router(*ROUTER), router(*ROUTER) + BOTH_PORTS, "E2", "", (" 10.0.0.7:40000 > ", ":80 "), ("ACCEPT", "DROP"),
        SERVER,
    ),
    "blanket: attack": Fault(
        router(*ROUTER), router(*ROUTER, BLANKET_FORWARD) + BOTH_PORTS, "E2", "", ("flags=SYN ",), ("DROP", "ACCEPT"),
        SERVER,
    ),
    "mirrored with SYN: the server opens outwards": Fault(
        router(*ROUTER), router(*IN_PLACE, REVERSE.replace("! --syn ", "")) + NARROW, "E1", "that is opened from",
        (" 10.0.0.5:80 > ", "flags=SYN "), ("DROP", "ACCEPT"), SERVER,
    ),
    "the router as a client": Fault(
        router(*ROUTER, LOCAL, ESTABLISHED), router(*IN_PLACE, REVERSE, LOCAL, ESTABLISHED) + NARROW, "E2", "",
        ("in=eth0", " 10.0.0.5:80 > ", "state=ESTABLISHED"), ("ACCEPT", "DROP"), SERVER,
    ),
    "errors to the client": Fault(
        router(*ROUTER), router(*IN_PLACE, REVERSE) + NARROW, "E1", "ICMP error about a packet sent to",
        ("in=eth0 out=eth0", "quoted-dport=80"), ("ACCEPT", "DROP"), SERVER,
    ),
}  # fmt: skip
