"""Random rulesets that load, and random packets for them, from dice. Knows no kernel and no verdict."""

from __future__ import annotations

import random
from ipaddress import ip_address
from typing import NamedTuple

from ruleset_lint.netfilter.values import TCP_FLAGS

from .probes import Probe
from .topology import PARTIES

PORTS = (22, 53, 80, 443, 1024, 40000, 65535)
KINDS = ("tcp:S", "tcp:S:bare", "tcp:A", "tcp:PA", "tcp:SA", "tcp:FA", "tcp:R", "tcp:RA", "tcp:F", "tcp:", "tcp:SF",
         "tcp:FPU", "tcp:AU", "tcp:SU", "udp", "udp", "echo", "error:unreachable:tcp", "error:too-big:udp")  # fmt: skip
HOOKS = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "security": ("INPUT", "FORWARD", "OUTPUT"),
}
OUTSIDE, HOST, INSIDE = ("gateway", "remote", "refused"), ("host", "host2", "leg"), ("server", "lan")


class Way(NamedTuple):
    """A course through the host, the side where the packet arrives or (outgoing) leaves, and who sends to whom."""

    course: str
    side: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]


WAYS = (
    Way("incoming", "eth0", OUTSIDE, HOST),
    Way("incoming", "eth1", INSIDE, HOST),
    Way("outgoing", "eth0", HOST, OUTSIDE),
    Way("outgoing", "eth1", HOST, INSIDE),
    Way("forwarded", "eth0", OUTSIDE, INSIDE),
    Way("forwarded", "eth1", INSIDE, OUTSIDE),
)


def made_probes(dice: random.Random, count: int) -> tuple[Probe, ...]:
    """About as many different packets."""
    return tuple(dict.fromkeys(_probe(dice, way) for way in dice.choices(WAYS, k=count)))


def way_of(probe: Probe) -> Way:
    """The way that a probe goes."""
    return next(way for way in WAYS if probe.source in way.sources and probe.target in way.targets)


def _probe(dice: random.Random, way: Way) -> Probe:
    source, target = dice.choice(way.sources), dice.choice(way.targets)
    return Probe(source, dice.choice(PORTS), target, dice.choice(PORTS), dice.choice(KINDS))


def made_ruleset(dice: random.Random, family: int) -> str:
    """A ruleset that loads: some tables, in each some chains of its own, which call those behind them.

    Of security and nat INPUT it has one only: iptables-nft 1.8.9 asks nat first (`nft list ruleset` shows security at
    150), iptables-legacy security.
    """
    names = [name for name in HOOKS if name == "filter" or dice.random() < 0.6]
    without = "INPUT" if "security" in names else ""
    tables = {name: [hook for hook in HOOKS[name] if name != "nat" or hook != without] for name in names}
    return "".join(_table(dice, name, hooks, family) for name, hooks in tables.items())


class _Place(NamedTuple):
    """Where a rule is to stand, and the chains that it may call."""

    dice: random.Random
    family: int
    table: str
    chain: str
    below: list[str]

    def maybe_not(self) -> str:
        return "! " if self.dice.random() < 0.25 else ""

    def address(self, parties: tuple[str, ...] = (*OUTSIDE, *HOST, *INSIDE)) -> str:
        return PARTIES[self.dice.choice(parties)].address(self.family)


def _table(dice: random.Random, table: str, possible: list[str], family: int) -> str:
    own = [f"C{number}" for number in range(dice.randint(0, 4))]
    hooks = [hook for hook in possible if table == "filter" or dice.random() < 0.7]
    drops = {"filter": 0.4, "mangle": 0.05, "security": 0.1}.get(table, 0.03)
    lines = [f"*{table}"]
    lines += [f":{hook} {'DROP' if dice.random() < drops else 'ACCEPT'} [0:0]" for hook in hooks]
    lines += [f":{name} - [0:0]" for name in own]
    for number, chain in enumerate((*hooks, *own)):
        place = _Place(dice, family, table, chain, own[max(number - len(hooks) + 1, 0) :])
        lines += [f"-A {chain} {_rule(place)}" for _ in range(dice.randint(0, 7))]
    return "\n".join((*lines, "COMMIT", ""))


def _rule(place: _Place) -> str:
    dice = place.dice
    protocol, words = _protocol(place)
    asked = dice.sample(_conditions(place), dice.choice((0, 0, 1, 1, 2)))
    target = dice.choice(_targets(place, protocol))
    if "-d " not in target and dice.random() < 0.25:
        asked.append(_network(place, "-d"))
    return " ".join((*words, *asked, target))


def _network(place: _Place, option: str) -> str:
    """Never `! -s 0.0.0.0/0`, of which iptables-nft makes no rule."""
    length = place.dice.choice((0, 1, 8, 24, 27, 31, 32) if place.family == 4 else (0, 1, 32, 48, 64, 125, 128))
    return f"{place.maybe_not() if length else ''}{option} {place.address()}/{length}"


def _protocol(place: _Place) -> tuple[str, list[str]]:
    dice = place.dice
    icmp, match = {4: ("icmp", "-m icmp {}--icmp-type"), 6: ("ipv6-icmp", "-m icmp6 {}--icmpv6-type")}[place.family]
    name = dice.choice(("", "", "tcp", "tcp", "tcp", "udp", icmp, "not"))
    if name in ("", "not"):
        return "", [f"! -p {dice.choice(('tcp', 'udp', icmp))}"] if name else []
    if name == icmp:
        kind = dice.choice(("echo-request", "destination-unreachable", "3/1", "128"))
        return name, [f"-p {name}", f"{match.format(place.maybe_not())} {kind}"][: dice.choice((1, 2))]
    return name, [f"-p {name}", *_transport(place, name)]


def _transport(place: _Place, name: str) -> list[str]:
    dice, no = place.dice, place.maybe_not
    low, high = sorted(dice.sample(PORTS, 2))
    choices = [
        f"-m {name} {no()}--dport {dice.choice(PORTS)}",
        f"-m {name} {no()}--dport {low}:{high}",
        f"-m {name} {no()}--sport {low}:{high}",
        f"-m {name} --sport {dice.choice(PORTS)} {no()}--dport {low}",
        f"-m multiport {no()}--dports {low},{high}",
        f"-m multiport {no()}--ports {low}:{high},53",
        f"-m {name}",
    ]
    if name == "tcp":
        mask, flags = (dice.sample(TCP_FLAGS, dice.randint(1, 4)) for _ in range(2))
        wanted = ",".join(flag for flag in flags if flag in mask) or "NONE"
        choices += [f"-m tcp {no()}--tcp-flags {','.join(mask)} {wanted}", f"-m tcp {no()}--syn"] * 2
    return dice.sample(choices, dice.choice((0, 1, 1, 1)))


def _conditions(place: _Place) -> list[str]:
    """One of each kind."""
    dice, no = place.dice, place.maybe_not
    states = ",".join(dice.sample(("NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED"), dice.randint(1, 3)))
    ends = "-".join(sorted((place.address(), place.address()), key=ip_address))
    ttl = "ttl --ttl" if place.family == 4 else "hl --hl"
    side, kind = dice.choice(("src", "dst")), dice.choice(("LOCAL", "UNICAST", "MULTICAST"))
    least = dice.choice((20, 32, 44, 60))
    return [
        _network(place, "-s"),
        f"-m conntrack {no()}--ctstate {states}",
        f"-m state {no()}--state {states}",
        f"-m mark {no()}--mark {dice.randint(0, 3)}/{dice.choice(('0x1', '0x3', '0xff', '0xffffffff'))}",
        f"-m addrtype {no()}--{side}-type {kind}",
        f"-m iprange {no()}--{side}-range {ends}",
        f"-m {ttl}-{dice.choice(('eq', 'lt', 'gt'))} {dice.choice((64, 253, 254, 255))}",
        f"-m pkttype {no()}--pkt-type unicast",
        f"-m dscp {no()}--dscp {dice.choice((0, 8, 46))}",
        f"-m length {no()}--length {least}:{dice.choice((44, 60, 100, 65535))}"
        if least < 60
        else "-m length --length 60",
        *_interfaces(place),
    ]


def _interfaces(place: _Place) -> list[str]:
    """`! -i +` does not load."""
    device = place.dice.choice(("eth0", "eth1", "eth+", "lo", "+"))
    sign = "" if device == "+" else place.maybe_not()
    found = [f"{sign}-i {device}"] if place.chain not in ("OUTPUT", "POSTROUTING") else []
    return found + ([f"{sign}-o {device}"] if place.chain not in ("PREROUTING", "INPUT") else [])


def _targets(place: _Place, protocol: str) -> list[str]:
    dice, bits = place.dice, place.dice.randint(0, 3)
    calls = [f"-{letter} {name}" for name in place.below[:2] for letter in "jg"]
    ends = ["-j ACCEPT", "-j RETURN"]
    match place.table:
        case "raw":
            return [*ends, *calls, "-j DROP", *["-j NOTRACK", "-j CT --notrack"] * 2]
        case "mangle":
            marks = (
                f"set-mark {bits}",
                f"set-xmark {bits}/0x3",
                f"or-mark {bits}",
                f"and-mark {bits}",
                f"xor-mark {bits}",
            )
            drop = ["-j DROP"] * (dice.random() < 0.4)
            change = ["-j TOS --set-tos 0x20/0xff", "-j DSCP --set-dscp 46"]
            return [*ends, *calls, *drop, *(f"-j MARK --{mark}" for mark in marks), *change]
        case "nat":
            return [*ends, *calls, *_translations(place, protocol)]
        case "filter":
            reset = ["-j REJECT --reject-with tcp-reset"] * (protocol == "tcp")
            return [*ends * 2, *calls, *["-j DROP"] * 2, "-j REJECT", *reset]
        case _:
            return [*ends * 2, *calls, *["-j DROP"] * 2]


def _translations(place: _Place, protocol: str) -> list[str]:
    """Targets of NAT that the chain may have; to an address to which the packet goes by the same way."""
    dice, ports = place.dice, protocol in ("tcp", "udp")
    if place.chain == "POSTROUTING":
        return ["-j MASQUERADE"] * 2
    homes = {"PREROUTING": (HOST, INSIDE), "OUTPUT": (OUTSIDE, INSIDE)}.get(place.chain)
    if homes is None:
        return []
    before, after = (PARTIES[party].address(place.family) for party in dice.sample(dice.choice(homes), 2))
    to = f"{after}:443" if place.family == 4 else f"[{after}]:443"
    found = [f"-d {before} -j DNAT --to-destination {to if ports else after}"] * 3
    if place.chain == "PREROUTING" and dice.random() < 0.2:
        found.append("-j REDIRECT --to-ports 80" if ports else "-j REDIRECT")
    return found
