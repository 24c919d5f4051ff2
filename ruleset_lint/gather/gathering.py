"""Hosts from paths, from the root of a machine, from a text. Knows how the parts of this package go together."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ruleset_lint.gather.evidence import from_headers, from_release, judged_as
from ruleset_lint.gather.files import Problem, text_of
from ruleset_lint.gather.hosts import build_host, sysctl_reader
from ruleset_lint.gather.kinds import Kind, kind_of_path, kind_of_text
from ruleset_lint.gather.loose import Result, machines, read_all, standard_input
from ruleset_lint.gather.options import Options
from ruleset_lint.gather.passed_over import passed_over_sources
from ruleset_lint.gather.paths import Found, root_above
from ruleset_lint.gather.running import running_sources
from ruleset_lint.gather.sets import set_sources
from ruleset_lint.gather.tree import (
    Source,
    Tree,
    release_texts,
    ruleset_sources,
    settings_sources,
    sysctl_conf_is_linked,
)
from ruleset_lint.gather.udev import udev_sources
from ruleset_lint.lint.configuration import Configuration
from ruleset_lint.lint.selection import is_excluded
from ruleset_lint.model.host import Host
from ruleset_lint.netfilter.profiles import Profile

_OPTIONS = Options()
_CONFIGURATION = Configuration()
_NO_TEXTS: Mapping[str, str] = MappingProxyType({})


class Gathered(NamedTuple):
    """A host, what of it was asked for (paths of files and folders; empty: all of it), and what could not be read."""

    host: Host
    asked: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()

    def is_asked(self, path: str) -> bool:
        """Whether findings in a file are to be shown."""
        return not self.asked or any(path == part or path.startswith(part + "/") for part in self.asked)


class Gathering(NamedTuple):
    """All hosts that paths stand for, and what could not be read or means nothing."""

    hosts: tuple[Gathered, ...]
    problems: tuple[Problem, ...]


class _Request:
    """What one call is about; `problems` fill on the way."""

    def __init__(self, configuration: Configuration, options: Options, texts: Mapping[str, str]) -> None:
        self.configuration = configuration
        self.options = options
        self.texts = texts
        self.problems: list[Problem] = []

    def readable(self, results: Iterable[Result]) -> list[Source]:
        """Those that could be read; the others are noted."""
        found = list(results)
        self.problems.extend(result for result in found if isinstance(result, Problem))
        return [result for result in found if isinstance(result, Source)]


def gather(
    found: Found,
    configuration: Configuration = _CONFIGURATION,
    options: Options = _OPTIONS,
    texts: Mapping[str, str] = _NO_TEXTS,
) -> Gathering:
    """The hosts that `find` found. `texts` stand in place of the files of these paths, as paths are shown.

    Raises UnknownProfileError.
    """
    request = _Request(configuration, options, _with_input(found, options, texts))
    given = request.readable(read_all(found.loose.get("", ()), request.texts))
    if found.stdin is not None and root_of_input(options) is None:
        given += request.readable([standard_input(found.stdin, options.stdin_filename or "-", request.texts)])
    dumps = [source for source in given if source.kind is Kind.CONNTRACK and len(found.roots) == 1]
    groups = [[source for source in given if source not in dumps]]
    for folder, files in found.loose.items():
        included = (file for file in files if folder and not is_excluded(file, configuration))
        groups.append(request.readable(read_all(included, request.texts)))
    hosts = [_from_root(root, asked, request, dumps) for root, asked in _roots(found, options).items()]
    hosts += [_from_loose(machine, request) for group in groups for machine in machines(group, options)]
    return Gathering(tuple(hosts), (*found.problems, *request.problems))


def gather_root(root: Path, configuration: Configuration = _CONFIGURATION, options: Options = _OPTIONS) -> Gathered:
    """The machine whose `/` is `root`, and what of it could not be read. Raises UnknownProfileError."""
    return _load_tree(Tree(root, str(root), {}), _Request(configuration, options, {}))


def load_host(
    root: Path, configuration: Configuration = _CONFIGURATION, options: Options = _OPTIONS, *, shown: str | None = None
) -> Host:
    """The machine whose `/` is `root`, with paths as if it lay in `shown`; what cannot be read is left out.

    Raises UnknownProfileError.
    """
    return _load_tree(Tree(root, str(root) if shown is None else shown, {}), _Request(configuration, options, {})).host


def load_files(
    paths: Iterable[Path], configuration: Configuration = _CONFIGURATION, options: Options = _OPTIONS
) -> Host:
    """One machine of which only these files are known; what cannot be read is left out. Raises UnknownProfileError."""
    request = _Request(configuration, options, {})
    return _from_loose(request.readable(read_all(map(str, paths), {})), request).host


def gather_text(
    text: str | bytes, path: str, configuration: Configuration = _CONFIGURATION, options: Options = _OPTIONS
) -> Host:
    """A host of which only one file is known; what kind it is, its path tells, else the text, else it is a ruleset.

    Raises UnreadableError for bytes that are no text, UnknownProfileError.
    """
    content = text_of(text) if isinstance(text, bytes) else text
    kind = kind_of_path(path) or kind_of_text(content) or Kind.RULESET
    return _from_loose([Source(path, kind, content)], _Request(configuration, options, {})).host


def root_of_input(options: Options) -> Path | None:
    """The root of the machine that a file belongs to for which standard input stands."""
    path = Path(options.stdin_filename) if options.stdin_filename else None
    root = root_above(path) if path else None
    return root if root and path and path.is_relative_to(root) else None


def _with_input(found: Found, options: Options, texts: Mapping[str, str]) -> Mapping[str, str]:
    """The texts, and standard input as one of them if it stands for a file of a machine."""
    if found.stdin is None or options.stdin_filename is None or root_of_input(options) is None:
        return texts
    return {str(Path(options.stdin_filename)): text_of(found.stdin), **texts}


def _roots(found: Found, options: Options) -> dict[str, set[str]]:
    root = root_of_input(options) if found.stdin is not None else None
    if root is None or options.stdin_filename is None:
        return found.roots
    asked = found.roots.get(str(root))
    everything = asked is not None and not asked
    return {**found.roots, str(root): set() if everything else {*(asked or ()), str(Path(options.stdin_filename))}}


def _from_root(root: str, asked: Iterable[str], request: _Request, extra: Sequence[Source]) -> Gathered:
    tree = Tree(Path(root), root, request.texts)
    return _load_tree(tree, request, asked, extra)._replace(asked=frozenset(asked))


def _load_tree(tree: Tree, request: _Request, asked: Iterable[str] = (), extra: Sequence[Source] = ()) -> Gathered:
    rulesets = ruleset_sources(tree)
    evidence = [from_release(*found) for found in release_texts(tree)]
    headers = from_headers(source._replace(path=os.path.relpath(source.path, tree.shown)) for source in rulesets)
    judged = judged_as([*evidence, *headers], request.configuration, request.options)
    settings = [*settings_sources(tree, judged.profiles), *passed_over_sources(tree, judged.profiles)]
    sources = [*rulesets, *settings, *running_sources(tree), *set_sources(tree), *udev_sources(tree), *extra]
    sources += request.readable(read_all(_unread(tree, asked, sources), request.texts))
    complete = _is_complete(tree, request)
    host = build_host(
        _own_rulesets_first(sources, tree, judged.profiles),
        judged,
        request.options._replace(family=None, fragment=None),
        root=tree.shown,
        complete=complete,
        sysctl_reader=sysctl_reader(judged.profiles, linked=not complete or sysctl_conf_is_linked(tree)),
    )
    return Gathered(host, problems=tuple(tree.problems))


def _from_loose(sources: Sequence[Source], request: _Request) -> Gathered:
    """The host of files that lie in no tree of a machine."""
    judged = judged_as(list(from_headers(sources)), request.configuration, request.options)
    return Gathered(build_host(sources, judged, request.options))


def _is_complete(tree: Tree, request: _Request) -> bool:
    if request.options.complete is not None:
        return request.options.complete
    return request.configuration.complete or os.path.realpath(tree.root) == "/"


def _own_rulesets_first(sources: Sequence[Source], tree: Tree, profiles: Sequence[Profile]) -> list[Source]:
    """The rulesets that the releases load at boot before those that lie about."""
    own = {tree.path(path) for profile in profiles for path in profile.paths.rules}
    return sorted(sources, key=lambda source: source.path not in own)


def _unread(tree: Tree, asked: Iterable[str], known: Sequence[Source]) -> list[str]:
    """Files that were asked for by name and are not where a machine reads them: a ruleset in a place of one's own."""
    paths = {source.path for source in known} | {problem.path for problem in tree.problems}
    return [path for path in sorted(asked) if path not in paths and not Path(path).is_dir()]
