"""Files in folders of settings that no release of the machine reads. Knows no format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ruleset_lint.gather.files import drop_ins
from ruleset_lint.gather.kinds import Kind
from ruleset_lint.gather.tree import Source, Tree
from ruleset_lint.netfilter.profiles import Profile

_SYSCTL, _MODPROBE, _MODULES = "etc/sysctl.d", "etc/modprobe.d", "etc/modules-load.d"
_KINDS = {_SYSCTL: Kind.SYSCTL, _MODPROBE: Kind.MODPROBE, _MODULES: Kind.MODULES}


def passed_over_sources(tree: Tree, profiles: Sequence[Profile]) -> list[Source]:
    """Drop-in files of the administrator that have no `.conf`, or lie in a folder that these releases do not read."""
    files = [file for folder in _KINDS for file in _passed_over(tree, folder, profiles)]
    texts = ((file, tree.text_if_readable(file)) for file in files)
    return [
        Source(tree.path(file), _KINDS[file.rpartition("/")[0]], text, passed_over=True)
        for file, text in texts
        if text is not None
    ]


def _passed_over(tree: Tree, folder: str, profiles: Sequence[Profile]) -> Iterator[str]:
    for file in drop_ins(tree.root, folder):
        if not any(_reads(profile, folder, file) for profile in profiles):
            yield file


def _reads(profile: Profile, folder: str, file: str) -> bool:
    paths = profile.paths
    folders = {_SYSCTL: paths.sysctl_directories, _MODPROBE: paths.modprobe_directories}
    if folder == _MODULES:
        return paths.modules_load_directory is None or file.endswith(".conf")  # without the folder it is another story
    return folder in folders[folder] and (file.endswith(".conf") or not paths.needs_conf_suffix)
