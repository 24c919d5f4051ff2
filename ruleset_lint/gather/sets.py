"""The files that sets of addresses are restored from at boot. Knows where they lie, not what they hold."""

from __future__ import annotations

from ruleset_lint.gather.files import drop_ins
from ruleset_lint.gather.kinds import Kind
from ruleset_lint.gather.tree import Source, Tree

# ipset-service of Red Hat, ipset-persistent of Debian, ifupdown recipes, Arch, Alpine and Gentoo
_FILES = (
    "etc/sysconfig/ipset", "etc/iptables/ipsets", "etc/ipset.up.rules", "etc/ipset.rules", "etc/ipset.conf",
    "var/lib/ipset/rules-save",
)  # fmt: skip
_FOLDERS = ("etc/sysconfig/ipset.d", "etc/ipset.d")


def set_sources(tree: Tree) -> list[Source]:
    """The files of a machine that define sets."""
    files = (*_FILES, *(file for folder in _FOLDERS for file in drop_ins(tree.root, folder)))
    texts = ((file, tree.text_if_readable(file)) for file in files)
    return [Source(tree.path(file), Kind.SETS, text) for file, text in texts if text is not None]
