r"""What other programs call: text or a machine's files in, a report out. Prints nothing, writes nothing.

>>> from ruleset_lint import check_text
>>> [finding.rule for finding in check_text("*filter\n-A INPUT -j ACCEPT\n").findings]
['syntax/commit']

The findings of a report have `rule`, `severity`, `confidence`, `message`, `path`, `line`, `column`, `end_line`,
`end_column`, `related`, `fix` and `fingerprint`; lines and columns count code points from 1.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from ruleset_lint.gather import (
    Found,
    Gathering,
    Options,
    Problem,
    UnreadableError,
    gather,
    gather_root,
    gather_text,
)
from ruleset_lint.lint.configuration import Configuration, read
from ruleset_lint.lint.engine import Hit, run
from ruleset_lint.lint.report import Report, report
from ruleset_lint.lint.selection import all_rules, check_names
from ruleset_lint.model.loadability import breaks
from ruleset_lint.model.loading import load
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.profiles import UnknownProfileError
from ruleset_lint.syntax.iptables_save import parse
from ruleset_lint.text import decode

if TYPE_CHECKING:
    from ruleset_lint.packets.difference import Proof
    from ruleset_lint.packets.formula import Packet
    from ruleset_lint.packets.query import Answer
    from ruleset_lint.packets.trace import Trace

__all__ = [
    "Checked",
    "InputError",
    "NotLoadedError",
    "Report",
    "check_found",
    "check_host",
    "check_text",
    "normalise",
    "prove",
    "query",
    "trace",
]


class InputError(ValueError):
    """There is nothing to check, or it cannot be read; the text says what and why."""


class NotLoadedError(InputError):
    """iptables-restore would not load the ruleset; the text names the line and what is wrong with it."""


class Checked(NamedTuple):
    """What checking paths gave: the report, the hits behind it, and what could not be read."""

    report: Report
    hits: tuple[Hit, ...]
    gathering: Gathering

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What could not be read, on any host."""
        own = (problem for gathered in self.gathering.hosts for problem in gathered.problems)
        return (*self.gathering.problems, *own)


def check_text(
    text: str | bytes,
    *,
    path: str = "-",
    family: Literal[4, 6] | None = 4,
    backend: Literal["legacy", "nft"] | None = "nft",
    profile: str | None = None,
) -> Report:
    """The report on one file: a ruleset, or what `path` (which need not exist) or the text show it to be.

    `family` is 4 for iptables, 6 for ip6tables, None for what the text tells. `backend` chooses among the releases
    that the header of the ruleset admits; `profile` ("el7.7", "debian12") is the one to judge by.
    Raises InputError for bytes that are no text, and for a profile that does not exist.
    """
    options = Options(profile=profile, family=family, backend=backend)
    try:
        host = gather_text(text, path, options=options)
    except (UnreadableError, UnknownProfileError) as error:
        raise InputError(f"{path}: {error}") from None
    return report([run(host, all_rules(), Configuration())])


def check_host(root: str | os.PathLike[str], *, config: Configuration | str | os.PathLike[str] | None = None) -> Report:
    """The report on the machine whose files lie below `root` as they lie below `/`.

    `config` is a configuration or the file that has one; None takes the defaults, no file is looked for.
    Raises InputError if `root` is no folder, holds nothing to check, or has a file that cannot be read;
    ConfigurationError (a ValueError) for the configuration.
    """
    configuration = _configuration(config)
    if not Path(root).is_dir():
        raise InputError(f"{os.fspath(root)}: no such folder")
    try:
        gathered = gather_root(Path(root), configuration)
    except UnknownProfileError as error:
        raise InputError(str(error)) from None
    if gathered.problems:
        raise InputError("; ".join(f"{problem.path}: {problem.reason}" for problem in gathered.problems))
    if not gathered.host.documents and not gathered.host.complete:
        raise InputError(f"{os.fspath(root)}: nothing to check, no file of a firewall below etc/")
    return report([run(gathered.host, all_rules(), configuration)])


def normalise(text: str | bytes, *, family: Literal[4, 6] = 4, backend: Literal["legacy", "nft"] = "nft") -> str:
    """A whole ruleset as `iptables-save` 1.8.9 prints it once loaded, so that two can be compared line by line.

    Tables come in the order of the text, built-in chains first, then the others by name; counters are zero, comment
    lines and what other tables the machine has are left out. A word that only the loading machine can look up (host
    names, users but root) stays as it is. Raises NotLoadedError for a text that does not load with that backend.
    """
    ruleset = load(parse("-", decode(text) if isinstance(text, bytes) else text), family, fragment=False)
    refuse_unloadable(ruleset, backend)
    return _written("model.normal_text", "normal_text", ruleset, backend)


def trace(
    text: str | bytes,
    packet: str,
    *,
    family: Literal[4, 6] | None = None,
    course: Literal["incoming", "forwarded", "outgoing"] | None = None,
    backend: Literal["legacy", "nft"] = "nft",
) -> Trace:
    """The way of one packet through a whole ruleset, by hook and table: `packets.trace.Trace` says what it has.

    `packet` is `in=eth0 tcp 203.0.113.7:40000 > 192.0.2.10:80 flags=SYN`, a line of the conntrack table, or one of
    `tcpdump -n`. `family` is that of the ruleset, None for the packet's. `course` says which way the packet goes where
    its interfaces do not. Raises InputError for a packet that does not read, NotLoadedError for a ruleset that does
    not load with that backend.
    """
    tracing = import_module("ruleset_lint.packets.trace")
    read = _packet(packet)
    if family not in (None, read.family):
        raise InputError(f"packet: IPv{family} addresses expected")
    ruleset = load(parse("-", decode(text) if isinstance(text, bytes) else text), read.family, fragment=False)
    refuse_unloadable(ruleset, backend)
    try:
        found: Trace = tracing.trace(ruleset, read, course)
    except tracing.CourseError as error:
        raise InputError(f"packet: {error}") from None
    return found


def query(
    text: str | bytes,
    question: str,
    *,
    family: Literal[4, 6] = 4,
    course: Literal["incoming", "forwarded", "outgoing"] | None = None,
    backend: Literal["legacy", "nft"] = "nft",
    timeout: float = 30.0,
) -> Answer:
    """What a whole ruleset does with all packets of a kind: `packets.query.Answer` has lists of them by verdict.

    `question` is `tcp dport 22,80-90 from 10.0.0.0/8 in eth0`; without a state, packets that open a connection are
    meant. `course` says which way they go, if not as `in` and `out` tell; without these, to the host. Raises
    InputError for a question that does not read or asks for no packet, NotLoadedError for a ruleset that does not load
    with that backend, NotDecidedError (a RuntimeError) for what takes more than `timeout` seconds, or too much memory.
    """
    asking, texts = (import_module(f"ruleset_lint.packets.{name}") for name in ("query", "question_text"))
    ruleset = load(parse("-", decode(text) if isinstance(text, bytes) else text), family, fragment=False)
    refuse_unloadable(ruleset, backend)
    try:
        read = texts.read_question(question, family)
        found: Answer = asking.query(ruleset, read, course, backend=backend, deadline=time.monotonic() + timeout)
    except (texts.QuestionError, asking.NothingAskedError) as error:
        raise InputError(f"question: {error}") from None
    return found


def prove(
    before: str | bytes,
    after: str | bytes,
    services: Iterable[str] = (),
    *,
    family: Literal[4, 6] = 4,
    role: Literal["host", "router"] = "router",
    backend: Literal["legacy", "nft"] = "nft",
    timeout: float = 60.0,
) -> Proof:
    """Whether two whole rulesets do the same with every packet: `packets.difference.Proof` says what it has.

    With `services` ("tcp/80", "tcp/443@10.0.0.5" at a server behind a router) that left connection tracking, whether
    they do the same with every connection. On a `host` nothing is forwarded. What takes more than `timeout` seconds is
    not decided. Raises InputError for a service that does not read, NotLoadedError for a ruleset that does not load
    with that backend.
    """
    proving, ends = (import_module(f"ruleset_lint.packets.{name}") for name in ("equivalence", "endpoints"))
    rulesets: list[Ruleset] = []
    for text in (before, after):
        rulesets.append(load(parse("-", decode(text) if isinstance(text, bytes) else text), family, fragment=False))
        refuse_unloadable(rulesets[-1], backend)
    try:
        named = tuple(ends.parse_endpoint(service) for service in services)
    except ValueError as error:
        raise InputError(f"service: {error}") from None
    found: Proof = proving.prove(*rulesets, named, role=role, deadline=time.monotonic() + timeout)
    return found


def _packet(text: str) -> Packet:
    reading = import_module("ruleset_lint.packets.captured")
    try:
        read: Packet = reading.read_any(text)
    except ValueError as error:
        raise InputError(f"packet: {error}") from None
    return read


def format_text(ruleset: Ruleset, backend: Literal["legacy", "nft"]) -> str:
    """The ruleset's text with each rule as save prints it, all else as it is. Raises NotLoadedError."""
    refuse_unloadable(ruleset, backend)
    return _written("rewrite.formatting", "formatted", ruleset, backend)


def _written(module: str, name: str, ruleset: Ruleset, backend: Literal["legacy", "nft"]) -> str:
    """Import the tables of the normal form when they are first asked for: checking needs none of them."""
    write: Callable[[Ruleset, str], str] = getattr(import_module(f"ruleset_lint.{module}"), name)
    return write(ruleset, backend)


def refuse_unloadable(ruleset: Ruleset, backend: Literal["legacy", "nft"]) -> None:
    """Raise NotLoadedError with the first line that keeps restore from loading the ruleset, if there is one."""
    found = [(one.line.number, one.reason) for one in breaks(ruleset) if backend in one.backends]
    if found:
        number, reason = min(found)
        raise NotLoadedError(f"line {number}: {reason}")


def check_found(
    found: Found, configuration: Configuration, options: Options, texts: Mapping[str, str] | None = None
) -> Checked:
    """What the rules say of the paths that `gather.find` found, with `texts` in place of the files of these paths.

    Raises UnknownProfileError, ConfigurationError if the configuration names rules that do not exist.
    """
    check_names(configuration, all_rules())
    gathering = gather(found, configuration, options, texts or {})
    outcomes = [run(gathered.host, all_rules(), configuration) for gathered in gathering.hosts]
    shown = _shown(gathering)
    made = report(outcomes, shown=shown)
    hits = (hit for outcome in outcomes for hit in outcome.hits if shown is None or _has_place_in(hit, shown))
    return Checked(made, tuple(hits), gathering)


def _configuration(config: Configuration | str | os.PathLike[str] | None) -> Configuration:
    if config is None or isinstance(config, Configuration):
        configuration = config or Configuration()
    else:
        configuration = read(Path(config))
    check_names(configuration, all_rules())
    return configuration


def _shown(gathering: Gathering) -> frozenset[str] | None:
    """The files that were asked for, None if that is all of them."""
    if all(not gathered.asked for gathered in gathering.hosts):
        return None
    pairs = ((gathered, document.path) for gathered in gathering.hosts for document in gathered.host.documents)
    return frozenset(path for gathered, path in pairs if gathered.is_asked(path))


def _has_place_in(hit: Hit, paths: frozenset[str]) -> bool:
    return any(place.document.path in paths for place in (hit.finding.place, *hit.finding.related))
