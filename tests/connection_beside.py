"""Rulesets that take a service out of tracking beside NAT, groups, resets and what counts entries: what goes wrong."""

from __future__ import annotations

from connection_faults import (
    DEAD,
    HOLE,
    IN_PLACE,
    NARROW,
    NOTRACK,
    ORIGINAL,
    REVERSE,
    ROUTER,
    SERVER,
    SPECIALISED,
    STATE,
    Fault,
    mangle,
    router,
)
from kernel.situation import ESTABLISHED, LOCAL, SSH, WEB, host, table


def nat(*rules: str) -> str:
    return table("nat", *rules, PREROUTING="ACCEPT", INPUT="ACCEPT", OUTPUT="ACCEPT", POSTROUTING="ACCEPT")


def specialised(*rules: str) -> str:
    return host(*rules, *SPECIALISED, chains=("web-in",)) + NOTRACK


BEHIND = NARROW.replace("-j NOTRACK", "-m addrtype ! --dst-type LOCAL -j NOTRACK").replace(" -p", " ! -i lo -p")
PATCHED = router(*IN_PLACE, REVERSE) + BEHIND
NETMAP = nat("-A PREROUTING -i eth0 -d 192.0.2.0/24 -j NETMAP --to 10.0.0.0/24")
NAMED = nat("-A POSTROUTING -o eth0 -s 10.0.0.0/24 -p tcp -j SNAT --to-source 192.0.2.10:80")
RANGE = nat("-A POSTROUTING -o eth0 -s 10.0.0.0/24 -p tcp -j MASQUERADE --to-ports 70-90")
MAIL = nat("-A PREROUTING -i eth1 -p tcp -m tcp --dport 25 -j DNAT --to-destination 10.0.0.9")
NO_MAIL = "-A FORWARD -d 10.0.0.9/32 -p tcp -m tcp --dport 25 -j DROP"
LAN = f"-A FORWARD -i eth1 -o eth0 {STATE} NEW -j ACCEPT"
FROM_SERVER = "-A FORWARD -s 10.0.0.5/32 -i eth1 -o eth0 -p tcp -m tcp --sport 80 -m state --state UNTRACKED -j ACCEPT"
HEARD = table(
    "filter", f"-A INPUT -s 10.0.0.5/32 -p udp {STATE} NEW -j ACCEPT", *(r.replace("tcp", "udp") for r in ROUTER),
    INPUT="DROP", FORWARD="DROP", OUTPUT="ACCEPT",
)  # fmt: skip
TWO_WAYS = (
    "-A FORWARD -d 10.0.0.5/32 -o tun0 -p tcp -m tcp --dport 22 -j ACCEPT",
    "-A FORWARD -d 10.0.0.5/32 -p tcp -m tcp --dport 80 -j ACCEPT",
)
LEAVING = nat("-A POSTROUTING -o eth1 -j MASQUERADE")
LIMIT = "-A INPUT -p tcp -m tcp --dport 80 -m connlimit --connlimit-above 2 -j DROP"
REFUSED = "-A INPUT -s 198.51.100.0/24 -p tcp -j REJECT --reject-with tcp-reset"
NO_INVALID = mangle("-A POSTROUTING -m state --state INVALID -j DROP")
OPTION = "-A INPUT -p tcp -m tcp --dport 80 --tcp-option 5 -j DROP"
ONE_OPTION = "-A web-in -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN --tcp-option 5 -j DROP"
BESIDE = {
    "NETMAP gives the server's address": Fault(
        router(*ROUTER) + NETMAP, PATCHED + NETMAP, "E1", "reply in a connection that is translated to tcp/80@10.0.0.5",
        (" 10.0.0.5:80 > ", "dnat reply"), ("ACCEPT", "ACCEPT"), SERVER, what="source",
    ),
    "SNAT names the service's port": Fault(
        ORIGINAL + NAMED, specialised() + NAMED, "E1", "reply to a client that has the port of tcp/80",
        (":80 flags=", "snat reply"), ("ACCEPT", "DROP"),
    ),
    "MASQUERADE names a range with the service's port": Fault(
        ORIGINAL + RANGE, specialised() + RANGE, "E1", "reply to a client that has the port of tcp/80",
        (":80 flags=", "snat reply"), ("ACCEPT", "DROP"),
    ),
    "what was translated and refused": Fault(
        router(NO_MAIL, *ROUTER[:2], LAN) + MAIL, router(NO_MAIL, FROM_SERVER, *IN_PLACE[:2], LAN) + BEHIND + MAIL,
        "E1", "that is opened from", (" 10.0.0.5:80 > ", ":25 ", "flags=SYN "), ("DROP", "ACCEPT"), SERVER,
    ),
    "what the server sends to groups": Fault(
        HEARD, HEARD + BEHIND.replace("tcp", "udp"), "E1", "packet from udp/80@10.0.0.5 to a group",
        (" 10.0.0.5:80 > ", "state=NEW"), ("ACCEPT", "DROP"), "udp/80@10.0.0.5",
    ),
    "another port's way is not the service's": Fault(
        router(ROUTER[0], *TWO_WAYS) + LEAVING, router(IN_PLACE[0], *TWO_WAYS, REVERSE) + BEHIND + LEAVING,
        "E1", "first packet of a connection to tcp/80@10.0.0.5", ("out=eth1", " > 10.0.0.5:80 ", "flags=SYN "),
        ("ACCEPT", "ACCEPT"), SERVER, what="source",
    ),
    "connlimit counts no entries any more": Fault(
        host(LIMIT, LOCAL, ESTABLISHED, SSH, WEB), specialised(LIMIT), *HOLE
    ),
    "connlimit has another answer": Fault(host(LIMIT, LOCAL, ESTABLISHED, SSH, WEB), specialised(LIMIT), *DEAD),
    "the reset that REJECT sends is dropped": Fault(
        host(LOCAL, ESTABLISHED, REFUSED, WEB) + NO_INVALID, specialised(REFUSED) + NO_INVALID,
        "E1", "reset that REJECT sends for tcp/80", ("out=eth0", ":80 > ", "flags=RST"), ("ACCEPT", "DROP"),
    ),
    "options of a later packet are its own": Fault(
        host(OPTION, LOCAL, ESTABLISHED, SSH, WEB),
        host(*SPECIALISED[:4], OPTION, *SPECIALISED[4:8], ONE_OPTION, *SPECIALISED[8:], chains=("web-in",)) + NOTRACK,
        "E1", "later packet", (":80 flags=ACK ", "state=ESTABLISHED"), ("DROP", "ACCEPT"),
    ),
}  # fmt: skip
