"""Situations of a router with servers behind it: rulesets, and the services that leave connection tracking."""

from __future__ import annotations

from .service import Service
from .situation import ESTABLISHED, FORWARDED, HTTP, LOCAL, LOCAL_OUT, REPLY, SSH, WEB, Situation, table
from .situations_hard import mangle, raw

DNS = Service("udp", 53, "server")
LAN = Service("tcp", 80, "lan")
FORWARD = "-A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT"
NEW = "-A FORWARD -d 10.0.0.5/32 -p tcp -m state --state NEW -m tcp --dport 80 -j ACCEPT"
NEW_DNS = "-A FORWARD -d 10.0.0.5/32 -p udp -m state --state NEW -m udp --dport 53 -j ACCEPT"
OUTSIDE = "-A FORWARD -i eth1 -o eth0 -m state --state NEW -j ACCEPT"
OWN = (LOCAL, ESTABLISHED, SSH)
RESET = "-A FORWARD -s 198.51.100.0/24 -p tcp -m tcp --dport 80 -j REJECT --reject-with tcp-reset"

ANSWERED = RESET.replace("-s 198", "-d 198").replace("--dport", "--sport")


def router(*rules: str, chains: tuple[str, ...] = (), forward: str = "DROP", outgoing: str = "ACCEPT") -> str:
    return table("filter", *OWN, *rules, chains=chains, INPUT="DROP", FORWARD=forward, OUTPUT=outgoing)


def narrowed(rule: str, words: str) -> str:
    return rule.replace("-d 10.0.0.5/32", f"-d 10.0.0.5/32 {words}")


def dropped(*hooks: str) -> str:
    return mangle(*(f"-A {hook} -m state --state INVALID -j DROP" for hook in hooks))


NEW_6 = "-A FORWARD -d 2001:db8:a::5/128 -p tcp -m state --state NEW -m tcp --dport 80 -j ACCEPT"
SECOND = narrowed(NEW, "-s 203.0.113.0/24").replace("0.5/32", "0.9/32")
SHARED = (
    "-A INPUT -j FW", "-A FORWARD -j FW", "-A FW -m state --state RELATED,ESTABLISHED -j ACCEPT",
    "-A FW -s 198.51.100.0/24 -j DROP", "-A FW -p tcp -m state --state NEW -m tcp --dport 80 -j ACCEPT",
)  # fmt: skip
MASQUERADE = table(
    "nat", "-A POSTROUTING -s 10.0.0.0/24 -o eth0 -j MASQUERADE", PREROUTING="ACCEPT", OUTPUT="ACCEPT",
    POSTROUTING="ACCEPT",
)  # fmt: skip
BOTH = (FORWARDED, HTTP)

ROUTED = {
    found.id: found
    for found in (
        Situation("plain", router(FORWARD, NEW, OUTSIDE), (FORWARDED,)),
        Situation("datagrams", router(FORWARD, NEW_DNS, OUTSIDE), (DNS,)),
        Situation("datagrams-by-interface", router(FORWARD, narrowed(NEW_DNS, "-i eth0 -o eth1")), (DNS,)),
        Situation("by-interface", router(FORWARD, narrowed(NEW, "-i eth0 -o eth1"), OUTSIDE), (FORWARDED,)),
        Situation("by-source", router(FORWARD, narrowed(NEW, "-s 203.0.113.0/24"), OUTSIDE), (FORWARDED,)),
        Situation("invalid-dropped", router("-A FORWARD -m state --state INVALID -j DROP", FORWARD, NEW), (FORWARDED,)),
        Situation("output-drop", router(FORWARD, NEW, LOCAL_OUT, REPLY, outgoing="DROP"), (FORWARDED,)),
        Situation("reset", router(FORWARD, RESET, NEW, LOCAL_OUT, REPLY, outgoing="DROP"), (FORWARDED,)),
        Situation("replies-rejected", router(ANSWERED, FORWARD, NEW, LOCAL_OUT, REPLY, outgoing="DROP"), (FORWARDED,)),
        Situation("final-reject", router(FORWARD, NEW, "-A FORWARD -j REJECT", forward="ACCEPT"), (FORWARDED,)),
        Situation("shared-chain", router(*SHARED, chains=("FW",)), BOTH),
        Situation("same-port-here", router(WEB, FORWARD, NEW, OUTSIDE), BOTH),
        Situation("two-servers", router(FORWARD, NEW, SECOND), (FORWARDED, LAN)),
        Situation("states-in-mangle", router(FORWARD, NEW, OUTSIDE) + dropped("PREROUTING", "FORWARD", "POSTROUTING"),
            (FORWARDED,)),
        Situation("states-in-mangle-and-here", router(WEB, FORWARD, NEW) + dropped("PREROUTING", "POSTROUTING"), BOTH),
        Situation("half-untracked", router(FORWARD, NEW) + raw(
            "-A PREROUTING -d 10.0.0.5/32 -p tcp -m tcp --dport 80 -j NOTRACK"), (FORWARDED,)),
        Situation("masquerade", router(FORWARD, narrowed(NEW, "-i eth0 -o eth1"), OUTSIDE) + MASQUERADE, (FORWARDED,)),
        Situation("v6", router(FORWARD, NEW_6, "-A INPUT -p ipv6-icmp -j ACCEPT"), (FORWARDED,), 6),
        Situation("v6-output-drop", router(FORWARD, NEW_6, "-A INPUT -p ipv6-icmp -j ACCEPT", LOCAL_OUT, REPLY,
            outgoing="DROP"), (FORWARDED,), 6),
    )
}  # fmt: skip
