"""From files that were read to a Host. Reads nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

from ruleset_lint.gather.kinds import Kind
from ruleset_lint.gather.options import Options
from ruleset_lint.gather.tree import Source
from ruleset_lint.model.blocks import family_of
from ruleset_lint.model.host import Host
from ruleset_lint.model.loading import load
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.settings import SysctlReader
from ruleset_lint.netfilter.profiles import Narrowed, Profile
from ruleset_lint.syntax import iptables_save


def build_host(
    sources: Sequence[Source],
    judged: Narrowed,
    options: Options,
    *,
    root: str = "",
    complete: bool = False,
    sysctl_reader: SysctlReader | None = None,
) -> Host:
    """The host that files tell of. A fact whose files are missing is empty if the host is complete, else None.

    Without `sysctl_reader` the sysctl files count in the order given.
    """
    rulesets = tuple(_ruleset(source, options) for source in sources if source.kind is Kind.RULESET)
    host = Host(
        root=root,
        rulesets=rulesets,
        profiles=judged.profiles,
        profile_reason=judged.reason,
        complete=complete,
        documents=tuple(ruleset.document for ruleset in rulesets),
    )
    others = [source for source in sources if source.kind is not Kind.RULESET]
    return _with_settings(host, others, sysctl_reader) if others or complete else host


def _with_settings(host: Host, sources: Sequence[Source], reader: SysctlReader | None) -> Host:
    """The parsers of settings are imported when there are some: most runs are about a ruleset alone."""
    add: Callable[[Host, Sequence[Source], SysctlReader | None], Host]
    add = import_module("ruleset_lint.gather.settings").with_settings
    return add(host, sources, reader)


def sysctl_reader(profiles: Sequence[Profile], *, linked: bool) -> SysctlReader:
    """Who applies sysctls on these releases; `linked`: sysctl.d has the usual link to sysctl.conf."""
    if all(not profile.paths.sysctl_directories for profile in profiles):
        return SysctlReader.CONF
    if all(profile.init == "sysv" for profile in profiles):
        return SysctlReader.PROCPS
    return SysctlReader.SYSTEMD_LINKED if linked else SysctlReader.SYSTEMD


def _ruleset(source: Source, options: Options) -> Ruleset:
    family = options.family or family_of(source.path, source.text)
    fragment = options.fragment if source.fragment is None else source.fragment
    return load(iptables_save.parse(source.path, source.text), family, fragment=fragment)
