"""Rulesets of any size as they are met: flat ones of a server, nat tables of a cluster node. Knows no clock.

The same size gives the same text; all addresses are private. `python -m benchmarks.rulesets "cluster node" 1000`
prints one.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Mapping

_FILTER = ("*filter", ":INPUT DROP [0:0]", ":FORWARD DROP [0:0]", ":OUTPUT ACCEPT [0:0]")
_NAT = (
    "*nat",
    ":PREROUTING ACCEPT [0:0]",
    ":INPUT ACCEPT [0:0]",
    ":OUTPUT ACCEPT [0:0]",
    ":POSTROUTING ACCEPT [0:0]",
    ":KUBE-SERVICES - [0:0]",
    ":KUBE-NODEPORTS - [0:0]",
    ":KUBE-POSTROUTING - [0:0]",
    ":KUBE-MARK-MASQ - [0:0]",
)
_KUBE = (
    '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
    "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
    "-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0",
    '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
    "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000",
)
_LOOPBACK = "-A INPUT -i lo -j ACCEPT"
_ESTABLISHED = (
    "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "-A INPUT -m conntrack --ctstate INVALID -j DROP",
)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_SERVICES = ("ssh", "web", "mail", "dns", "ldap", "metrics", "backup", "queue")


def _address(chance: random.Random) -> str:
    return f"10.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(256)}/32"


def _network(chance: random.Random) -> str:
    return f"10.{chance.randrange(256)}.{chance.randrange(256)}.0/24"


def _port(chance: random.Random) -> int:
    return (
        chance.choice((22, 25, 53, 80, 389, 443, 993, 5432, 9100)) if chance.random() < 0.5 else chance.randrange(65536)
    )


def _named(chance: random.Random) -> str:
    return f'-m comment --comment "{chance.choice(_SERVICES)} for team {chance.randrange(500)}"'


def _forward(chance: random.Random) -> str:
    ends = f"-s {_network(chance)} -d {_address(chance)} -i eth{chance.randrange(4)} -o eth{chance.randrange(4)}"
    return f"-A FORWARD {ends} -p tcp -m tcp --dport {_port(chance)} -m conntrack --ctstate NEW -j ACCEPT"


def _several_ports(chance: random.Random) -> str:
    ports = ",".join(str(_port(chance)) for _ in range(chance.randrange(2, 8)))
    return f"-A INPUT -s {_network(chance)} -p tcp -m multiport --dports {ports} -m state --state NEW -j ACCEPT"


_PATTERNS: Mapping[Callable[[random.Random], str], int] = {
    lambda c: f"-A INPUT -s {_address(c)} -p tcp -m tcp --dport {_port(c)} -m conntrack --ctstate NEW -j ACCEPT": 25,
    lambda c: f"-A INPUT -s {_address(c)} -p tcp -m tcp --dport {_port(c)} {_named(c)} -j ACCEPT": 20,
    lambda c: f"-A INPUT -s {_address(c)} -j DROP": 20,
    _forward: 10,
    lambda c: f"-A INPUT -s {_network(c)} -p udp -m udp --dport {_port(c)} -j ACCEPT": 8,
    _several_ports: 5,
    lambda c: f"-A OUTPUT -d {_address(c)} -p tcp -m tcp --dport {_port(c)} -m state --state NEW -j ACCEPT": 5,
    lambda c: f"-A INPUT ! -s {_network(c)} -i eth0 -p tcp -m tcp --dport {_port(c)} --syn -j REJECT": 3,
    lambda c: f'-A INPUT -s {_network(c)} -m limit --limit {c.randrange(1, 60)}/min -j LOG --log-prefix "in: "': 2,
    lambda c: f"-A INPUT -s {_network(c)} -p icmp -m icmp --icmp-type 8 -j ACCEPT": 2,
}


def flat(rules: int) -> Iterator[str]:
    """Lines of a server's filter table with so many rules; established connections are accepted on top."""
    yield from _FILTER
    top = (_LOOPBACK, *_ESTABLISHED)[:rules]
    yield from top
    yield from _services(rules - len(top))


def flat_without_established(rules: int) -> Iterator[str]:
    """The same without the accept on top: what asks how established packets fare has more to look at."""
    yield from _FILTER
    top = (_LOOPBACK,)[:rules]
    yield from top
    yield from _services(rules - len(top))


def _services(rules: int) -> Iterator[str]:
    chance = random.Random(1)
    patterns = chance.choices(list(_PATTERNS), list(_PATTERNS.values()), k=rules)
    yield from (pattern(chance) for pattern in patterns)
    yield "COMMIT"


def cluster_node(rules: int) -> Iterator[str]:
    """Lines of a cluster node's nat table as kube-proxy writes it, with so many rules; about a third are chains."""
    chance = random.Random(2)
    declared: list[str] = []
    made: list[str] = list(_KUBE[:rules])
    while len(made) < rules:
        for line in _service(chance, len(made)):
            (declared if line.startswith(":") else made).append(line)
    yield from _NAT
    yield from declared
    yield from made[:rules]
    yield "COMMIT"


def _service(chance: random.Random, number: int) -> Iterator[str]:
    """One service: its chains, the jumps to them, one chain for each of one to three endpoints."""
    note = f'-m comment --comment "team-{number % 40}/app-{number}:http"'
    service, outside = f"KUBE-SVC-{_tag(chance)}", f"KUBE-EXT-{_tag(chance)}"
    yield f":{service} - [0:0]"
    address = f"10.96.{chance.randrange(256)}.{chance.randrange(256)}"
    yield f"-A KUBE-SERVICES -d {address}/32 -p tcp {note} -m tcp --dport 80 -j {service}"
    if chance.random() < 0.8:
        yield f":{outside} - [0:0]"
        yield f"-A KUBE-NODEPORTS -p tcp {note} -m tcp --dport {chance.randrange(30000, 32768)} -j {outside}"
        yield f"-A {outside} -j {service}"
    endpoints = chance.randrange(1, 4)
    for left in range(endpoints, 0, -1):
        yield from _endpoint(chance, service, note, left)


def _endpoint(chance: random.Random, service: str, note: str, left: int) -> Iterator[str]:
    endpoint, address = f"KUBE-SEP-{_tag(chance)}", f"10.244.{chance.randrange(256)}.{chance.randrange(1, 255)}"
    share = f" -m statistic --mode random --probability {1 / left:.11f}" if left > 1 else ""
    yield f":{endpoint} - [0:0]"
    yield f"-A {service} {note}{share} -j {endpoint}"
    yield f"-A {endpoint} -s {address}/32 {note} -j KUBE-MARK-MASQ"
    yield f"-A {endpoint} -p tcp {note} -m tcp -j DNAT --to-destination {address}:8080"


def _tag(chance: random.Random) -> str:
    return "".join(chance.choices(_LETTERS, k=16))


KINDS: Mapping[str, Callable[[int], Iterator[str]]] = {
    "flat": flat,
    "flat without ESTABLISHED": flat_without_established,
    "cluster node": cluster_node,
}


if __name__ == "__main__":
    for made in KINDS[sys.argv[1]](int(sys.argv[2])):
        sys.stdout.write(f"{made}\n")
