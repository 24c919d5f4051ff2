"""Commands that tell something and their options. Does nothing itself: what does is imported when one is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from ruleset_lint.cli.calling import call, names_of, paths_of
from ruleset_lint.cli.changing import fix, format_, rewrite, size
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
    ListFormat,
    OutputFormat,
    ProveRequest,
    QueryRequest,
    Role,
    Subject,
    TraceRequest,
)


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
    return call(
        "check",
        CheckRequest(subject, output_format, output_file, color, fail_on, exit_zero, statistics, show_files),
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
    return call("prove", ProveRequest(subject, names_of(service), role, output_format, timeout))


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
        paths_of(paths),
        config=config,
        isolated=isolated,
        family=family,
        backend=backend,
        fragment=fragment,
        stdin_filename=stdin_filename,
    )
    return call("trace", TraceRequest(subject, packet, course, output_format))


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
        paths_of(paths),
        config=config,
        isolated=isolated,
        family=family,
        backend=backend,
        fragment=fragment,
        stdin_filename=stdin_filename,
    )
    return call("query", QueryRequest(subject, question, course, output_format, timeout))


def explain(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Rule or category.", autocompletion=complete_rule)],
) -> int:
    """Show the manual page of a rule."""
    return call("explain", rule)


def rules(
    output_format: Annotated[ListFormat, typer.Option(help="Form of the list.")] = "text",
) -> int:
    """List all rules."""
    return call("rules", output_format)


def new_rule(
    rule: Annotated[str, typer.Argument(metavar="ID", help="Id of the rule to be: category/name.")],
) -> int:
    """Write the skeleton of a rule and of its fixtures, in a checkout."""
    return call("new_rule", rule)


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
