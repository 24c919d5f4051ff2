"""`ruleset-lint rewrite`: a host's files written anew, as a bundle or in place, or shown as a diff."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ruleset_lint.cli.diff import diff
from ruleset_lint.cli.dump import read_dump
from ruleset_lint.cli.requests import RewriteRequest
from ruleset_lint.cli.subject import ERRORS, Prepared, UsageError, prepare
from ruleset_lint.cli.terminal import complain, put, put_verbatim
from ruleset_lint.gather import gather
from ruleset_lint.lint.configuration_values import parse_size
from ruleset_lint.model.host import Host
from ruleset_lint.netfilter.services import ServiceError
from ruleset_lint.packets.endpoints import Endpoint, parse_endpoint
from ruleset_lint.rewrite.bundle import bundle
from ruleset_lint.rewrite.folders import write_bundle
from ruleset_lint.rewrite.in_place import placed, write_in_place
from ruleset_lint.rewrite.plan import PathError, Plan, SizeError, Wishes, plan
from ruleset_lint.rewrite.proof import compared
from ruleset_lint.rewrite.sizes.demand import RateError, parse_rate
from ruleset_lint.text import safe

_LISTED = 50


def run(request: RewriteRequest) -> int:
    """Write, or show what would change. Exit code 1: refused, or with --diff that something changes; 2: wrong use."""
    try:
        _expect_one_way(request)
        prepared = prepare(request.subject)
        host = _only_host(prepared)
        if request.conntrack:
            host = host._replace(conntrack=read_dump(request.conntrack))
        planned = plan(host, _wishes(request, prepared))
        written = _write(request, host, planned)
    except (*ERRORS, ServiceError, SizeError, RateError, PathError) as error:
        complain(str(error))
        return 2
    return _told(request, planned, written)


def _expect_one_way(request: RewriteRequest) -> None:
    ways = [("--output", request.output is not None), ("--in-place", request.in_place), ("--diff", request.diff)]
    given = [way for way, asked in ways if asked]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} are two ways to have the result: give one of them")
    if request.services and request.goal in {"tune", "stateless"}:
        raise UsageError(
            f"--service names what leaves connection tracking, which is not what --goal {request.goal} does"
        )
    if request.conntrack == "-" and "-" in request.subject.paths:
        raise UsageError("standard input is the ruleset or the dump, not both")


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
    return Wishes(
        services=_services(request, prepared),
        goal=request.goal,
        administration=configuration.admin_service,
        even_administration=request.even_administration,
        ram=configuration.ram if request.ram is None else _ram(request.ram),
        connections=request.connections,
        rates=tuple(map(parse_rate, request.rates)),
        lasting=request.lasting,
        established=request.established,
        accept_exposure=request.accept_exposure,
    )


def _services(request: RewriteRequest, prepared: Prepared) -> tuple[Endpoint, ...]:
    if request.goal in {"tune", "stateless"}:
        return ()
    services = tuple(map(parse_endpoint, request.services)) or prepared.configuration.services
    if request.goal == "notrack" and not services:
        raise UsageError("no service is named: give --service tcp/80, or `services` in the configuration")
    return services


def _ram(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise UsageError(f"--ram: {error}") from None


def _write(request: RewriteRequest, host: Host, planned: Plan) -> Sequence[Path]:
    """The files that are written; none if nothing is to be. Raises WriteError."""
    if planned.refusals or not planned.files:
        return ()
    if request.in_place:
        files = placed(host, planned)
        write_in_place(files, host.root)
        return [one.path for one in files]
    if request.output is not None:
        bundled = bundle(planned)
        write_bundle(Path(request.output), bundled, force=request.force)
        return [Path(request.output) / file.path for file in bundled]
    return ()


def _told(request: RewriteRequest, planned: Plan, written: Sequence[Path]) -> int:
    _tell_goal(planned)
    _tell_exposure(planned, reported=bool(written) and request.output is not None)
    for reason in planned.refusals:
        complain(f"refused: {reason}")
    for reason in planned.warnings:
        complain(f"warning: {reason}")
    for note in planned.notes:
        complain(f"note: {note}")
    if planned.refusals:
        complain("nothing is written")
        return 1
    if not planned.files:
        put("nothing changes: the files are as a rewrite would leave them\n")
        return 0
    _tell_files(request, planned, written)
    return int(request.diff)


def _tell_goal(planned: Plan) -> None:
    if planned.wishes.goal is None:
        complain(f"goal {planned.goal}: {planned.goal_reason}")


def _tell_exposure(planned: Plan, *, reported: bool) -> None:
    """What a stateless ruleset lets in and keeps out, as packets; with a report only how many kinds."""
    for family in planned.exposed:
        for verb, packets in (("lets in", family.exposure.opened), ("keeps out", family.exposure.lost)):
            shown = packets[: 0 if reported else _LISTED]
            for one in shown:
                complain(f"{family.plan.path}: {verb} {one}")
            if len(packets) > len(shown):
                complain(f"{family.plan.path}: {verb} {len(packets) - len(shown)} more kinds of packets, see REPORT.md")


def _tell_files(request: RewriteRequest, planned: Plan, written: Sequence[Path]) -> None:
    if not written:
        for file in planned.files:
            put_verbatim(diff(file.path, file.before or "", file.after))
    verb = "changed " if request.in_place else ""
    put("".join(f"{verb}{safe(str(path))}\n" for path in written))
    _tell_proof(planned)
    if request.output is not None:
        complain("read REPORT.md before you run apply.sh")
    elif not written and not request.diff:
        complain("--output DIR writes these files, with scripts to apply and to roll back; --in-place writes only them")


def _tell_proof(planned: Plan) -> None:
    for family in planned.families:
        if family.proof:
            courses = ", ".join(f"2^{part.power} {part.course}" for part in compared(family.proof))
            complain(f"{family.path}: proven: {courses} packets are treated as before")
            for assumption in family.proof.assumptions:
                complain(f"{family.path}: taken for granted: {assumption}")
