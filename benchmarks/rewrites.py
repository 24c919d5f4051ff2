"""`python -m benchmarks.rewrites`: what the goal notrack makes of the rulesets of the corpus, and why of some nothing.

Asked for each service whose port a rule of INPUT, or of a chain below it, names alone, and for some that are common, if
they may be accepted: whether it is rewritten and proven, or for which reason not, and how many rules filter gets. With
`--load` each new ruleset is loaded by both backends, which needs root.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.corpus import corpus
from benchmarks.restore import BACKENDS, ask, missing
from ruleset_lint.model.blocks import family_of
from ruleset_lint.model.loadability import breaks
from ruleset_lint.model.loading import load
from ruleset_lint.model.made import is_own_rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.tracking import tracks
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.netfilter.services import Service
from ruleset_lint.packets.endpoints import Endpoint
from ruleset_lint.packets.walk import walk
from ruleset_lint.rewrite.notrack import Request, Rewritten, untrack
from ruleset_lint.rewrite.program import Workshop
from ruleset_lint.rewrite.proof import in_words, proof_of
from ruleset_lint.rewrite.service_packets import DEFAULT_DIALECT, Work, opening
from ruleset_lint.syntax.iptables_save import parse
from ruleset_lint.text import decode

_SECONDS = 60
_NAMES = {6: "tcp", 17: "udp"}
_COMMON = (Service("tcp", 22), Service("tcp", 80), Service("udp", 53))


class Made(NamedTuple):
    """What became of one service of one ruleset: why in a few words, the rules that filter gets if it is written.

    `detail` is the refusal or the difference, with its rule.
    """

    where: str
    reason: str
    detail: str
    rules: int | None = None
    before: str = ""
    after: str = ""
    family: int = 4


WRITTEN = "written and proven"


def rulesets(paths: Sequence[Path] = ()) -> Iterator[tuple[str, Ruleset]]:
    """The dumps of the corpus that load, each with its name."""
    for path in paths or sorted(path for path in (corpus() / "dumps").glob("*/*") if path.is_file()):
        text = decode(path.read_bytes())
        ruleset = load(parse(str(path), text), family_of(str(path), text))
        if next(breaks(ruleset), None) is None:
            yield f"{path.parent.name}/{path.name}", ruleset


def made(name: str, ruleset: Ruleset) -> Iterator[Made]:
    """What becomes of each accepted service."""
    for service in served(ruleset):
        end = Endpoint(service)
        yield _one(f"{name} {end}", ruleset, end)


def served(ruleset: Ruleset) -> Iterator[Service]:
    """Services that the ruleset names or that are common, if their connections may be accepted and are tracked."""
    if not any(map(tracks, ruleset.by_shape)) or ruleset.chain("filter", "INPUT") is None:
        return
    for service in dict.fromkeys((*_named(ruleset), *_COMMON)):
        work = Work(Workshop(), ruleset, Endpoint(service), DEFAULT_DIALECT)
        if walk(ruleset, "filter", "INPUT", opening(work)).may(Verdict.ACCEPT, Verdict.ELSEWHERE):
            yield service


def _named(ruleset: Ruleset) -> Iterator[Service]:
    found = ruleset.tables["filter"]
    for rule in (rule for name in found.reached_from("INPUT") for rule in found.chains[name].rules):
        protocol, ports = rule.protocol, rule.destination_ports
        if protocol and ports and not protocol.negated and not ports.negated and protocol.value in _NAMES:
            yield from (Service(_NAMES[protocol.value], low) for low, high in ports.value if low == high)


def _one(where: str, ruleset: Ruleset, end: Endpoint) -> Made:
    result = untrack(ruleset, Request((end,), even_administration=True))
    if not result.services or result.refusals:
        first = next(iter((*result.refusals, *result.warnings)))
        line = f", line {first.rule.line.number}" if first.rule else ""
        return Made(where, f"{first.code} {first.reason}", f"{first.reason}{line}")
    proof = proof_of(result, deadline=time.monotonic() + _SECONDS)
    if not proof.equal:
        shown = in_words(proof.differences[0]) if proof.differences else proof.reason
        reason = f"{proof.differences[0].clause} {proof.differences[0].role}" if proof.differences else proof.reason
        return Made(where, f"not proven: {reason.replace(str(end), 'it')}", shown)
    return _written(where, result, Request((end,), even_administration=True))


def _written(where: str, result: Rewritten, request: Request) -> Made:
    family = result.ruleset.family
    after = load(parse("after", result.text), family)
    if untrack(after, request).text != result.text:
        return Made(where, "a second time it is written otherwise", "")
    rules = sum(rule.table == "filter" and is_own_rule(rule) for rule in after.rules)
    return Made(where, WRITTEN, "", rules, result.ruleset.document.text, result.text, family)


def _print(found: Sequence[Made], details: bool) -> None:
    reasons = Counter(one.reason for one in found)
    print(f"{len(found)} services of {len({one.where.rpartition(' ')[0] for one in found})} rulesets")
    for reason, number in reasons.most_common():
        print(f"{number:5}  {reason}")
        for one in found if details and reason != WRITTEN else ():
            if one.reason == reason:
                print(f"         {one.where}: {one.detail}")
    sizes = sorted((one.rules, one.where) for one in found if one.rules is not None)
    if sizes:
        median = statistics.median(number for number, _ in sizes)
        print(f"rules that filter gets: median {median:g}, most:")
        for number, where in reversed(sizes[-5:]):
            print(f"{number:5}  {where}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table of reasons; exit code 1 if a new ruleset does not load."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rewrites", description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, help="rulesets instead of those of the corpus")
    parser.add_argument("--details", action="store_true", help="name each service that is not rewritten")
    parser.add_argument("--load", action="store_true", help="load each new ruleset with both backends")
    options = parser.parse_args(arguments)
    found = [one for name, ruleset in rulesets(options.paths) for one in made(name, ruleset)]
    if not found:
        print("no corpus, or no service in it")
        return 1
    _print(found, options.details)
    return _loaded(found) if options.load else 0


def _loaded(found: Sequence[Made]) -> int:
    if reason := missing():
        print(f"not loaded: {reason}")
        return 1
    written = [one for one in found if one.reason == WRITTEN]
    tried = wrong = 0
    for backend, one in itertools.product(BACKENDS, written):
        if ask(one.before, backend, family=one.family).code:
            continue  # names, groups and chains that this machine does not know
        answer = ask(one.after, backend, family=one.family)
        tried += 1
        wrong += answer.code != 0
        if answer.code:
            print(f"does not load with {backend}: {one.where}: {answer.complaint}")
    print(f"loaded: {tried} times, as often as that could be done before; refused {wrong} times")
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
