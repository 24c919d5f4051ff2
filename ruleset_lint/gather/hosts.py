"""From files that were read to a Host. Reads nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from ruleset_lint.gather.kinds import Kind
from ruleset_lint.gather.options import Options
from ruleset_lint.gather.tree import Source
from ruleset_lint.model.blocks import family_of
from ruleset_lint.model.entries import conntrack_table
from ruleset_lint.model.host import Host
from ruleset_lint.model.loading import load
from ruleset_lint.model.origin import drop_in_order
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.settings import (
    ServiceConfig,
    SysctlReader,
    module_options,
    modules_load,
    service_config,
    sysctl_order,
    sysctls,
)
from ruleset_lint.netfilter.profiles import Narrowed, Profile
from ruleset_lint.syntax import assignments, conntrack, iptables_save, modprobe, modules, sysctl
from ruleset_lint.syntax.document import Document

Node = TypeVar("Node")


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
    services = tuple(_service(source) for source in sources if source.kind is Kind.SERVICE)
    sysctl_documents = _documents(sources, Kind.SYSCTL, sysctl.parse)
    applied = sysctl_documents if sysctl_reader is None else sysctl_order(sysctl_documents, sysctl_reader)
    modprobe_documents = _documents(sources, Kind.MODPROBE, modprobe.parse)
    modules_documents = _documents(sources, Kind.MODULES, modules.parse)
    tables = [conntrack_table(document) for document in _documents(sources, Kind.CONNTRACK, conntrack.parse)]
    return Host(
        root=root,
        rulesets=rulesets,
        services=services if services or complete else None,
        sysctl=sysctls(applied) if sysctl_documents or complete else None,
        modprobe=module_options(_in_order(modprobe_documents)) if modprobe_documents or complete else None,
        modules_load=modules_load(_in_order(modules_documents)) if modules_documents or complete else None,
        conntrack=tables[0] if tables else None,
        loaded_modules=_loaded(sources),
        profiles=judged.profiles,
        profile_reason=judged.reason,
        complete=complete,
        documents=(
            *(ruleset.document for ruleset in rulesets),
            *(service.document for service in services),
            *sysctl_documents,
            *modprobe_documents,
            *modules_documents,
            *(table.document for table in tables),
        ),
    )


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


def _service(source: Source) -> ServiceConfig:
    family = 6 if "ip6tables" in source.path.rpartition("/")[2] or "IP6TABLES_" in source.text else 4
    return service_config(assignments.parse(source.path, source.text), family)


def _documents(
    sources: Iterable[Source], kind: Kind, parse: Callable[[str, str], Document[Node]]
) -> tuple[Document[Node], ...]:
    return tuple(parse(source.path, source.text) for source in sources if source.kind is kind)


def _in_order(documents: Sequence[Document[Node]]) -> tuple[Document[Node], ...]:
    """As at boot; files outside of such folders, or read whatever their names end in, come first."""
    ordered = drop_in_order(documents)
    hidden = {document.path.rpartition("/")[2] for document in ordered}
    return (*(document for document in documents if document.path.rpartition("/")[2] not in hidden), *ordered)


def _loaded(sources: Sequence[Source]) -> frozenset[str] | None:
    texts = [source.text for source in sources if source.kind is Kind.LOADED]
    return frozenset(line.split(" ", 1)[0] for line in texts[0].split("\n") if line) if texts else None
