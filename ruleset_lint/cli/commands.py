"""Commands and their options. Does nothing itself: what does is imported when a command is called."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Annotated

import typer

from ruleset_lint.cli.options import (
    BackendOption,
    Config,
    ExitZero,
    FailOnOption,
    FamilyOption,
    Fragment,
    Ignore,
    Isolated,
    Paths,
    ProfileName,
    Select,
    StdinFilename,
    complete_rule,
)
from ruleset_lint.cli.requests import (
    CheckRequest,
    Color,
    Course,
    FixRequest,
    FormatRequest,
    Goal,
    ListFormat,
    OutputFormat,
    ProveRequest,
    QueryRequest,
    RewriteRequest,
    Role,
    SizeRequest,
    Subject,
    TraceRequest,
)


def _do(name: str, request: object) -> int:
    """Hand a request to the function that is called like its command."""
    do: Callable[[object], int] = import_module(f"ruleset_lint.cli.{name}").run
    return do(request)


def check(
    paths: Paths = None,
    *,
    select: Select = None,
    ignore: Ignore = None,
    output_format: Annotated[OutputFormat, typer.Option(help="Form of the report.")] = "full",
    output_file: Annotated[str | None, typer.Option(help="Write the report here.", metavar="FILE")] = None,
    color: Annotated[Color, typer.Option(help="When to colour.")] = "auto",
    fail_on: FailOnOption = "warning",
    exit_zero: ExitZero = False,
    statistics: Annotated[bool, typer.Option("--statistics", help="Count findings by rule.")] = False,
    show_files: Annotated[bool, typer.Option("--show-files", help="List what would be read, and stop.")] = False,
    stdin_filename: StdinFilename = None,
    config: Config = None,
    isolated: Isolated = False,
    profile: ProfileName = None,
    family: FamilyOption = None,
    backend: BackendOption = None,
    fragment: Fragment = None,
) -> int:
    """Say what is wrong. Exit code 0: nothing, 1: findings, 2: wrong use, unreadable input or nothing to check."""
    subject = Subject(
        _paths(paths),
        _names(select),
        _names(ignore),
        config,
        isolated,
        profile,
        family,
        backend,
        fragment,
        stdin_filename,
    )
    return _do(
        "check",
        CheckRequest(subject, output_format, output_file, color, fail_on, exit_zero, statistics, show_files),
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
        _paths(paths),
        _names(select),
        _names(ignore),
        config,
        isolated,
        profile,
        family,
        backend,
        fragment,
        stdin_filename,
    )
    return _do("fix", FixRequest(subject, unsafe_fixes, diff, fail_on, exit_zero))


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
        _paths(paths),
        config=config,
        isolated=isolated,
        family=family,
        backend=backend,
        fragment=fragment,
        stdin_filename=stdin_filename,
    )
    return _do("format", FormatRequest(subject, check, diff))


def rewrite(
    path: Annotated[str, typer.Argument(metavar="PATH", help="Root of a machine, or its ruleset.")],
    *,
    goal: Annotated[Goal | None, typer.Option(help="What for.")] = None,
    service: Annotated[
        list[str] | None, typer.Option(help="Service to take out of connection tracking: tcp/80.", metavar="SERVICE")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(help="Folder to write: a new or empty one, or one with an earlier bundle.", metavar="DIR"),
    ] = None,
    ram: Annotated[str | None, typer.Option(help="Memory of the machine: 16G.", metavar="SIZE")] = None,
    connections: Annotated[int | None, typer.Option(help="Connections wanted at once.", metavar="N")] = None,
    even_administration: Annotated[
        bool, typer.Option("--even-administration", help="Also the service that the machine is administered by.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show the changes on standard output.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that holds other files.")] = False,
    config: Config = None,
    isolated: Isolated = False,
    profile: ProfileName = None,
    family: FamilyOption = None,
) -> int:
    """Write a machine's firewall files anew: rules, sysctl, modprobe, service configuration, apply and rollback."""
    subject = Subject((path,), config=config, isolated=isolated, profile=profile, family=family)
    return _do(
        "rewrite",
        RewriteRequest(subject, output, goal, _names(service), ram, connections, even_administration, diff, force),
    )


def prove(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="A ruleset, or the root of a machine.")],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="What it is compared with.")],
    *,
    service: Annotated[
        list[str] | None,
        typer.Option(
            help="Service that left connection tracking, so that connections are compared instead of packets: tcp/80; "
            "tcp/443@10.0.0.5 at a server behind the machine.",
            metavar="SERVICE",
        ),
    ] = None,
    role: Annotated[Role, typer.Option(help="On a host nothing is forwarded, and servers are its own.")] = "router",
    timeout: Annotated[float, typer.Option(help="Seconds that a comparison may take.", min=0.0)] = 60.0,
    output_format: Annotated[ListFormat, typer.Option(help="Form of the output.")] = "text",
    config: Config = None,
    isolated: Isolated = False,
    family: FamilyOption = None,
    backend: BackendOption = None,
    fragment: Fragment = None,
) -> int:
    """Prove that two rulesets do the same, or show packets that fare otherwise.

    Exit code 0: they do, 1: they do not, 3: not decided, 2: wrong use.
    """
    subject = Subject(
        (before, after), config=config, isolated=isolated, family=family, backend=backend, fragment=fragment
    )
    return _do("prove", ProveRequest(subject, _names(service), role, output_format, timeout))


def trace(
    paths: Paths = None,
    *,
    packet: Annotated[
        str,
        typer.Option(
            help="The packet: `in=eth0 tcp 203.0.113.7:40000 > 192.0.2.10:80`, or a line of tcpdump -n or of the "
            "conntrack table.",
            metavar="TEXT",
        ),
    ],
    course: Annotated[Course | None, typer.Option(help="Which way it goes, where in= and out= do not tell.")] = None,
    output_format: Annotated[ListFormat, typer.Option(help="Form of the output.")] = "text",
    stdin_filename: StdinFilename = None,
    config: Config = None,
    isolated: Isolated = False,
    family: FamilyOption = None,
    backend: BackendOption = None,
    fragment: Fragment = None,
) -> int:
    """Follow one packet through a ruleset. Exit code 0: the verdict is known, 3: not decided, 2: wrong use."""
    subject = Subject(
        _paths(paths),
        config=config,
        isolated=isolated,
        family=family,
        backend=backend,
        fragment=fragment,
        stdin_filename=stdin_filename,
    )
    return _do("trace", TraceRequest(subject, packet, course, output_format))


def query(
    *,
    paths: Paths = None,
    question: Annotated[
        str,
        typer.Argument(
            metavar="QUESTION",
            help="The packets: `tcp dport 22,80-90 from 10.0.0.0/8 in eth0`; without a state, those that open a "
            "connection.",
        ),
    ],
    course: Annotated[
        Course | None, typer.Option(help="Which way they go, if not as in and out tell; without these, to the host.")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds it may take.", min=0.0)] = 30.0,
    output_format: Annotated[ListFormat, typer.Option(help="Form of the output.")] = "text",
    stdin_filename: StdinFilename = None,
    config: Config = None,
    isolated: Isolated = False,
    family: FamilyOption = None,
    backend: BackendOption = None,
    fragment: Fragment = None,
) -> int:
    """Say which packets of a kind are accepted and which are not. Exit code 0, 3: not decided, 2: wrong use."""
    subject = Subject(
        _paths(paths),
        config=config,
        isolated=isolated,
        family=family,
        backend=backend,
        fragment=fragment,
        stdin_filename=stdin_filename,
    )
    return _do("query", QueryRequest(subject, question, course, output_format, timeout))


def explain(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Rule or category.", autocompletion=complete_rule)],
) -> int:
    """Show the manual page of a rule."""
    return _do("explain", rule)


def rules(
    output_format: Annotated[ListFormat, typer.Option(help="Form of the list.")] = "text",
) -> int:
    """List all rules."""
    return _do("rules", output_format)


def size(
    ram: Annotated[str | None, typer.Option(help="Memory of the machine: 16G.", metavar="SIZE")] = None,
    connections: Annotated[int | None, typer.Option(help="Connections wanted at once.", metavar="N")] = None,
    profile: ProfileName = None,
) -> int:
    """Say how large the conntrack table should be, and where each value goes."""
    return _do("size", SizeRequest(ram, connections, profile))


def new_rule(
    rule: Annotated[str, typer.Argument(metavar="ID", help="Id of the rule to be: category/name.")],
) -> int:
    """Write the skeleton of a rule and of its fixtures, in a checkout."""
    return _do("new_rule", rule)


def _paths(given: list[str] | None) -> tuple[str, ...]:
    return tuple(given or ["."])


def _names(given: list[str] | None) -> tuple[str, ...]:
    """Names given one by one or with commas."""
    return tuple(name.strip() for text in given or () for name in text.split(",") if name.strip())


ALL: tuple[Callable[..., int], ...] = (
    check,
    fix,
    format_,
    rewrite,
    prove,
    trace,
    query,
    explain,
    rules,
    size,
    new_rule,
)
