"""`python -m benchmarks.mutants`: rewrites with one slip each; what `prove` calls equal has to be so before the kernel.

Mutants are made of the rules that a rewrite adds: one is left out, a condition is left out or turned round, neighbours
change places, ACCEPT becomes DROP, a port becomes two, a jump comes below the first old rule. What is called equal is
replayed by both backends: connections, strays, errors, entries (tests.kernel.compare). Needs root, or `--no-replay`.
"""

from __future__ import annotations

import argparse
import itertools
import random
import shlex
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmarks.made_firewalls import made_firewall
from ruleset_lint.model.loadability import breaks
from ruleset_lint.model.loading import load
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets.equivalence import prove
from ruleset_lint.rewrite.notrack import Request, untrack
from ruleset_lint.syntax.iptables_save import parse
from tests.kernel.compare import compare, owed
from tests.kernel.flows import Flow
from tests.kernel.namespaces import missing
from tests.kernel.probes import Probe
from tests.kernel.rulesets import BACKENDS
from tests.kernel.service import Service
from tests.kernel.situation import standard_flows
from tests.kernel.situations import SITUATIONS
from tests.kernel.situations_router import ROUTED
from tests.kernel.topology import Site, site

_SECONDS = 30
_TURNED = {"ACCEPT": "DROP", "DROP": "ACCEPT", "RETURN": "ACCEPT"}
_TWO_VALUES = ("--tcp-flags", "--match-set")
_NO_VALUE = ("--syn", "--notrack")
_NEGATABLE = ("-i", "-o", "-s", "-d", "--dport", "--sport", "--tcp-flags", "--syn", "--dst-type", "--ctstate")
_MADE = 60
_SITUATIONS = SITUATIONS | {f"{name} (router)": situation for name, situation in ROUTED.items()}


class Mutant(NamedTuple):
    """A rewritten ruleset with a slip, and which."""

    slip: str
    text: str


class Case(NamedTuple):
    """A ruleset, its rewrite, and what is known of the services that have left."""

    name: str
    before: str
    after: str
    services: tuple[Service, ...]
    family: int


def mutants(before: str, after: str) -> Iterator[Mutant]:
    """All mutants of a rewritten ruleset, each text once."""
    lines, old = after.splitlines(), set(before.splitlines())
    seen = {after}
    for number, line in enumerate(lines):
        if not line.startswith("-A ") or line in old:
            continue
        where = f"line {number + 1}, `{_short(line)}`"
        rules = ((slip, [*lines[:number], changed, *lines[number + 1 :]]) for slip, changed in _changed_rules(line))
        for slip, changed in itertools.chain(rules, _changed_places(lines, old, number)):
            text = "".join(f"{one}\n" for one in changed if one)
            if text not in seen:
                seen.add(text)
                yield Mutant(f"{slip}: {where}", text)


def _short(line: str) -> str:
    return line.partition(' -m comment --comment "')[0].removeprefix("-A ")


def _changed_rules(line: str) -> Iterator[tuple[str, str]]:
    """The rule left out, or with one condition or its target changed."""
    yield "left out", ""
    conditions = _conditions(shlex.split(line))
    for number, words in enumerate(conditions):
        name = words[1] if words[0] == "!" else words[0]
        rest = [*conditions[:number], *conditions[number + 1 :]]
        if name in ("-A", "-m", "--comment", "--notrack"):
            continue
        if name == "-j":
            target = _TURNED.get(words[1], "ACCEPT")
            rest = [one for one in rest if one != ["--notrack"]]
            yield f"{words[1]} turned into {target}", _line([*rest, [name, target]])
            continue
        yield f"without {' '.join(words)}", _line(rest)
        if name in _NEGATABLE:
            turned = words[1:] if words[0] == "!" else ["!", *words]
            yield f"{' '.join(words)} turned round", _line([*conditions[:number], turned, *conditions[number + 1 :]])
        if name in ("--dport", "--sport") and words[0] != "!":
            wider = [name, f"{words[1]}:{int(words[1].rpartition(':')[2]) + 1}"]
            yield f"{' '.join(words)} widened", _line([*conditions[:number], wider, *conditions[number + 1 :]])


def _conditions(words: Sequence[str]) -> list[list[str]]:
    """The words of a rule, an option with its values a piece."""
    found: list[list[str]] = []
    left = list(words)
    while left:
        negated = int(left[0] == "!")
        option = left[negated]
        length = negated + 1 + (0 if option in _NO_VALUE else 2 if option in _TWO_VALUES else 1)
        found.append(left[:length])
        left = left[length:]
    return found


def _line(conditions: Sequence[Sequence[str]]) -> str:
    """The rule again, without matches of which nothing is left."""
    kept = [
        words
        for number, words in enumerate(conditions)
        if not (words[0] == "-m" and _is_bare(words[1], conditions[number + 1 :]))
    ]
    return " ".join(f'"{word}"' if " " in word or "&" in word else word for words in kept for word in words)


def _is_bare(name: str, following: Sequence[Sequence[str]]) -> bool:
    option = next((words[words[0] == "!"] for words in following), "-j")
    return name not in ("tcp", "udp") and not option.startswith("--")


def _changed_places(lines: Sequence[str], old: set[str], number: int) -> Iterator[tuple[str, list[str]]]:
    """The rule and its next of the same chain changed over; a rule of a built-in chain below the first old one."""
    chain = lines[number].split()[1]
    following = next((place for place in range(number + 1, len(lines)) if _is_of(lines[place], chain)), None)
    if following is not None:
        changed = list(lines)
        changed[number], changed[following] = lines[following], lines[number]
        yield "changed over with the next", changed
    below = next((place for place in range(number + 1, len(lines)) if _is_of(lines[place], chain)
                  and lines[place] in old), None)  # fmt: skip
    if below is not None and below != following:
        yield "below the first old rule", [*lines[:number], *lines[number + 1 : below + 1], lines[number],
                                           *lines[below + 1 :]]  # fmt: skip


def _is_of(line: str, chain: str) -> bool:
    return line.split()[:2] == ["-A", chain]


def cases(seed: int, made: int = _MADE) -> Iterator[Case]:
    """The situations of the kernel tests, then made firewalls, as far as they are rewritten."""
    yield from cases_of(*_SITUATIONS)
    for number in range(seed, seed + made):
        text, service, family = made_firewall(random.Random(number))
        if "-j allowed-" not in text:  # there a long SYN opens what a probe's short one does not
            yield from _case(f"made {number}", text, (service,), family)


def cases_of(*names: str) -> Iterator[Case]:
    """Situations by name, as far as they are rewritten."""
    for name in names:
        known = _SITUATIONS[name]
        yield from _case(name, known.ruleset, known.services, known.family)


def _case(name: str, text: str, services: tuple[Service, ...], family: int) -> Iterator[Case]:
    request = Request(tuple(one.endpoint(family) for one in services), even_administration=True)
    result = untrack(load(parse(name, text), family), request)
    if not result.refusals and result.changed:
        yield Case(name, result.base.document.text, result.text, services, family)


def called(case: Case, text: str) -> str:
    """What `prove` says of a ruleset in place of the rewrite; "does not load" if the kernel would not take it."""
    before, after = (_loaded(case, one) for one in (case.before, text))
    if next(breaks(after), None) is not None:
        return "does not load"
    ends = [one.endpoint(case.family) for one in case.services]
    return prove(before, after, ends, deadline=time.monotonic() + _SECONDS).outcome


def _loaded(case: Case, text: str) -> Ruleset:
    return load(parse(case.name, text), case.family, fragment=False)


def replayed(made: Site, case: Case, text: str) -> list[str]:
    """What the kernel does otherwise. Raises ValueError if it does not take a ruleset."""
    flows = tuple(dict.fromkeys(flow for service in case.services for flow in _flows(service)))
    probes = tuple(dict.fromkeys(probe for service in case.services for probe in _probes(service)))
    return [
        f"{backend}: {one}"
        for backend in BACKENDS
        for one in owed(compare(
            made, case.before, text, case.services, flows, probes=probes, family=case.family, backend=backend,
        ))
    ]  # fmt: skip


def _flows(service: Service) -> Iterator[Flow]:
    """The service's, and those that a slip could take for its."""
    yield from (flow for _, flow in standard_flows(service))
    home, port, protocol = service.homes[0], service.port, service.protocol
    for other in service.homes[1:]:
        yield Flow("remote", other, port, protocol)
    yield Flow("remote", home, port + 1, protocol)
    yield Flow(home, "remote", port + 1, protocol)
    yield Flow("remote", home, port + 1, protocol, client_port=port)
    yield Flow("lan", "remote", port, protocol)
    yield Flow("leg", "server", port, protocol)
    yield Flow("remote", "server", port, protocol)
    yield Flow("host", "server", port, protocol, client_port=45001)


def _probes(service: Service) -> Iterator[Probe]:
    """More than are sent to any service: its neighbours in the range of ports."""
    kinds = ("tcp:S", "tcp:A", "tcp:SA", "tcp:R", "tcp:FA") if service.protocol == "tcp" else ("udp",)
    for kind, source in itertools.product(kinds, ("remote", "refused")):
        yield Probe(source, 45000, service.homes[0], service.port + 1, kind)
        yield Probe(service.homes[0], service.port + 1, source, 45000, kind)


class Tally(NamedTuple):
    """What became of the mutants, and those that are called equal and are not."""

    counted: Counter[str]
    wrong: list[str]


def main(words: Sequence[str] | None = None) -> int:
    """Make mutants, ask and replay; print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="situations instead of all")
    parser.add_argument("--mutants", type=int, default=12, help="of each rewrite")
    parser.add_argument("--rewrites", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="where the dice begin")
    parser.add_argument("--no-replay", action="store_true")
    parser.add_argument("--print", action="store_true", help="name each mutant that is called equal")
    request = parser.parse_args(words)
    if not request.no_replay and (reason := missing()):
        parser.error(reason)
    tally, start = Tally(Counter(), []), time.monotonic()
    chosen = [one for one in cases(request.seed) if not request.names or one.name in request.names]
    random.Random(request.seed).shuffle(chosen)
    with site() as made:
        for case in chosen[: request.rewrites]:
            _try(tally, case, request, None if request.no_replay else made)
    for name, number in tally.counted.items():
        print(f"{number:6}  {name}")
    print(f"{time.monotonic() - start:.0f} s")
    return int(bool(tally.wrong))


def _try(tally: Tally, case: Case, request: argparse.Namespace, made: Site | None) -> None:
    found = list(mutants(case.before, case.after))
    random.Random(f"{case.name} {request.seed}").shuffle(found)
    tally.counted["rewrites"] += 1
    known: list[str] | None = None
    for mutant in found[: request.mutants]:
        outcome = called(case, mutant.text)
        tally.counted["mutants that do not load" if outcome == "does not load" else f"called {outcome}"] += 1
        if outcome != "equal":
            continue
        if request.print:
            print(f"equal: {case.name}: {mutant.slip}", flush=True)
        if made:
            known = _known(tally, case, made) if known is None else known
            _replay(tally, case, mutant, made, known)


def _known(tally: Tally, case: Case, made: Site) -> list[str]:
    """What the rewrite without a slip is found to do otherwise."""
    try:
        found = replayed(made, case, case.after)
    except ValueError:
        return []
    if found:
        tally.counted["rewrites that are proven and replayed otherwise"] += 1
        print(f"REWRITE {case.name}: {found[0]}", flush=True)
    return found


def _replay(tally: Tally, case: Case, mutant: Mutant, made: Site, known: Sequence[str]) -> None:
    try:
        otherwise = [one for one in replayed(made, case, mutant.text) if one not in known]
    except ValueError as error:
        tally.counted["called equal, and the machine cannot load it"] += 1
        print(f"{case.name}: {mutant.slip}: not loaded: {str(error).splitlines()[0][:100]}", flush=True)
        return
    tally.counted["called equal and replayed otherwise" if otherwise else "called equal and replayed the same"] += 1
    tally.wrong.extend(otherwise)
    for one in otherwise[:4]:
        print(f"WRONG {case.name}: {mutant.slip}: {one}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
