"""The rules of udev that are about connection tracking. Knows where they lie, not what they do."""

from __future__ import annotations

from ruleset_lint.gather.files import drop_ins
from ruleset_lint.gather.kinds import Kind
from ruleset_lint.gather.tree import Source, Tree

_FOLDER = "etc/udev/rules.d"


def udev_sources(tree: Tree) -> list[Source]:
    """The administrator's files of rules that speak of conntrack: nothing that is missing is a problem."""
    files = (file for file in drop_ins(tree.root, _FOLDER) if file.endswith(".rules"))
    texts = ((file, tree.text_if_readable(file)) for file in files)
    return [Source(tree.path(file), Kind.UDEV, text) for file, text in texts if text and "conntrack" in text]
