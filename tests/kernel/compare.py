"""Two rulesets before one judge: what a rewrite did to connections, to single packets and to conntrack.

Knows what a rewrite owes: genuine connections go as before (E1), packets of other services too (E2), strays of the
service get in only where a connection could (E3), the service leaves no entries and the others the same ones (E4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from .flows import PATIENT, QUICK, Flow, play_all
from .namespaces import Namespace
from .probes import Probe, passed
from .rulesets import Backend, Entry, entries, load, reset
from .service import Service, belongs, clause_of, opening_of, service_probes, towards
from .topology import Site


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that went another way; `clause` is E1, E2, E3, E4 or "inherent" (no rewrite can avoid it)."""

    clause: str
    what: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.clause} {self.what}: {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one ruleset did: to flows, to the conntrack table while they ran, and to probes."""

    outcomes: dict[Flow, str]
    tracked: frozenset[Entry]
    passed: dict[Probe, bool]


def fresh(place: Namespace, ruleset: str, family: int, backend: Backend) -> None:
    """Nothing but this ruleset in `place`, no connections known. Raises ValueError if the kernel does not take it."""
    reset(place)
    result = load(place, ruleset, family, backend)
    if not result:
        raise ValueError(result.error)


def measure(
    site: Site,
    ruleset: str,
    flows: tuple[Flow, ...],
    probes: tuple[Probe, ...] = (),
    *,
    family: int = 4,
    backend: Backend = "nft",
    patience: float = QUICK,
) -> Measurement:
    """Play flows, then probes, through one ruleset; rules that count start anew in between.

    `patience` is in seconds (flows.QUICK or PATIENT). Raises ValueError if the kernel does not take the ruleset.
    """
    fresh(site.host, ruleset, family, backend)
    outcomes = play_all(site, flows, family, patience)
    tracked = entries(site.host)
    if not probes:
        return Measurement(outcomes, tracked, {})
    fresh(site.host, ruleset, family, backend)
    return Measurement(outcomes, tracked, passed(site, probes, family))


def compare(
    site: Site,
    before: str,
    after: str,
    services: tuple[Service, ...],
    flows: tuple[Flow, ...],
    *,
    probes: tuple[Probe, ...] = (),
    family: int = 4,
    backend: Backend = "nft",
) -> list[Difference]:
    """What ruleset `after` does otherwise than `before`, with `services` allowed to leave connection tracking.

    Besides the probes given, those of `service_probes` are sent. Empty, or only inherent differences, is what is owed.
    A machine under load may answer late: what looks different is measured again with more patience.
    """
    chosen = {probe: None for service in services for probe in service_probes(service, family)} | dict.fromkeys(probes)
    ordered = tuple(sorted(chosen, key=lambda probe: clause_of(probe, services) == "E3"))  # a stray may use up a limit
    found: list[Difference] = []
    for patience in (QUICK, PATIENT):
        first, second = (
            measure(site, ruleset, flows, ordered, family=family, backend=backend, patience=patience)
            for ruleset in (before, after)
        )
        opens = _opener(site, before, family, backend)
        verdicts = [*_outcomes(first, second), *_verdicts(first, second, services, opens)]
        found = [*verdicts, *_tracking(first, second, services, family)]
        if all(difference.clause == "inherent" for difference in verdicts):
            break
    return found


def owed(differences: list[Difference]) -> list[str]:
    """The differences that a rewrite must not make, as text."""
    return [str(difference) for difference in differences if difference.clause != "inherent"]


def _outcomes(first: Measurement, second: Measurement) -> Iterator[Difference]:
    for flow, outcome in first.outcomes.items():
        if second.outcomes[flow] != outcome:
            yield Difference("E1", str(flow), outcome, second.outcomes[flow])


def _opener(site: Site, ruleset: str, family: int, backend: Backend) -> Callable[[Probe], bool]:
    """Whether a ruleset lets a connection open, asked with nothing counted yet, and with and without TCP options."""

    @cache
    def opens(opening: Probe) -> bool:
        for kind in dict.fromkeys((opening.kind, opening.kind.replace("tcp:S", "tcp:S:bare"))):
            fresh(site.host, ruleset, family, backend)
            if any(passed(site, (replace(opening, kind=kind),), family).values()):
                return True
        return False

    return opens


def _verdicts(
    first: Measurement, second: Measurement, services: tuple[Service, ...], opens: Callable[[Probe], bool]
) -> Iterator[Difference]:
    for probe, before in first.passed.items():
        after, clause = second.passed[probe], clause_of(probe, services)
        if clause == "E3" and (before or not after):
            continue
        if clause == "E3" and (first.passed.get(opening := opening_of(probe, services)) or opens(opening)):
            continue
        if clause == "E3" and probe.kind.startswith("tcp") and not towards(probe, services):
            clause = "inherent"
        if before != after:
            yield Difference(clause, str(probe), _word(before), _word(after))


def _word(verdict: bool) -> str:
    return "passes" if verdict else "dropped"


def _tracking(
    first: Measurement, second: Measurement, services: tuple[Service, ...], family: int
) -> Iterator[Difference]:
    before, after = (frozenset(e for e in m.tracked if not belongs(e, services, family)) for m in (first, second))
    yield from (Difference("E4", str(entry), "tracked", "not tracked") for entry in sorted(before - after))
    yield from (Difference("E4", str(entry), "not tracked", "tracked") for entry in sorted(after - before))
    left = second.tracked - after
    yield from (Difference("E4", str(entry), "a connection of the service", "still tracked") for entry in sorted(left))
