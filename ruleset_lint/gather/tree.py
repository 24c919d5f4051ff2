"""The files of one machine below its root, and their texts. Knows where files lie, not what they mean."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from ruleset_lint.gather import kinds
from ruleset_lint.gather.files import Problem, UnreadableError, drop_ins, read, resolve
from ruleset_lint.gather.kinds import Kind
from ruleset_lint.netfilter.profiles import Profile

_MODULES_LOAD = tuple(f"{top}/modules-load.d" for top in ("etc", "run", "usr/local/lib", "usr/lib"))
_SYSCTL_CONF = "etc/sysctl.conf"
_SYSCTL_LINK = "etc/sysctl.d/99-sysctl.conf"
_RELEASE_FILES = ("etc/redhat-release", "etc/centos-release", "etc/system-release")
_OS_RELEASE_FILES = ("etc/os-release", "usr/lib/os-release")
_KERNEL_RELEASE = "proc/sys/kernel/osrelease"


class Source(NamedTuple):
    """A file that was read: the path to show, what it is, its text. `fragment` None: to be found out.

    `passed_over`: no release of the machine reads it.
    """

    path: str
    kind: Kind
    text: str
    fragment: bool | None = None
    passed_over: bool = False


class Tree:
    """A machine's root. `shown` is what its paths begin with in messages.

    `overlay` has texts by such a path, in place of what the files hold. `texts` and `problems` fill while it is read.
    """

    def __init__(self, root: Path, shown: str, overlay: Mapping[str, str]) -> None:
        """Nothing read so far."""
        self.root = root
        self.shown = shown
        self.overlay = overlay
        self.texts: dict[str, str | None] = {}
        self.problems: list[Problem] = []

    def path(self, relative: str) -> str:
        """The path to show of a file."""
        return str(PurePath(self.shown) / relative)

    def text(self, relative: str, *, sample: bool = False) -> str | None:
        """The text of a file, None if there is none or it cannot be read, which is noted."""
        if self.path(relative) in self.overlay:
            return self.overlay[self.path(relative)]
        if relative not in self.texts:
            self.texts[relative] = self._read(relative, sample=sample)
        return self.texts[relative]

    def text_if_readable(self, relative: str) -> str | None:
        """The text of a file that is no loss where it is missing or not for the reader: that is not noted."""
        if self.path(relative) in self.overlay:
            return self.overlay[self.path(relative)]
        try:
            found = resolve(self.root, relative)
            return None if found is None else read(found)
        except UnreadableError:
            return None

    def has_folder(self, relative: str) -> bool:
        """Whether a folder is there."""
        try:
            found = resolve(self.root, relative)
        except UnreadableError:
            return False
        return bool(found and found.is_dir())

    def _read(self, relative: str, *, sample: bool) -> str | None:
        try:
            found = resolve(self.root, relative)
            if found is not None and _is_null(self.root, found):
                return ""
            return None if found is None else read(found, sample=sample)
        except UnreadableError as error:
            self.problems.append(Problem(self.path(relative), str(error)))
            return None


def is_root(folder: Path) -> bool:
    """Whether a folder is the root of a machine: has something below etc/ or proc/ that is read here."""
    if not (folder / "etc").is_dir() and not (folder / "proc/net").is_dir():
        return False
    files = (
        *kinds.RULESETS,
        *kinds.FRAGMENTS,
        *kinds.SERVICES,
        *kinds.CONNTRACK,
        _SYSCTL_CONF,
        "etc/modprobe.conf",
        "etc/modules",
    )
    folders = ("etc/sysctl.d", "etc/modprobe.d", "etc/modules-load.d")
    return any(os.path.lexists(folder / name) for name in (*files, *folders, *_RELEASE_FILES, *_OS_RELEASE_FILES))


def ruleset_sources(tree: Tree) -> list[Source]:
    """The rulesets of a machine; ufw's files are fragments whatever they hold.

    Without a table none of the others is loaded at boot: what `iptables -S` prints is no fragment there.
    """
    whole = _sources(tree, kinds.RULESETS, Kind.RULESET)
    parts = _sources(tree, kinds.FRAGMENTS, Kind.RULESET)
    return [
        *(source if kinds.has_table(source.text) else source._replace(fragment=False) for source in whole),
        *(source._replace(fragment=True) for source in parts),
    ]


def settings_sources(tree: Tree, profiles: Sequence[Profile]) -> list[Source]:
    """The settings of a machine that some of the profiles reads, and what its /proc says."""
    return [
        *_sources(tree, kinds.SERVICES, Kind.SERVICE),
        *_sources(tree, _sysctl_files(tree, profiles), Kind.SYSCTL),
        *_sources(tree, _modprobe_files(tree, profiles), Kind.MODPROBE),
        *_sources(tree, _modules_files(tree, profiles), Kind.MODULES),
        *_sources(tree, kinds.CONNTRACK, Kind.CONNTRACK)[:1],
        *_sources(tree, ("proc/modules",), Kind.LOADED),
    ]


def release_texts(tree: Tree) -> Iterator[tuple[str, str, str]]:
    """What tells the release: which evidence it is (as `narrow` names it), the file, its text."""
    evidence = (
        ("os_release", _OS_RELEASE_FILES),
        ("redhat_release", _RELEASE_FILES),
        ("kernel_release", (_KERNEL_RELEASE,)),
    )
    for name, files in evidence:
        found = next(((file, text) for file in files if (text := tree.text(file)) is not None), None)
        if found:
            yield (name, *found)


def sysctl_conf_is_linked(tree: Tree) -> bool:
    """Whether sysctl.d has the link to sysctl.conf that distributions with systemd ship."""
    try:
        return resolve(tree.root, _SYSCTL_LINK) == tree.root / _SYSCTL_CONF
    except UnreadableError:
        return False


def _sources(tree: Tree, files: Iterable[str], kind: Kind) -> list[Source]:
    sample = kind is Kind.CONNTRACK
    texts = ((file, tree.text(file, sample=sample)) for file in files)
    return [Source(tree.path(file), kind, text) for file, text in texts if text is not None]


def _sysctl_files(tree: Tree, profiles: Sequence[Profile]) -> Iterator[str]:
    for folder in _folders(profile.paths.sysctl_directories for profile in profiles):
        for file in _conf(tree, folder, profiles):
            if file != _SYSCTL_LINK or not sysctl_conf_is_linked(tree):
                yield file
    yield _SYSCTL_CONF


def _modprobe_files(tree: Tree, profiles: Sequence[Profile]) -> Iterator[str]:
    if any(profile.init == "sysv" for profile in profiles):  # kmod reads it no longer
        yield "etc/modprobe.conf"
    for folder in _folders(profile.paths.modprobe_directories for profile in profiles):
        yield from _conf(tree, folder, profiles)


def _modules_files(tree: Tree, profiles: Sequence[Profile]) -> Iterator[str]:
    if any(profile.paths.modules_load_directory for profile in profiles):
        for folder in _MODULES_LOAD:
            yield from (file for file in drop_ins(tree.root, folder) if file.endswith(".conf"))
    yield from _folders([profile.paths.modules_file] if profile.paths.modules_file else [] for profile in profiles)


def _folders(groups: Iterable[Iterable[str]]) -> Iterable[str]:
    """Each path once, in order."""
    return dict.fromkeys(path for group in groups for path in group)


def _conf(tree: Tree, folder: str, profiles: Sequence[Profile]) -> Iterator[str]:
    every = any(not profile.paths.needs_conf_suffix for profile in profiles)
    return (file for file in drop_ins(tree.root, folder) if every or file.endswith(".conf"))


def _is_null(root: Path, path: Path) -> bool:
    """Whether a path is the machine's /dev/null: so files of settings are masked."""
    return path == root / "dev/null"
