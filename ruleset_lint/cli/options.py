"""Options and arguments that several commands have. Knows no command."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Annotated

import typer

from ruleset_lint.cli.requests import Backend, FailOn, Family


def complete_rule(incomplete: str) -> list[str]:
    """Ids and categories that begin so, for shells."""
    complete: Callable[[str], list[str]] = import_module("ruleset_lint.cli.rules").complete
    return complete(incomplete)


def complete_profile(incomplete: str) -> list[str]:
    """Names of releases that begin so, for shells."""
    complete: Callable[[str], list[str]] = import_module("ruleset_lint.cli.size").complete
    return complete(incomplete)


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
    typer.Option(help="Only these rules or categories.", metavar="RULE", autocompletion=complete_rule),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(help="Not these rules or categories.", metavar="RULE", autocompletion=complete_rule),
]
Config = Annotated[str | None, typer.Option(help="Configuration file to read.", metavar="FILE")]
Isolated = Annotated[bool, typer.Option("--isolated", help="Look for no configuration file.")]
ProfileName = Annotated[
    str | None,
    typer.Option(help="Release to judge by, such as el7.7.", metavar="NAME", autocompletion=complete_profile),
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
Ram = Annotated[str | None, typer.Option(help="Memory of the machine: 16G.", metavar="SIZE")]
Connections = Annotated[int | None, typer.Option(help="Connections open at once.", metavar="N")]
RateOption = Annotated[
    list[str] | None,
    typer.Option(help="New flows a second: 2000 (TCP), udp=20000, udp-stream=50.", metavar="RATE"),
]
Lasting = Annotated[int, typer.Option(help="Seconds that a flow of --rate lasts.", metavar="SECONDS", min=0)]
ConntrackDump = Annotated[
    str | None,
    typer.Option(help="Dump of the table: a copy of /proc/net/nf_conntrack, or `conntrack -L`.", metavar="FILE"),
]
TimeoutEstablished = Annotated[
    int | None,
    typer.Option(help="Seconds after which a silent TCP connection is forgotten; 7440 is safe.", metavar="SECONDS"),
]
