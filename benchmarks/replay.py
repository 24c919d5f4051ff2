"""`python -m benchmarks.replay`: rewritten rulesets before the kernel, with real connections.

Each ruleset of the corpus with each service that leaves tracking, and made ones (benchmarks.made_firewalls) until there
are so many pairs: loaded in a network namespace before and after, the backends taking turns. Connections from several
neighbours, among them sources that rules name, have to go as far as before, and afterwards the service has no entry.
Needs root.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import NamedTuple

from benchmarks.made_firewalls import made_firewall
from benchmarks.rewrites import rulesets, served
from ruleset_lint.model.loading import load
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets.endpoints import Endpoint
from ruleset_lint.rewrite.notrack import Request, untrack
from ruleset_lint.syntax.iptables_save import parse
from tests.kernel.compare import measure
from tests.kernel.flows import PATIENT, QUICK, Flow
from tests.kernel.namespaces import missing, run
from tests.kernel.rulesets import BACKENDS, Backend
from tests.kernel.service import Service, belongs
from tests.kernel.topology import DEVICES, PARTIES, Party, Site, site

_MOST_SOURCES = 2


class Pair(NamedTuple):
    """A ruleset and its rewrite, and the service that has left."""

    name: str
    before: str
    after: str
    service: Service
    family: int
    sources: tuple[str, ...]


class Replayed(NamedTuple):
    """How a pair fared: what went otherwise, and the entries that the service has left."""

    connections: int
    opened: int
    otherwise: tuple[str, ...]
    entries: tuple[str, ...]


def pairs(wanted: int, seed: int) -> Iterator[Pair]:
    """Those of the corpus, then made ones."""
    made = itertools.chain(_of_corpus(), _made(seed))
    return itertools.islice(made, wanted)


def _of_corpus() -> Iterator[Pair]:
    for name, ruleset in rulesets():
        for service in served(ruleset):
            found = _pair(name, ruleset, Service("tcp" if service.protocol == "tcp" else "udp", service.port))
            if found:
                yield found


def _made(seed: int) -> Iterator[Pair]:
    for number in itertools.count(seed):
        text, service, family = made_firewall(random.Random(number))
        found = _pair(f"made {number}", load(parse(f"made {number}", text), family), service)
        if found:
            yield found


def _pair(name: str, ruleset: Ruleset, service: Service) -> Pair | None:
    end: Endpoint = service.endpoint(ruleset.family)
    result = untrack(ruleset, Request((end,), even_administration=True))
    if result.refusals or not result.changed:
        return None
    sources = tuple(itertools.islice(_sources(ruleset), _MOST_SOURCES))
    return Pair(f"{name} {end}", result.base.document.text, result.text, service, ruleset.family, sources)


def _sources(ruleset: Ruleset) -> Iterator[str]:
    """An address of each network from which rules of the filter accept or refuse packets."""
    known = {int(ip_address(party.address(ruleset.family))) for party in PARTIES.values()}
    for rule in ruleset.rules:
        networks = rule.source.value if rule.source and rule.table == "filter" else ()
        for network in networks:
            address = network.address if network.address & ~network.mask else network.address | 1
            text = ip_address(address.to_bytes(4 if ruleset.family == 4 else 16))
            odd = text.is_loopback or text.is_multicast or text.is_unspecified or text.is_link_local or text.is_reserved
            if address not in known and not odd and not network.name:
                known.add(address)
                yield str(text)


def replay(made: Site, pair: Pair, backend: Backend) -> Replayed:
    """Load both and compare. Raises ValueError if the kernel does not take one."""
    with_sources = tuple(_settle(made, address, pair.family) for address in pair.sources)
    flows = _flows(pair.service, with_sources)
    for patience in (QUICK, PATIENT):
        before, after = (
            measure(made, text, flows, family=pair.family, backend=backend, patience=patience)
            for text in (pair.before, pair.after)
        )
        otherwise = tuple(
            f"{flow}: {outcome} -> {after.outcomes[flow]}"
            for flow, outcome in before.outcomes.items() if after.outcomes[flow] != outcome
        )  # fmt: skip
        if not otherwise:
            break
    left = tuple(str(entry) for entry in after.tracked if belongs(entry, (pair.service,), pair.family))
    return Replayed(len(flows), sum(one == "ok" for one in before.outcomes.values()), otherwise, left)


def _settle(made: Site, address: str, family: int) -> str:
    """A neighbour outside with an address that a rule names; his name."""
    if address not in PARTIES:
        PARTIES[address] = Party("outside", address, address)
        DEVICES[address] = "near0"
        length = 32 if family == 4 else 128
        more = () if family == 4 else ("nodad",)
        run(made.outside, "ip", f"-{family}", "address", "add", f"{address}/{length}", "dev", "near0", *more)
        mac = ("lladdr", "02:00:00:00:00:01", "dev", "eth0", "nud", "permanent")
        run(made.host, "ip", f"-{family}", "route", "replace", address, "dev", "eth0")
        run(made.host, "ip", f"-{family}", "neighbour", "replace", address, *mac)
    return address


def _flows(service: Service, sources: Sequence[str]) -> tuple[Flow, ...]:
    home, port, protocol = service.homes[0], service.port, service.protocol
    clients = ("remote", "refused", *(() if service.server else ("lan",)), *sources)
    served_ones = [Flow(client, home, port, protocol) for client in clients]
    aside = [Flow("remote", "host", 22), Flow("host", "remote", port, protocol)]
    return tuple(dict.fromkeys((*served_ones, *aside)))


def main(words: Sequence[str] | None = None) -> int:
    """Replay, print a table and what went otherwise."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replay", description=__doc__)
    parser.add_argument("--pairs", type=int, default=240)
    parser.add_argument("--seed", type=int, default=0, help="where the dice begin")
    request = parser.parse_args(words)
    if reason := missing():
        parser.error(reason)
    start = time.monotonic()
    counted: Counter[str] = Counter()
    with site() as made:
        for pair, backend in zip(pairs(request.pairs, request.seed), itertools.cycle(BACKENDS), strict=False):
            _count(counted, pair, backend, made)
    for name in (
        "pairs",
        "pairs that the machine cannot load",
        "connections",
        "of them opened before",
        _OTHERWISE,
        _LEFT,
    ):
        print(f"{counted[name]:6}  {name}")
    print(f"{time.monotonic() - start:.0f} s")
    return int(bool(counted[_OTHERWISE] or counted[_LEFT]))


_NOT_LOADED = "pairs that the machine cannot load"
_OTHERWISE, _LEFT = "connections that go otherwise", "entries of services that have left"


def _count(counted: Counter[str], pair: Pair, backend: Backend, made: Site) -> None:
    try:
        found = replay(made, pair, backend)
    except ValueError as error:
        counted[_NOT_LOADED] += 1
        print(f"{pair.name}, {backend}: not loaded: {str(error).splitlines()[0][:100]}")
        return
    counted.update({
        "pairs": 1, "connections": found.connections, "of them opened before": found.opened,
        _OTHERWISE: len(found.otherwise), _LEFT: len(found.entries),
    })  # fmt: skip
    for text in (*found.otherwise, *(f"still tracked: {entry}" for entry in found.entries)):
        print(f"{pair.name}, {backend}: {text}")


if __name__ == "__main__":
    sys.exit(main())
