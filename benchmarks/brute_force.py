"""`python -m benchmarks.brute_force`: made-up rulesets walked with sets, and with each packet of a small universe.

A packet alone is led past the rules one by one, as the kernel does it; the sets must say the same of it: its verdict,
its mark in the end, whether it was untracked, and that it is among those that arrive at and match each rule that it
met. Prints each difference.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks.certain import Arrived, uncertain
from ruleset_lint.model.loading import load
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.values import ADDRESS_TYPES, STATES
from ruleset_lint.packets.arrivals import arrivals
from ruleset_lint.packets.course import CONNTRACK, FORWARDED, INCOMING, OUTGOING, Step
from ruleset_lint.packets.effect import Assign, Call, Decide, Return
from ruleset_lint.packets.formula import (
    DESTINATION,
    DESTINATION_PORT,
    DESTINATION_TYPE,
    IN,
    MARK,
    OUT,
    PROTOCOL,
    SOURCE,
    SOURCE_PORT,
    STATE,
    TTL,
    Packet,
    holds,
)
from ruleset_lint.packets.places import CARRIED
from ruleset_lint.packets.space import PacketSet, Space
from ruleset_lint.packets.store import Store
from ruleset_lint.packets.summary import Reading, reading_of
from ruleset_lint.packets.walking import Folded, Walked, walked
from ruleset_lint.packets.witness import contains, witness
from ruleset_lint.syntax.iptables_save import parse

_COURSES = (INCOMING, FORWARDED, OUTGOING)
_CHAINS = ("A", "B", "C")
_OPAQUE = ("-m set --match-set one src", "-m statistic --mode nth --every 2 --packet 0")
_LOCAL = ADDRESS_TYPES.index("LOCAL")
_HOOKS = {"raw": ("PREROUTING", "OUTPUT"), "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
          "filter": ("INPUT", "FORWARD", "OUTPUT")}  # fmt: skip


def made(seed: int) -> str:
    """A small ruleset; the same seed gives the same."""
    chance = random.Random(seed)
    tables = [name for name in _HOOKS if name == "filter" or chance.random() < 0.5]
    return "".join(f"{line}\n" for name in tables for line in _table(chance, name))


def _table(chance: random.Random, table: str) -> Iterator[str]:
    yield f"*{table}"
    yield from (f":{hook} {chance.choice(('ACCEPT', 'ACCEPT', 'DROP'))} [0:0]" for hook in _HOOKS[table])
    yield from (f":{name} - [0:0]" for name in _CHAINS)
    for place, chain in enumerate((*_HOOKS[table], *_CHAINS)):
        own = place - len(_HOOKS[table])
        for _ in range(chance.randrange(4)):
            yield " ".join(f"-A {chain} {_conditions(chance, chain)} {_target(chance, table, own)}".split())
    yield "COMMIT"


def _conditions(chance: random.Random, chain: str) -> str:
    asked = [
        f"{_sign(chance)}-s 10.0.0.{chance.randrange(4)}/{chance.choice((30, 31, 32))}",
        f"{_sign(chance)}-d 10.0.1.{chance.randrange(2)}",
        *([] if chain in ("OUTPUT", "POSTROUTING") else [f"{_sign(chance)}-i {chance.choice(('eth0', 'eth+', 'lo'))}"]),
        *([] if chain in ("INPUT", "PREROUTING") else [f"{_sign(chance)}-o {chance.choice(('eth0', 'eth+'))}"]),
        f"-m conntrack {_sign(chance)}--ctstate {','.join(chance.sample(STATES, chance.randrange(1, 4)))}",
        f"-m addrtype {_sign(chance)}--dst-type LOCAL",
        f"-m mark {_sign(chance)}--mark {chance.choice(('0x1', '0x0/0x2', '0x3'))}",
        *_OPAQUE,
    ]
    port = chance.choice(
        ("", "-m udp --dport 22", "-m udp --dport 22:79", f"-m multiport {_sign(chance)}--dports 22,80")
    )
    protocol = [f"-p udp {port}"] if chance.random() < 0.3 else []
    return " ".join(protocol + chance.sample(asked, chance.choice((0, 1, 1, 2))))


def _sign(chance: random.Random) -> str:
    return "! " if chance.random() < 0.3 else ""


def _target(chance: random.Random, table: str, own: int) -> str:
    targets = ["ACCEPT", "DROP", "RETURN", "LOG", f"MARK --set-xmark {chance.randrange(4):#x}/{chance.randrange(4):#x}"]
    targets += ["NOTRACK", "CT --notrack"] if table == "raw" else []
    targets += ["REJECT"] if table == "filter" else []
    below = [*_CHAINS[max(own + 1, 0) :]]
    if below and chance.random() < 0.5:
        return f"-{chance.choice('jjg')} {chance.choice(below)}"
    return f"-j {chance.choice(targets)}"


def packets(course: Sequence[Step]) -> Iterator[Packet]:
    """All packets of the universe that can begin a course."""
    came = ("",) if course is OUTGOING else ("eth0", "eth1", "lo")
    leaves = ("",) if course is INCOMING else ("eth0", "tun0")
    carried = (0, 1) if course is not OUTGOING else (0,)
    here = (_LOCAL, ADDRESS_TYPES.index("UNICAST"))
    for source, destination, kind, (protocol, port), state in itertools.product(
        (0, 2, 3), (0, 1), here, ((17, 22), (17, 80), (1, 0)), range(5)
    ):
        values = {
            SOURCE[4]: 0x0A000000 + source, DESTINATION[4]: 0x0A000100 + destination, PROTOCOL: protocol,
            SOURCE_PORT: 1 if port else 0, DESTINATION_PORT: port, STATE: state, TTL: 64,
            DESTINATION_TYPE: kind,
        }  # fmt: skip
        for in_name, out_name, kept, yes in itertools.product(came, leaves, carried, ((), (0,), (1,), (0, 1))):
            if (kept and in_name != "lo") or (state == 4 and not kept):
                continue
            answers = {_OPAQUE[number]: True for number in yes}
            yield Packet(4, {**values, CARRIED: kept}, {IN: in_name, OUT: out_name}, answers)


class Met(NamedTuple):
    """A rule that a packet came to, the packet as it was then, and whether the rule matched."""

    rule: Rule
    packet: Packet
    matched: bool


@dataclass(eq=False, slots=True)
class Alone:
    """One packet on its way."""

    ruleset: Ruleset
    reading: Reading
    packet: Packet
    untracked: bool = False
    met: list[Met] = field(default_factory=list)

    def verdict(self, course: Sequence[Step]) -> str:
        """What becomes of it in the end."""
        told = STATES[self.packet.value(STATE)]
        leaves = self.packet.interfaces[OUT]
        if not self.packet.value(CARRIED):
            self._set(STATE, STATES.index("INVALID"))
        for step in course:
            if step.hook == "FORWARD" and self.packet.value(DESTINATION_TYPE) == _LOCAL:
                return "DROP"  # the kernel delivered it here
            if step.table == CONNTRACK:
                self.untracked = self.packet.state == "UNTRACKED"
                self._set(STATE, STATES.index("UNTRACKED" if self.untracked else told))
                continue
            seen = "" if step.hook == "PREROUTING" else leaves
            came = "" if step.hook == "POSTROUTING" else self.packet.interfaces[IN]
            before, self.packet = self.packet, self.packet._replace(interfaces={IN: came, OUT: seen})
            end = self._table(step)
            self.packet = self.packet._replace(interfaces=before.interfaces)
            if end != "ACCEPT":
                return end
        return "ACCEPT"

    def _table(self, step: Step) -> str:
        chain = self.ruleset.chain(step.table, step.hook)
        return (self.chain(step.table, step.hook) or chain.policy) if chain else "ACCEPT"

    def chain(self, table: str, name: str) -> str | None:
        """The verdict of a chain, None if the packet comes back."""
        chains = self.ruleset.tables[table].chains
        for rule in chains[name].rules:
            matched = holds(self.reading.meaning(rule), self.packet)
            self.met.append(Met(rule, self.packet, matched))
            for step in self.reading.steps(rule, chains) if matched else ():
                for effect in step.effects if holds(step.asks, self.packet) else ():
                    match effect:
                        case Decide(verdict):
                            return verdict
                        case Return():
                            return None
                        case Assign(of, mask, value):
                            self._set(of, (self.packet.value(of) & ~mask) ^ value)
                        case Call(chain, goto):
                            end = self.chain(table, chain)
                            if end or goto:
                                return end
        return None

    def _set(self, of: object, value: int) -> None:
        self.packet = self.packet._replace(values={**self.packet.values, of: value})  # type: ignore[dict-item]


def differences(seed: int, share: float = 1.0) -> Iterator[str]:
    """What the sets say that is not so, for a share of the packets."""
    ruleset = load(parse("made", made(seed)))
    reading = reading_of(ruleset)
    folded = Folded(reading, ruleset)
    arrived = {
        arrival.rule: Arrived(arrival.arriving, arrival.matching)
        for table in ruleset.tables
        for arrival in arrivals(reading, ruleset, table)
    }
    yield from (f"{seed}: {problem}" for problem in _unreached(ruleset, reading, arrived))
    yield from (f"{seed}: {problem}" for problem in uncertain(ruleset, reading, arrived))
    chance = random.Random(seed)
    for course in _COURSES:
        found = walked(folded, course)
        for packet in packets(course):
            if share == 1 or chance.random() < share:
                alone = Alone(ruleset, reading, packet)
                verdict = alone.verdict(course)
                problems = [*_problems(reading.space, alone, packet, found, verdict),
                            *_unforeseen(reading.space, alone, arrived)]  # fmt: skip
                yield from (f"{seed}: {problem}: {packet}" for problem in problems)


def _problems(space: Space, alone: Alone, packet: Packet, found: Walked, verdict: str) -> Iterator[str]:
    """What is said of a packet as it came that is not so."""
    said = [name for name, packets in found.verdicts.items() if contains(space, packets, packet)]
    if said != [verdict]:
        yield f"{verdict} is said to be {said}"
    if contains(space, found.untracked, packet) is not alone.untracked:
        yield f"untracked {alone.untracked}"
    mark = sum(contains(space, bit, packet) << shift for shift, bit in enumerate(_mark(space, found.store)))
    if mark != alone.packet.value(MARK):
        yield f"mark {alone.packet.value(MARK)} is said to be {mark}"


def _mark(space: Space, store: Store) -> list[PacketSet]:
    variables = space.variables(MARK, MARK.bits)
    return [store.bit(space, variable) for variable in reversed(variables)][:2]


def _unforeseen(space: Space, alone: Alone, arrived: Mapping[Rule, Arrived]) -> Iterator[str]:
    for rule, packet, matched in alone.met:
        arrival = arrived[rule]
        if not contains(space, arrival.matching if matched else arrival.arriving, packet):
            yield f"{rule.line.number}: comes unforeseen: {packet}"


def _unreached(ruleset: Ruleset, reading: Reading, arrived: Mapping[Rule, Arrived]) -> Iterator[str]:
    """Rules said to match a packet that does not even come to them; changes and what counts are told roughly."""
    if set(ruleset.tables) != {"filter"} or any(word in _text(ruleset) for word in ("MARK", "statistic")):
        return
    for rule, arrival in arrived.items():
        packet = witness(reading.space, arrival.matching)
        if packet is not None:
            alone = Alone(ruleset, reading, packet)
            came, leaves = (bool(packet.interfaces[side]) for side in (IN, OUT))
            alone.chain("filter", {(True, True): "FORWARD", (True, False): "INPUT"}.get((came, leaves), "OUTPUT"))
            if not any(met.rule == rule and met.matched for met in alone.met):
                yield f"{rule.line.number}: is not reached: {packet}"


def _text(ruleset: Ruleset) -> str:
    return "".join(ruleset.document.source(rule.line.span) for rule in ruleset.live_rules)


def main(words: Sequence[str] | None = None) -> int:
    """Compare and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.brute_force", description=__doc__)
    parser.add_argument("--rulesets", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--share", type=float, default=0.1, help="share of the packets that are led through each")
    request = parser.parse_args(words)
    started, found = time.process_time(), 0
    for seed in range(request.first, request.first + request.rulesets):
        for difference in differences(seed, request.share):
            print(difference)
            found += 1
    print(f"{request.rulesets} rulesets, {found} differences, {time.process_time() - started:.0f} s")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
