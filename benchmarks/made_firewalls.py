"""Firewalls as people write them, from dice: hosts and routers, and a service of theirs. Knows no rewrite."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.kernel.service import Service

_STATES = ("-m state --state", "-m conntrack --ctstate")
_REFUSALS = ("-j DROP", "-j REJECT", "-p tcp -j REJECT --reject-with tcp-reset")
_REFUSED = {4: "198.51.100.0/24", 6: "2001:db8:66::/64"}
_ALLOWED = {4: "203.0.113.0/24", 6: "2001:db8:77::/64"}
_SERVER = {4: "10.0.0.5/32", 6: "2001:db8:a::5/128"}


def made_firewall(dice: random.Random) -> tuple[str, Service, int]:
    """A ruleset, the service that it accepts, the family."""
    family = 6 if dice.random() < 0.25 else 4
    protocol, port = dice.choice((("tcp", 80), ("tcp", 443), ("tcp", 8080), ("udp", 53)))
    server = "server" if dice.random() < 0.4 else None
    service = Service("udp" if protocol == "udp" else "tcp", port, server)
    return "".join(_tables(dice, service, family)), service, family


def _tables(dice: random.Random, service: Service, family: int) -> Iterator[str]:
    closed = dice.random() < 0.3
    rules = [*_chain(dice, service, "INPUT", family, serves=service.server is None)]
    rules += _chain(dice, service, "FORWARD", family, serves=service.server is not None)
    rules += _output(dice) if closed else ()
    yield f"*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT {'DROP' if closed else 'ACCEPT'} [0:0]\n"
    yield from (f":{name} - [0:0]\n" for name in ("allowed-INPUT", "allowed-FORWARD"))
    yield "".join(f"{rule}\n" for rule in rules) + "COMMIT\n"
    if dice.random() < 0.2:
        hook = dice.choice(("PREROUTING", "FORWARD" if service.server else "INPUT", "POSTROUTING"))
        yield f"*mangle\n-A {hook} {dice.choice(_STATES)} INVALID -j DROP\nCOMMIT\n"


def _chain(dice: random.Random, service: Service, hook: str, family: int, *, serves: bool) -> list[str]:
    state = dice.choice(_STATES)
    known = [f"-A {hook} {state} {dice.choice(('RELATED,ESTABLISHED', 'ESTABLISHED,RELATED'))} -j ACCEPT"]
    known += [f"-A {hook} {state} INVALID -j DROP"] * (dice.random() < 0.4)
    dice.shuffle(known)
    refused = [f"-A {hook} -s {_REFUSED[family]} {dice.choice(_REFUSALS)}"] * (dice.random() < 0.5)
    accepts = [*(_accepts(dice, service, hook, family) if serves else ()), *_others(hook, state)]
    dice.shuffle(accepts)
    body = [*refused, *known] if dice.random() < 0.4 else [*known, *refused]
    discovery = [f"-A {hook} -p ipv6-icmp -j ACCEPT"] * (family == 6)
    last = [f"-A {hook} -j REJECT"] * (dice.random() < 0.3)
    loop = ["-A INPUT -i lo -j ACCEPT"] * (hook == "INPUT")
    return [*loop, *discovery, *body, *accepts, *last]


def _accepts(dice: random.Random, service: Service, hook: str, family: int) -> Iterator[str]:
    state = dice.choice(("", "", *(f"{spelling} NEW" for spelling in _STATES * 2)))
    source = dice.choice(("", "", f"-s {_ALLOWED[family]}", f"! -s {_REFUSED[family]}"))
    server = f"-d {_SERVER[family]}" if service.server else ""
    way = dice.choice(("", "-i eth0", "-i eth0 -o eth1" if service.server else "! -i eth1"))
    name = service.protocol
    ports = dice.choice((f"-m {name} --dport {service.port}", f"-m multiport --dports {service.port},9999"))
    flags = dice.choice(("", "", "--syn")) if name == "tcp" and "multiport" not in ports and state else ""
    target = dice.choice(("ACCEPT", "ACCEPT", f"allowed-{hook}"))
    words = (f"-A {hook}", source, server, way, f"-p {name}", ports, flags, state, f"-j {target}")
    yield " ".join(filter(None, words))
    yield f"-A allowed-{hook} -m length --length 1000:65535 -j ACCEPT"
    yield f"-A allowed-{hook} {dice.choice(('-j ACCEPT', f'-s {_ALLOWED[family]} -j ACCEPT'))}"


def _others(hook: str, state: str) -> Iterator[str]:
    if hook == "INPUT":
        yield f"-A INPUT -p tcp {state} NEW -m tcp --dport 22 -j ACCEPT"
    else:
        yield f"-A FORWARD -i eth1 -o eth0 {state} NEW -j ACCEPT"


def _output(dice: random.Random) -> Iterator[str]:
    yield "-A OUTPUT -o lo -j ACCEPT"
    yield "-A OUTPUT -p ipv6-icmp -j ACCEPT"
    yield f"-A OUTPUT {dice.choice(_STATES)} RELATED,ESTABLISHED -j ACCEPT"
    if dice.random() < 0.4:
        yield f"-A OUTPUT -p tcp {dice.choice(_STATES)} NEW -j ACCEPT"
