"""`python -m benchmarks.added_rules`: rules that the goal notrack adds to filter, a service.

Counted over the rulesets of the corpus: each service that a rule of INPUT, or of a chain below it, accepts by a single
port, and whose rewrite nothing is in the way of. Needs nothing but the corpus.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmarks.corpus import corpus
from ruleset_lint.model.blocks import family_of
from ruleset_lint.model.loading import load
from ruleset_lint.model.made import is_own_rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.netfilter.services import Service
from ruleset_lint.netfilter.values import PROTOCOLS
from ruleset_lint.packets.endpoints import Endpoint
from ruleset_lint.rewrite.notrack import Request, untrack
from ruleset_lint.syntax.iptables_save import parse
from ruleset_lint.text import decode

_NAMES = {number: name for name, number in PROTOCOLS.items() if name in ("tcp", "udp")}


class Measured(NamedTuple):
    """One service of one ruleset: rules and chains that filter gets, all that all tables get, seconds of CPU."""

    where: str
    rules: int
    chains: int
    everywhere: int
    seconds: float


def measured() -> Iterator[Measured]:
    """Each service that is rewritten."""
    for path in sorted(path for path in (corpus() / "dumps").glob("*/*") if path.is_file()):
        text = decode(path.read_bytes())
        ruleset = load(parse(str(path), text), family_of(str(path), text))
        for service in accepted(ruleset):
            found = _one(ruleset, service)
            if found:
                yield found._replace(where=f"{path.parent.name}/{path.name} {service}")


def accepted(ruleset: Ruleset) -> tuple[Service, ...]:
    """The services that INPUT accepts by a rule for their port alone."""
    filters = ruleset.tables.get("filter")
    if filters is None or "INPUT" not in filters.chains:
        return ()
    found: dict[Service, None] = {}
    for name in filters.reached_from("INPUT"):
        for rule in filters.chains[name].rules:
            protocol, ports = rule.protocol, rule.destination_ports
            if rule.verdict is Verdict.ACCEPT and protocol and ports and not protocol.negated and not ports.negated:
                found.update((Service(_NAMES[protocol.value], low), None) for low, high in ports.value
                             if low == high and protocol.value in _NAMES)  # fmt: skip
    return tuple(found)


def _one(ruleset: Ruleset, service: Service) -> Measured | None:
    start = time.process_time()
    result = untrack(ruleset, Request((Endpoint(service),), even_administration=True))
    seconds = time.process_time() - start
    if not result.services or result.refusals:
        return None
    after = load(parse("after", result.text), ruleset.family)
    own = [rule for rule in after.rules if is_own_rule(rule)]
    chains = {rule.chain for rule in own if rule.table == "filter" and rule.chain.startswith("NT-")}
    return Measured("", sum(rule.table == "filter" for rule in own), len(chains), len(own), seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the median, the quartiles and the services that get most."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=8, help="so many of the longest are named")
    parser.add_argument("--all", action="store_true", help="name each service")
    options = parser.parse_args(arguments)
    found = sorted(measured(), key=lambda one: one.rules)
    if not found:
        print("no corpus, or no service in it")
        return 1
    rules = [one.rules for one in found]
    quarter, median, three_quarters = statistics.quantiles(rules, n=4)
    print(f"{len(found)} services of {len({one.where.rpartition(' ')[0] for one in found})} rulesets")
    print(f"rules in filter: median {median:g}, quartiles {quarter:g} and {three_quarters:g}, most {rules[-1]}")
    print(f"rules in all tables: median {statistics.median(one.everywhere for one in found):g}")
    print(f"CPU: median {statistics.median(one.seconds for one in found):.3f} s, "
          f"most {max(one.seconds for one in found):.3f} s")  # fmt: skip
    for one in found if options.all else reversed(found[-options.most :]):
        print(f"{one.rules:5} rules, {one.chains:3} chains, {one.seconds:6.3f} s  {one.where}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
