"""Commands and their options. Does nothing itself: what does is imported when a command is called."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any, cast

import typer

from ruleset_lint import __version__
from ruleset_lint.cli.requests import (
    Backend,
    CheckRequest,
    Color,
    Course,
    FailOn,
    Family,
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
from ruleset_lint.text import safe

_CONTEXT = {"help_option_names": ["-h", "--help"]}
_UsageError = cast("type[Exception]", typer.BadParameter.__mro__[1])  # typer hands on only its children


def run(words: list[str]) -> int:
    """Run the command line; the exit code."""
    try:
        code = _application(words)(words or ["--help"], prog_name="ruleset-lint", standalone_mode=False)
    except _UsageError as error:
        return _wrong_use(error)
    except typer.Abort:
        return 130
    except BrokenPipeError:  # `| head` has seen enough; what is still to be written goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130
    return 2 if not words else code if isinstance(code, int) else 0


def _application(words: list[str]) -> typer.Typer:
    """The command line; with one command only if that is named, for reading the options of all takes its time."""
    app = typer.Typer(
        name="ruleset-lint", rich_markup_mode=None, pretty_exceptions_enable=False, context_settings=_CONTEXT
    )
    app.callback()(ruleset_lint)
    commands = (check, fix, format_, rewrite, prove, trace, query, explain, rules, size, new_rule)
    named = [command for command in commands if words[:1] == [_command_name(command)]]
    for command in named or commands:
        app.command(_command_name(command))(command)
    return app


def _command_name(command: Callable[..., int]) -> str:
    return command.__name__.rstrip("_").replace("_", "-")


def _wrong_use(error: Any) -> int:
    """One line: what is wrong, and where to look."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "ruleset-lint"
    message = " ".join(error.format_message().split()).removesuffix(".")
    sys.stderr.write(f"ruleset-lint: {safe(message)}; see `{command} --help`\n")
    return 2


def _do(name: str, request: object) -> int:
    """Hand a request to the function that is called like its command."""
    do: Callable[[object], int] = import_module(f"ruleset_lint.cli.{name}").run
    return do(request)


def _complete_rule(incomplete: str) -> list[str]:
    complete: Callable[[str], list[str]] = import_module("ruleset_lint.cli.rules").complete
    return complete(incomplete)


def _complete_profile(incomplete: str) -> list[str]:
    complete: Callable[[str], list[str]] = import_module("ruleset_lint.cli.size").complete
    return complete(incomplete)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ruleset-lint {__version__}")
        raise typer.Exit


Paths = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PATH...",
        help="Roots of machines (folders with etc/...), folders of such, rulesets and files of settings; - is standard "
        "input. Without any: the current folder.",
        show_default=False,
    ),
]
Select = Annotated[
    list[str] | None,
    typer.Option(help="Only these rules or categories.", metavar="RULE", autocompletion=_complete_rule),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(help="Not these rules or categories.", metavar="RULE", autocompletion=_complete_rule),
]
Config = Annotated[str | None, typer.Option(help="Configuration file to read.", metavar="FILE")]
Isolated = Annotated[bool, typer.Option("--isolated", help="Look for no configuration file.")]
ProfileName = Annotated[
    str | None,
    typer.Option(help="Release to judge by, such as el7.7.", metavar="NAME", autocompletion=_complete_profile),
]
FamilyOption = Annotated[Family | None, typer.Option(help="IPv4 or IPv6, where the files do not tell.")]
BackendOption = Annotated[Backend | None, typer.Option(help="What is behind iptables, where the files do not tell.")]
Fragment = Annotated[
    bool | None,
    typer.Option("--fragment/--whole", help="Rulesets are parts for --noflush, or whole.", show_default=False),
]
StdinFilename = Annotated[str | None, typer.Option(help="File that standard input stands for.", metavar="FILE")]
FailOnOption = Annotated[FailOn, typer.Option(help="Least severity that makes the exit code 1.")]
ExitZero = Annotated[bool, typer.Option("--exit-zero", help="Exit code 0 in spite of findings.")]


def ruleset_lint(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Check iptables rulesets and what belongs to them, and write them anew."""


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
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Rule or category.", autocompletion=_complete_rule)],
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
