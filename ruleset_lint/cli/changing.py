"""Commands that write files, or say what to write, and their options. Does nothing itself, as `commands`."""

from __future__ import annotations

from typing import Annotated

import typer

from ruleset_lint.cli.calling import call, names_of, paths_of
from ruleset_lint.cli.options import (
    BackendOption,
    Config,
    Connections,
    ConntrackDump,
    ExitZero,
    FailOnOption,
    FamilyOption,
    Fragment,
    Ignore,
    Isolated,
    Lasting,
    Paths,
    ProfileName,
    Ram,
    RateOption,
    Select,
    StdinFilename,
    TimeoutEstablished,
)
from ruleset_lint.cli.requests import (
    FixRequest,
    FormatRequest,
    Goal,
    ListFormat,
    RewriteRequest,
    SizeRequest,
    Subject,
)


def fix(
    paths: Paths = None,
    *,
    unsafe_fixes: Annotated[
        bool, typer.Option("--unsafe-fixes", help="Also fixes that may change what happens to a packet.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show the changes, write nothing.")] = False,
    select: Select = None,
    ignore: Ignore = None,
    fail_on: FailOnOption = "warning",
    exit_zero: ExitZero = False,
    stdin_filename: StdinFilename = None,
    config: Config = None,
    isolated: Isolated = False,
    profile: ProfileName = None,
    family: FamilyOption = None,
    backend: BackendOption = None,
    fragment: Fragment = None,
) -> int:
    """Mend in place what can be mended safely; from standard input to standard output."""
    subject = Subject(
        paths_of(paths),
        names_of(select),
        names_of(ignore),
        config,
        isolated,
        profile,
        family,
        backend,
        fragment,
        stdin_filename,
    )
    return call("fix", FixRequest(subject, unsafe_fixes, diff, fail_on, exit_zero))


def format_(
    paths: Paths = None,
    *,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit code 1 if a file would change.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show the changes, write nothing.")] = False,
    stdin_filename: StdinFilename = None,
    config: Config = None,
    isolated: Isolated = False,
    family: FamilyOption = None,
    backend: BackendOption = None,
    fragment: Fragment = None,
) -> int:
    """Write rules as iptables-save would, comments kept; from standard input to standard output."""
    subject = Subject(
        paths_of(paths),
        config=config,
        isolated=isolated,
        family=family,
        backend=backend,
        fragment=fragment,
        stdin_filename=stdin_filename,
    )
    return call("format", FormatRequest(subject, check, diff))


def rewrite(
    path: Annotated[str, typer.Argument(metavar="PATH", help="Root of a machine, or its ruleset.")],
    *,
    goal: Annotated[
        Goal | None,
        typer.Option(
            help="notrack: services leave connection tracking; tune: the table fits, rules stay; stateless: nothing is "
            "tracked. Without it: what fits the machine, and why."
        ),
    ] = None,
    service: Annotated[
        list[str] | None,
        typer.Option(
            help="Service to take out of connection tracking: tcp/80; tcp/443@10.0.0.5 at a server behind the machine.",
            metavar="SERVICE",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(help="Folder to write: a new or empty one, or one with an earlier bundle.", metavar="DIR"),
    ] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Write the machine's own files: all that change, or none.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show the changes, write nothing; exit code 1 if a file would change.")
    ] = False,
    ram: Ram = None,
    connections: Connections = None,
    rate: RateOption = None,
    lasting: Lasting = 1,
    conntrack: ConntrackDump = None,
    timeout_established: TimeoutEstablished = None,
    accept_exposure: Annotated[
        bool, typer.Option("--accept-exposure", help="Write a stateless ruleset, whatever it lets in and keeps out.")
    ] = False,
    even_administration: Annotated[
        bool, typer.Option("--even-administration", help="Also the service that the machine is administered by.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that holds other files.")] = False,
    config: Config = None,
    isolated: Isolated = False,
    profile: ProfileName = None,
    family: FamilyOption = None,
) -> int:
    """Write a machine's firewall files anew: rules, sysctl, modprobe, service configuration, apply and rollback.

    Exit code 0: written, or nothing changes; 1: refused, or with --diff that a file would change; 2: wrong use.
    """
    subject = Subject((path,), config=config, isolated=isolated, profile=profile, family=family)
    return call(
        "rewrite",
        RewriteRequest(
            subject,
            output,
            goal,
            names_of(service),
            ram,
            connections,
            even_administration,
            diff,
            force,
            names_of(rate),
            lasting,
            conntrack,
            timeout_established,
            accept_exposure,
            in_place,
        ),
    )


def size(
    *,
    ram: Ram = None,
    connections: Connections = None,
    rate: RateOption = None,
    lasting: Lasting = 1,
    conntrack: ConntrackDump = None,
    timeout_established: TimeoutEstablished = None,
    profile: ProfileName = None,
    output_format: Annotated[ListFormat, typer.Option(help="Form of the output.")] = "text",
) -> int:
    """Say how large the conntrack table should be, and which file carries each value on which release."""
    request = SizeRequest(
        ram, connections, profile, names_of(rate), lasting, conntrack, timeout_established, output_format
    )
    return call("size", request)
