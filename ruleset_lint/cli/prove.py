"""`ruleset-lint prove`: whether two rulesets, or machines, do the same with all packets."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import NamedTuple

from ruleset_lint import __version__
from ruleset_lint.cli.requests import ProveRequest
from ruleset_lint.cli.rulesets import loading
from ruleset_lint.cli.subject import ERRORS, UsageError
from ruleset_lint.cli.terminal import complain, put
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.services import ServiceError
from ruleset_lint.packets.difference import Proof
from ruleset_lint.packets.endpoints import Endpoint, parse_endpoint
from ruleset_lint.packets.equivalence import Tell, prove
from ruleset_lint.report.proof_json import proof_content
from ruleset_lint.report.proof_text import proof_lines
from ruleset_lint.report.unicode import valid

SCHEMA = 1


class _Proven(NamedTuple):
    """Two rulesets of one family, and what came of comparing them."""

    before: Ruleset
    after: Ruleset
    proof: Proof


def run(request: ProveRequest) -> int:
    """Print what differs: exit code 0 if nothing does, 1 if something does, 3 if that is not decided."""
    try:
        services = tuple(map(parse_endpoint, request.services))
        pairs = _pairs(request, services)
    except ServiceError as error:
        complain(f"--service: {error}")
        return 2
    except ERRORS as error:
        complain(str(error))
        return 2
    with _progress() as tell:
        proven = [_proven(request, pair, services, tell) for pair in pairs]
    put(_json(proven) if request.output_format == "json" else _text(proven))
    outcomes = {one.proof.outcome for one in proven}
    return 1 if "different" in outcomes else 3 if "not decided" in outcomes else 0


def _pairs(request: ProveRequest, services: tuple[Endpoint, ...]) -> list[tuple[Ruleset, Ruleset]]:
    """The rulesets of both sides, family by family."""
    before, after = _by_family(request, 0), _by_family(request, 1)
    for family in before.keys() ^ after.keys():
        lacking = request.subject.paths[1 if family in before else 0]
        raise UsageError(f"no ruleset for IPv{family} in {lacking}; --family says what to compare")
    for service in services:
        if service.family not in (None, *before):
            raise UsageError(f"--service {service}: no ruleset for IPv{service.family} is compared")
    return [(before[family], after[family]) for family in sorted(before)]


def _by_family(request: ProveRequest, side: int) -> Mapping[int, Ruleset]:
    subject = request.subject._replace(paths=(request.subject.paths[side],))
    wanted = (int(request.subject.family),) if request.subject.family else (4, 6)
    found: dict[int, Ruleset] = {}
    for ruleset in loading(subject, wanted):
        other = found.setdefault(ruleset.family, ruleset)
        if other is not ruleset:
            paths = f"{other.document.path}, {ruleset.document.path}"
            raise UsageError(f"two rulesets for IPv{ruleset.family}, one is compared: {paths}")
    return found


def _proven(
    request: ProveRequest, pair: tuple[Ruleset, Ruleset], services: tuple[Endpoint, ...], tell: Tell
) -> _Proven:
    deadline = time.monotonic() + request.timeout
    return _Proven(*pair, prove(*pair, services, role=request.role, deadline=deadline, tell=tell))


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """What to tell the statement that is looked at: a terminal shows it."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    console = import_module("rich.console").Console(stderr=True)  # takes its time, and is for terminals only
    with console.status("") as status:
        yield status.update


def _text(proven: list[_Proven]) -> str:
    return "\n".join("".join(f"{line}\n" for line in proof_lines(one.proof, *_paths(one))) for one in proven)


def _json(proven: list[_Proven]) -> str:
    content = {
        "schema": SCHEMA,
        "version": __version__,
        "proofs": [proof_content(one.proof, *_paths(one)) for one in proven],
    }
    return json.dumps(valid(content), indent=2) + "\n"


def _paths(one: _Proven) -> tuple[str, str]:
    return one.before.document.path, one.after.document.path
