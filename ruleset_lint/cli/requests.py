"""What the commands are asked to do, as plain data. Knows neither how it was asked nor how it is done."""

from typing import Literal, NamedTuple

OutputFormat = Literal["full", "concise", "json", "sarif", "github"]
ListFormat = Literal["text", "json"]
Color = Literal["auto", "always", "never"]
FailOn = Literal["error", "warning", "info", "never"]
Family = Literal["4", "6"]
Backend = Literal["legacy", "nft"]
Goal = Literal["notrack", "stateless", "tune"]
Course = Literal["incoming", "forwarded", "outgoing"]
Role = Literal["host", "router"]


class Subject(NamedTuple):
    """What to look at, and how."""

    paths: tuple[str, ...]
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    config: str | None = None
    isolated: bool = False
    profile: str | None = None
    family: Family | None = None
    backend: Backend | None = None
    fragment: bool | None = None
    stdin_filename: str | None = None


class CheckRequest(NamedTuple):
    """`ruleset-lint check`, its output and its exit code."""

    subject: Subject
    output_format: OutputFormat = "full"
    output_file: str | None = None
    color: Color = "auto"
    fail_on: FailOn = "warning"
    exit_zero: bool = False
    statistics: bool = False
    show_files: bool = False


class FixRequest(NamedTuple):
    """`ruleset-lint fix`, its output and its exit code."""

    subject: Subject
    unsafe: bool = False
    diff: bool = False
    fail_on: FailOn = "warning"
    exit_zero: bool = False


class FormatRequest(NamedTuple):
    """`ruleset-lint format`: the rulesets, and whether to write them, to show what would change, or only to say so."""

    subject: Subject
    check: bool = False
    diff: bool = False


class RewriteRequest(NamedTuple):
    """`ruleset-lint rewrite`: the host, the goal, the services that leave connection tracking, where to write.

    `output` is a folder for a bundle; `in_place` writes the host's own files. `rates`, `lasting` and `conntrack` are as
    in SizeRequest.
    """

    subject: Subject
    output: str | None
    goal: Goal | None = None
    services: tuple[str, ...] = ()
    ram: str | None = None
    connections: int | None = None
    even_administration: bool = False
    diff: bool = False
    force: bool = False
    rates: tuple[str, ...] = ()
    lasting: int = 1
    conntrack: str | None = None
    established: int | None = None
    accept_exposure: bool = False
    in_place: bool = False


class SizeRequest(NamedTuple):
    """`ruleset-lint size`: what is known of the memory and the load that a table is wanted for, and the release.

    `rates` are flows a second, `lasting` seconds; `conntrack` is a file, or - for standard input.
    """

    ram: str | None = None
    connections: int | None = None
    profile: str | None = None
    rates: tuple[str, ...] = ()
    lasting: int = 1
    conntrack: str | None = None
    established: int | None = None
    output_format: ListFormat = "text"


class TraceRequest(NamedTuple):
    """`ruleset-lint trace`: the rulesets, the packet as text, and the way it goes where its interfaces do not tell."""

    subject: Subject
    packet: str
    course: Course | None = None
    output_format: ListFormat = "text"


class QueryRequest(NamedTuple):
    """`ruleset-lint query`: the rulesets, the question, the way its packets go, and seconds it may take."""

    subject: Subject
    question: str
    course: Course | None = None
    output_format: ListFormat = "text"
    timeout: float = 30.0


class ProveRequest(NamedTuple):
    """`ruleset-lint prove`: both paths, services that left tracking, what the machine is, and seconds it may take."""

    subject: Subject
    services: tuple[str, ...] = ()
    role: Role = "router"
    output_format: ListFormat = "text"
    timeout: float = 60.0
