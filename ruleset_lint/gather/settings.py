"""What a host's files say besides its rules: settings, the conntrack table, loaded modules. Reads nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from ruleset_lint.gather.kinds import Kind
from ruleset_lint.gather.tree import Source
from ruleset_lint.model.counting import conntrack_table
from ruleset_lint.model.host import Host
from ruleset_lint.model.origin import drop_in_order
from ruleset_lint.model.precedence import module_options, modules_load, service_config, sysctl_order, sysctls
from ruleset_lint.model.settings import ServiceConfig, SysctlReader
from ruleset_lint.syntax import assignments, conntrack, modprobe, modules, sysctl
from ruleset_lint.syntax.document import Document

Node = TypeVar("Node")


def with_settings(host: Host, sources: Sequence[Source], reader: SysctlReader | None) -> Host:
    """The host with what these files tell. A fact whose files are missing is empty if the host is complete, else None.

    Without `reader` the sysctl files count in the order given.
    """
    complete = host.complete
    services = tuple(_service(source) for source in sources if source.kind is Kind.SERVICE)
    sysctl_documents = _documents(sources, Kind.SYSCTL, sysctl.parse)
    applied = sysctl_documents if reader is None else sysctl_order(sysctl_documents, reader)
    modprobe_documents = _documents(sources, Kind.MODPROBE, modprobe.parse)
    modules_documents = _documents(sources, Kind.MODULES, modules.parse)
    tables = [conntrack_table(document) for document in _documents(sources, Kind.CONNTRACK, conntrack.parse)]
    return replace(
        host,
        services=services if services or complete else None,
        sysctl=sysctls(applied) if sysctl_documents or complete else None,
        modprobe=module_options(_in_order(modprobe_documents)) if modprobe_documents or complete else None,
        modules_load=modules_load(_in_order(modules_documents)) if modules_documents or complete else None,
        conntrack=tables[0] if tables else None,
        loaded_modules=_loaded(sources),
        documents=(
            *host.documents,
            *(service.document for service in services),
            *sysctl_documents,
            *modprobe_documents,
            *modules_documents,
            *(table.document for table in tables),
        ),
    )


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
