"""What the trace says of random rulesets and packets against what the kernel does with them.

A packet's verdict is compared, and for each rule how many packets matched it. So that counters count probes alone, no
namespace sends anything of its own: what has not the probes' TTL is dropped on its way out.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ruleset_lint.model.loading import load as read_ruleset
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.values import TCP_FLAGS
from ruleset_lint.packets.meaning import Meanings
from ruleset_lint.packets.packet_text import read_packet
from ruleset_lint.packets.trace import Trace, trace
from ruleset_lint.syntax.iptables_save import parse

from .made_rulesets import made_probes, made_ruleset, way_of
from .namespaces import run
from .packets import FLAGS
from .probes import Probe, caught
from .rulesets import Backend, load, reset, tool
from .topology import PARTIES, Site

TTL = 255  # of all probes
QUIET = """\
table inet quiet {{
  chain out {{
    type filter hook output priority {0};
    ip ttl != 255 drop
    ip6 hoplimit != 255 drop
    icmpv6 type {{ nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report }} drop
  }}
}}
"""


class Difference(NamedTuple):
    """A packet or a rule about which the trace and the kernel disagree."""

    what: str
    traced: str
    kernel: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A ruleset and what was sent through it: packets, those that passed, those whose verdict the trace leaves open.

    `met` is how often a packet matched a rule.
    """

    ruleset: str
    packets: int
    passed: int
    unsettled: int
    met: int
    differences: tuple[Difference, ...]


def compare_traces(site: Site, seed: int, packets: int, family: int, backend: Backend) -> Compared:
    """Load one random ruleset and send random packets through it, each with an empty conntrack table."""
    dice = random.Random(f"{seed} {family}")
    text = made_ruleset(dice, family)
    probes = made_probes(dice, packets)
    ruleset = read_ruleset(parse("made", text), family, fragment=False)
    reset(site.host)
    if not (taken := load(site.host, text, family, backend)):
        raise ValueError(f"seed {seed}: {taken.error}\n{text}")
    run(site.host, "nft", "-f", "-", text=QUIET.format(-500))
    arrived = _arrived(site, probes, family)
    meanings = Meanings()
    traced = {probe: _traced(ruleset, probe, family, meanings) for probe in probes}
    traces = tuple(traced.values())
    found = list(_verdicts(traced, arrived))
    if not any(one.assumptions for one in traces):
        found += _counters(site, ruleset, traces, backend)
    unsettled = sum(not one.settled for one in traces)
    return Compared(text, len(probes), sum(arrived.values()), unsettled, _met(traces).total(), tuple(found))


def _arrived(site: Site, probes: tuple[Probe, ...], family: int) -> dict[Probe, bool]:
    """Which probes passed the last hook: as `probes.passed` says it, but wherever they came out."""
    places = {PARTIES[party].place for party in ("host", "remote", "server")}
    found = frozenset().union(*caught(site, probes, places, family).values())
    return {probe: probe in found for probe in probes}


def hush(site: Site) -> None:
    """Let the neighbours send nothing but probes."""
    for place in (site.outside, site.inside):
        run(place, "nft", "-f", "-", text=QUIET.format(0))


def _verdicts(traced: dict[Probe, Trace], arrived: dict[Probe, bool]) -> Iterator[Difference]:
    """Packets that the kernel treats otherwise; of what is not settled every verdict named is allowed."""
    for probe, found in traced.items():
        possible = {found.verdict} if found.settled else {found.verdict, *(one.otherwise for one in found.assumptions)}
        if arrived[probe] not in {verdict == "ACCEPT" for verdict in possible}:
            rule = found.deciding.rule if found.deciding else None
            said = f"{found.verdict} by {f'line {rule.number}' if rule else 'the policy'}"
            yield Difference(str(probe), said, "passes" if arrived[probe] else "dropped")


def _counters(site: Site, ruleset: Ruleset, traces: Sequence[Trace], backend: Backend) -> Iterator[Difference]:
    """Rules with a target: how often the traces say that a packet matched, and how often the kernel counted."""
    met = _met(traces)
    counted = _counted(run(site.host, tool(ruleset.family, backend, "save"), "-c"))
    for table in ruleset.tables.values():
        for chain in table.chains.values():
            for place, rule in enumerate(chain.rules):
                seen = counted[table.name, chain.name, place]
                if seen != met[rule.number]:
                    text = ruleset.document.content(rule.line)
                    yield Difference(f"line {rule.number}: {text}", f"{met[rule.number]} packets", f"{seen} packets")


def _met(traces: Sequence[Trace]) -> Counter[int]:
    return Counter(rule.number for one in traces for passage in one.passages for rule in passage.met)


def _counted(saved: str) -> Counter[tuple[str, str, int]]:
    found: Counter[tuple[str, str, int]] = Counter()
    places: Counter[tuple[str, str]] = Counter()
    table = ""
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif match := re.match(r"\[(\d+):\d+\] -A (\S+)", line):
            key = table, match[2]
            found[(*key, places[key])] = int(match[1])
            places[key] += 1
    return found


def _traced(ruleset: Ruleset, probe: Probe, family: int, meanings: Meanings) -> Trace:
    return trace(ruleset, read_packet(packet_of(probe, family)), way_of(probe).course, meanings=meanings)


def packet_of(probe: Probe, family: int) -> str:
    """The probe as text, with the state that it gets as first packet of its tuple (nf_conntrack_proto_tcp.c)."""
    course, side, *_ = way_of(probe)
    other = {"eth0": "eth1", "eth1": "eth0"}[side]
    sides = {"incoming": f"in={side}", "outgoing": f"out={side}", "forwarded": f"in={side} out={other}"}[course]
    ends = [PARTIES[party].address(family) for party in (probe.source, probe.target)]
    protocol, _, rest = probe.kind.partition(":")
    name = protocol if protocol in ("tcp", "udp") else "icmp"
    if name != "icmp":
        pairs = zip(ends, (probe.source_port, probe.port), strict=True)
        ends = [f"{address}:{port}" if family == 4 else f"[{address}]:{port}" for address, port in pairs]
    said = {"tcp": "flags=", "udp": "", "echo": "type=echo-request"}.get(protocol, _error_type(rest, family))
    said += _flags(rest) if protocol == "tcp" else ""
    local = {"incoming": "src-type=UNICAST dst-type=LOCAL", "outgoing": "src-type=LOCAL dst-type=UNICAST"}
    types = local.get(course, "src-type=UNICAST dst-type=UNICAST")
    length = f"length={_length(probe.kind, family)}"
    return f"{sides} {name} {ends[0]} > {ends[1]} {said} state={_state(probe.kind)} ttl={TTL} {length} {types} mark=0"


def _length(kind: str, family: int) -> int:
    """Bytes of the packet, as packets.py makes it: a SYN has four of options, all but TCP four of content."""
    header = {4: 20, 6: 40}[family]
    match kind.split(":"):
        case ["tcp", flags, *bare]:
            return header + 20 + 4 * ("S" in flags and not bare)
        case ["error", _, protocol]:
            return header + 8 + _length({"tcp": "tcp:A", "udp": "udp"}[protocol], family)
        case _:
            return header + 12


def _flags(rest: str) -> str:
    letters = rest.partition(":")[0]
    names = {letter: next(name for name in TCP_FLAGS if name[0] == letter) for letter in FLAGS}
    return ",".join(names[letter] for letter in letters) or "NONE"


def _error_type(rest: str, family: int) -> str:
    kinds = {"unreachable": ("type=3 code=1", "type=1"), "too-big": ("type=3 code=4", "type=2")}
    return kinds.get(rest.partition(":")[0], ("", ""))[family == 6]


def _state(kind: str) -> str:
    opening = ("tcp:S", "tcp:S:bare", "tcp:SU", "tcp:A", "tcp:PA", "tcp:AU", "udp", "echo")
    return "NEW" if kind in opening else "INVALID"
