"""`python -m benchmarks.folding`: CPU that a large ruleset takes to become sets, ÷ `iptables-nft-restore --test`.

The ruleset is made up like that of an old firewall: overlapping prefixes, port lists and ranges, states, a chain an
interface. All figures are CPU of child processes. Needs root for the namespace that restore runs in.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.cost import cost
from benchmarks.restore import missing
from benchmarks.speed import check, restore, write
from ruleset_lint.model.loading import load
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets.arrivals import arrivals
from ruleset_lint.packets.course import COURSES
from ruleset_lint.packets.summary import reading_of
from ruleset_lint.packets.walking import Folded, walked
from ruleset_lint.syntax.iptables_save import parse

_INTERFACES = 8
_RESTORED = 100_000
_DISTINCT = 300  # hosts and networks that the rules name
_CHECKS = {
    "dead rules": ("--select", "reach/shadowed", "--select", "reach/never-matches"),
    "all rules": (),
}
_PORTS = (22, 25, 53, 80, 123, 161, 389, 443, 445, 993, 3128, 3306, 3389, 5432, 8080, 9100)


def made(rules: int, seed: int = 1, distinct: int = _DISTINCT) -> Iterator[str]:
    """Lines of a ruleset with so many rules, which name so many hosts and networks."""
    chance = random.Random(seed)
    places = _places(chance, distinct)
    chains = [f"{side}-eth{number}" for side in ("in", "fwd") for number in range(_INTERFACES)]
    yield from ("*filter", ":INPUT DROP [0:0]", ":FORWARD DROP [0:0]", ":OUTPUT ACCEPT [0:0]")
    yield from (f":{name} - [0:0]" for name in chains)
    top = list(_top())[:rules]
    yield from top
    for _ in range(rules - len(top)):
        target = chance.choice(("ACCEPT", "ACCEPT", "DROP"))
        yield f"-A {chance.choice(chains)} {_conditions(chance, places)} -j {target}"
    yield "COMMIT"


def _top() -> Iterator[str]:
    yield "-A INPUT -i lo -j ACCEPT"
    for chain in ("INPUT", "FORWARD"):
        yield f"-A {chain} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
        yield f"-A {chain} -m conntrack --ctstate INVALID -j DROP"
    for number in range(_INTERFACES):
        yield f"-A INPUT -i eth{number} -j in-eth{number}"
        yield f"-A FORWARD -i eth{number} -j fwd-eth{number}"


def _conditions(chance: random.Random, places: Sequence[str]) -> str:
    sides = chance.choices((("-s",), ("-d",), ("-s", "-d")), (20, 30, 50))[0]
    words = [f"{side} {chance.choice(places)}" for side in sides]
    kinds: Mapping[Callable[[random.Random], str], int] = {
        lambda c: f"-p {c.choice(('tcp', 'udp'))} -m multiport --dports {_list(c)}": 25,
        lambda c: f"-p tcp -m tcp --dport {c.choice(_PORTS)}": 35,
        lambda c: f"-p udp -m udp --dport {_range(c)}": 10,
        lambda c: f"-p tcp -m tcp --dport {_range(c)} --tcp-flags FIN,SYN,RST,ACK SYN": 10,
        lambda c: f"-p icmp -m icmp --icmp-type {c.choice((0, 3, 8, 11))}": 5,
        lambda _: "": 15,
    }
    words += chance.choices(list(kinds), list(kinds.values()))[0](chance).split()
    words += ["-m conntrack --ctstate NEW"] if chance.random() < 0.3 else []
    return " ".join(words)


def _places(chance: random.Random, distinct: int) -> list[str]:
    """Hosts, and networks in networks, of a few sites."""
    return [_prefix(chance) for _ in range(distinct)]


def _prefix(chance: random.Random) -> str:
    length = chance.choices((16, 20, 22, 24, 27, 32), (2, 3, 5, 20, 10, 60))[0]
    address = 10 << 24 | chance.randrange(12) << 16 | chance.randrange(64) << 8 | chance.randrange(256)
    address &= -1 << (32 - length)
    return ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0)) + f"/{length}"


def _list(chance: random.Random) -> str:
    return ",".join(map(str, sorted(chance.sample(_PORTS, chance.randrange(2, 8)))))


def _range(chance: random.Random) -> str:
    low = chance.randrange(1024, 50_000)
    return f"{low}:{low + chance.choice((10, 100, 1000, 10_000))}"


class Folding(NamedTuple):
    """CPU in seconds, by what it was spent for."""

    load: float
    conditions: float
    arrivals: float
    courses: float


def fold(path: Path) -> Folding:
    """What it takes to read a file, to draw each rule's condition, to lead all packets past each rule, and to walk."""
    times = [time.process_time()]
    ruleset: Ruleset = load(parse(str(path), path.read_text(encoding="utf-8")))
    times.append(time.process_time())
    reading = reading_of(ruleset)
    for rule in ruleset.live_rules:
        reading.matched(rule)
    times.append(time.process_time())
    for table in ruleset.tables:
        for arrival in arrivals(reading, ruleset, table):
            reading.space.is_empty(arrival.matching)
    times.append(time.process_time())
    folded = Folded(reading, ruleset)
    for course in COURSES.values():
        walked(folded, course)
    times.append(time.process_time())
    return Folding(*(after - before for before, after in itertools.pairwise(times)))


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.folding", description=__doc__)
    parser.add_argument("--rules", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--distinct", type=int, default=_DISTINCT, help="hosts and networks that the rules name")
    parser.add_argument("--file", type=Path, help="a ruleset that is there, instead of one that is made")
    parser.add_argument("--print", action="store_true", help="print the ruleset instead")
    request = parser.parse_args(words)
    if request.print:
        print(*made(request.rules, request.seed, request.distinct), sep="\n")
        return 0
    with tempfile.TemporaryDirectory(prefix="ruleset-lint-folding-") as name:
        path = request.file or Path(name, "made.rules")
        if not request.file:
            path.write_text(
                "".join(f"{line}\n" for line in made(request.rules, request.seed, request.distinct)), encoding="utf-8"
            )
        taken = fold(path)
        print(*(f"{what}: {seconds:.2f} s" for what, seconds in taken._asdict().items()), sep="\n")
        if reason := missing():
            print(f"iptables-nft-restore cannot be measured: {reason}")
            return 0
        flat = cost(restore(write("flat", _RESTORED, Path(name))[0])).cpu
        sets = taken.conditions + taken.arrivals
        print(f"restore of {_RESTORED} rules: {flat:.2f} s; conditions and arrivals ÷ it: {sets / flat:.2f}")
        for what, selected in _CHECKS.items():
            taken_by = cost(check(path, "--isolated", *selected)).cpu
            print(f"check, {what}: {taken_by:.2f} s; ÷ restore: {taken_by / flat:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
