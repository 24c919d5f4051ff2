"""The files of /proc and /sys that tell how connection tracking runs. Knows where they lie, not what they mean."""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.gather.files import UnreadableError, resolve
from ruleset_lint.gather.kinds import Kind
from ruleset_lint.gather.tree import Source, Tree

_FOLDERS = (("proc/sys/net/netfilter", "nf_conntrack_"), ("proc/sys/net/ipv4/netfilter", "ip_conntrack_"))
_FILES = (
    "proc/meminfo",
    "sys/module/nf_conntrack/parameters/hashsize",
    "sys/module/ip_conntrack/parameters/hashsize",
)


def running_sources(tree: Tree) -> list[Source]:
    """What the machine's /proc and /sys say, as far as the reader may see it: nothing that is missing is a problem."""
    texts = ((file, tree.text_if_readable(file)) for file in (*_variables(tree), *_FILES))
    return [Source(tree.path(file), Kind.RUNNING, text) for file, text in texts if text is not None]


def _variables(tree: Tree) -> Iterator[str]:
    for folder, prefix in _FOLDERS:
        try:
            found = resolve(tree.root, folder)
            names = sorted(entry.name for entry in found.iterdir()) if found else []
        except (OSError, UnreadableError):
            names = []
        yield from (f"{folder}/{name}" for name in names[:1000] if name.startswith(prefix))
