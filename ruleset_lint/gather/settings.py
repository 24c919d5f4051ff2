"""What a host's files say besides its rules: settings, the conntrack table, loaded modules. Reads nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

from ruleset_lint.gather.kinds import Kind
from ruleset_lint.gather.tree import Source
from ruleset_lint.model.counting import conntrack_table
from ruleset_lint.model.entries import ConntrackTable
from ruleset_lint.model.host import Host
from ruleset_lint.model.origin import drop_in_order
from ruleset_lint.model.passed_over import PassedOver
from ruleset_lint.model.precedence import module_options, modules_load, service_config, sysctl_order, sysctls
from ruleset_lint.model.running import Running, running
from ruleset_lint.model.sets import defined_sets
from ruleset_lint.model.settings import ServiceConfig, SysctlReader
from ruleset_lint.syntax import assignments, conntrack, modprobe, modules, sysctl, udev
from ruleset_lint.syntax.document import Document

Node = TypeVar("Node")


def with_settings(host: Host, given: Sequence[Source], reader: SysctlReader | None) -> Host:
    """The host with what these files tell. A fact whose files are missing is empty if the host is complete, else None.

    Without `reader` the sysctl files count in the order given.
    """
    complete = host.complete
    sources, passed_over = ([one for one in given if one.passed_over is away] for away in (False, True))
    parsed = _parsed(sources)
    applied = parsed.sysctl if reader is None else sysctl_order(parsed.sysctl, reader)
    left_out = [one for one in parsed.sysctl if one not in applied and _is_conf(one)]
    return host._replace(
        services=parsed.services if parsed.services or complete else None,
        sysctl=sysctls(applied) if parsed.sysctl or complete else None,
        modprobe=module_options(_in_order(parsed.modprobe)) if parsed.modprobe or complete else None,
        modules_load=modules_load(_in_order(parsed.modules)) if parsed.modules or complete else None,
        conntrack=parsed.tables[0] if parsed.tables else None,
        loaded_modules=_loaded(sources),
        running=_running(sources),
        sets=_sets(sources, complete=complete),
        passed_over=(*map(_passed_over, passed_over), *(PassedOver(one, sysctls((one,)).all) for one in left_out)),
        documents=(*host.documents, *parsed.documents),
    )


class _Parsed(NamedTuple):
    """The files of settings, by kind."""

    services: tuple[ServiceConfig, ...]
    sysctl: tuple[Document[sysctl.Node], ...]
    modprobe: tuple[Document[modprobe.Node], ...]
    modules: tuple[Document[modules.Node], ...]
    udev: tuple[Document[udev.Node], ...]
    tables: tuple[ConntrackTable, ...]

    @property
    def documents(self) -> Iterator[Document[object]]:
        """All of them."""
        yield from (service.document for service in self.services)
        yield from (*self.sysctl, *self.modprobe, *self.modules, *self.udev)
        yield from (table.document for table in self.tables)


def _parsed(sources: Sequence[Source]) -> _Parsed:
    return _Parsed(
        tuple(_service(source) for source in sources if source.kind is Kind.SERVICE),
        _documents(sources, Kind.SYSCTL, sysctl.parse),
        _documents(sources, Kind.MODPROBE, modprobe.parse),
        _documents(sources, Kind.MODULES, modules.parse),
        _documents(sources, Kind.UDEV, udev.parse),
        tuple(map(conntrack_table, _documents(sources, Kind.CONNTRACK, conntrack.parse))),
    )


def _service(source: Source) -> ServiceConfig:
    return service_config(assignments.parse(source.path, source.text), _family(source))


def _family(source: Source) -> int:
    """By the file's name, else by the names of the variables in it."""
    name = source.path.rpartition("/")[2]
    if name in ("iptables-config", "ip6tables-config"):
        return 6 if name.startswith("ip6") else 4
    return 6 if "ip6tables" in name or "IP6TABLES_" in source.text else 4


def _documents(
    sources: Iterable[Source], kind: Kind, parse: Callable[[str, str], Document[Node]]
) -> tuple[Document[Node], ...]:
    return tuple(parse(source.path, source.text) for source in sources if source.kind is kind)


def _in_order(documents: Sequence[Document[Node]]) -> tuple[Document[Node], ...]:
    """As at boot; files outside of such folders, or read whatever their names end in, come first."""
    ordered = drop_in_order(documents)
    hidden = {document.path.rpartition("/")[2] for document in ordered}
    return (*(document for document in documents if document.path.rpartition("/")[2] not in hidden), *ordered)


def _sets(sources: Sequence[Source], *, complete: bool) -> frozenset[str] | None:
    texts = [source.text for source in sources if source.kind is Kind.SETS]
    return defined_sets(texts) if texts or complete else None


def _running(sources: Sequence[Source]) -> Running | None:
    listings = _documents(sources, Kind.LISTING, sysctl.parse)
    files = {source.path: source.text for source in sources if source.kind is Kind.RUNNING}
    return running(files, sysctls(listings).all)


def _loaded(sources: Sequence[Source]) -> frozenset[str] | None:
    """The names in front of the lines of /proc/modules or lsmod, which has a line above them."""
    texts = [source.text for source in sources if source.kind is Kind.LOADED]
    names = [line.split(" ", 1)[0] for line in texts[0].split("\n") if line] if texts else None
    return None if names is None else frozenset(names) - {"Module"}


def _is_conf(document: Document[object]) -> bool:
    """Whether it is sysctl.conf; any other file is hidden by one of its name, which is what that one is for."""
    return document.path.rpartition("/")[2] == "sysctl.conf"


def _passed_over(source: Source) -> PassedOver:
    """A file that no release reads, as if it were read."""
    if source.kind is Kind.SYSCTL:
        settings = sysctl.parse(source.path, source.text)
        return PassedOver(settings, sysctls=sysctls((settings,)).all)
    if source.kind is Kind.MODPROBE:
        commands = modprobe.parse(source.path, source.text)
        said = module_options((commands,))
        options = (replace(option, key=module) for module, option in said.all)
        return PassedOver(commands, modules=(*options, *said.blacklist, *said.installs))
    names = modules.parse(source.path, source.text)
    return PassedOver(names, modules=modules_load((names,)).modules)
