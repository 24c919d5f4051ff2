"""`ruleset-lint rewrite`: a host's files written anew into a folder, or shown as a diff."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ruleset_lint.cli.diff import diff
from ruleset_lint.cli.requests import RewriteRequest
from ruleset_lint.cli.subject import ERRORS, Prepared, UsageError, prepare
from ruleset_lint.cli.terminal import complain, put, put_verbatim
from ruleset_lint.gather import gather
from ruleset_lint.lint.configuration_values import parse_size
from ruleset_lint.model.host import Host
from ruleset_lint.netfilter.services import ServiceError, parse_service
from ruleset_lint.rewrite.bundle import BundledFile, bundle
from ruleset_lint.rewrite.folders import write_bundle
from ruleset_lint.rewrite.plan import PathError, Plan, SizeError, Wishes, plan
from ruleset_lint.rewrite.proof import compared
from ruleset_lint.text import safe


def run(request: RewriteRequest) -> int:
    """Write the bundle (exit code 0), or say why it is refused (1) or cannot be asked for (2)."""
    try:
        prepared = prepare(request.subject)
        host = _only_host(prepared)
        planned = plan(host, _wishes(request, prepared))
        files = bundle(planned)
        if request.output is not None and files:
            write_bundle(Path(request.output), files, force=request.force)
    except (*ERRORS, ServiceError, SizeError, PathError) as error:
        complain(str(error))
        return 2
    return _told(request, planned, files)


def _only_host(prepared: Prepared) -> Host:
    gathering = gather(prepared.found, prepared.configuration, prepared.options)
    problems = [*gathering.problems, *(problem for gathered in gathering.hosts for problem in gathered.problems)]
    if problems:
        raise UsageError("; ".join(f"{problem.path}: {problem.reason}" for problem in problems))
    if len(gathering.hosts) != 1:
        names = ", ".join(gathered.host.root or gathered.host.documents[0].path for gathered in gathering.hosts[:3])
        raise UsageError(f"one machine is rewritten at a time, {len(gathering.hosts)} are given: {names}")
    return gathering.hosts[0].host


def _wishes(request: RewriteRequest, prepared: Prepared) -> Wishes:
    """What the options say, else the configuration."""
    configuration = prepared.configuration
    services = tuple(parse_service(text) for text in request.services) or configuration.services
    if not services:
        raise UsageError("no service is named: give --service tcp/80, or `services` in the configuration")
    return Wishes(
        services=services,
        goal=request.goal or "notrack",
        administration=configuration.admin_service,
        even_administration=request.even_administration,
        ram=configuration.ram if request.ram is None else _ram(request.ram),
        connections=request.connections,
    )


def _ram(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise UsageError(f"--ram: {error}") from None


def _told(request: RewriteRequest, planned: Plan, files: Sequence[BundledFile]) -> int:
    for reason in planned.refusals:
        complain(f"refused: {reason}")
    for reason in planned.warnings:
        complain(f"warning: {reason}")
    if planned.refusals:
        complain("nothing is written")
        return 1
    if not files:
        put("nothing changes: the files are as a rewrite would leave them\n")
    else:
        _tell_written(request, planned, files)
    return 0


def _tell_written(request: RewriteRequest, planned: Plan, files: Sequence[BundledFile]) -> None:
    if request.diff or request.output is None:
        for file in planned.files:
            put_verbatim(diff(file.path, file.before or "", file.after))
    _tell_proof(planned)
    if request.output is None:
        complain("--output DIR writes these files, with scripts to apply and to roll back")
        return
    if not request.diff:
        put("".join(f"{safe(str(Path(request.output) / file.path))}\n" for file in files))
    complain("read REPORT.md before you run apply.sh")


def _tell_proof(planned: Plan) -> None:
    for family in planned.families:
        if family.proof:
            courses = ", ".join(f"2^{part.power} {part.course}" for part in compared(family.proof))
            complain(f"{family.path}: proven: {courses} packets are treated as before")
            for assumption in family.proof.assumptions:
                complain(f"{family.path}: taken for granted: {assumption}")
