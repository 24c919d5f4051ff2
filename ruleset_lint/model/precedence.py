"""What files of settings say together: which counts where several speak of one thing. Judges none of them."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping, Sequence

from ruleset_lint.model.origin import AnyNode, Origin, Setting, drop_in_order, lines, placed
from ruleset_lint.model.settings import (
    ModuleOptions,
    ModulesLoad,
    ServiceConfig,
    SysctlReader,
    Sysctls,
    module_name,
)
from ruleset_lint.syntax import assignments, modprobe, modules, sysctl
from ruleset_lint.syntax.document import Document, Line, Unparsed
from ruleset_lint.text import Span

_LINK = "99-sysctl.conf"
_LONGEST_VALUE = 16384
_MOST_PARTS = 64


def sysctl_order(documents: Iterable[Document[AnyNode]], reader: SysctlReader) -> tuple[Document[AnyNode], ...]:
    """The files that are applied at boot, in order: sysctl.conf and those in sysctl.d, as their reader takes them."""
    given = tuple(documents)
    conf = tuple(document for document in given if document.path.rpartition("/")[2] == "sysctl.conf")
    if reader is SysctlReader.CONF:
        return conf
    ordered = drop_in_order(given)
    if reader is SysctlReader.PROCPS:
        return (*ordered, *conf)
    names = [document.path.rpartition("/")[2] for document in ordered]
    if reader is SysctlReader.SYSTEMD or _LINK in names:
        return ordered
    place = bisect.bisect(names, _LINK)
    return (*ordered[:place], *conf, *ordered[place:])


def sysctls(documents: Sequence[Document[sysctl.Node]]) -> Sysctls:
    """The settings of files that are given in the order in which they are applied (`sysctl_order`)."""
    found: list[Setting] = []
    excluded: set[str] = set()
    for document, line in lines(documents):
        node = line.node
        if isinstance(node, sysctl.Assignment):
            span = Span(node.key_span.start, node.value_span.end)
            found.append(placed(Origin(document, line), node.name, node.value, span, node.value_span))
        elif isinstance(node, sysctl.Exclusion):
            excluded.add(node.name)
    return Sysctls(tuple(found), frozenset(excluded))


def service_config(document: Document[assignments.Node], family: int = 4) -> ServiceConfig:
    """What the variables are once bash has sourced the file; it reads no further than a syntax error."""
    variables: dict[str, tuple[Setting, ...]] = {}
    environment: dict[str, str] = {}
    for line in document.lines:
        if isinstance(line.node, Unparsed):
            break
        for node in assignments.statements(line.node):
            if isinstance(node, assignments.Assignment):
                span = Span(node.name_span.start, node.value_span.end)
                value = _expanded(node, environment)
                setting = placed(Origin(document, line), node.name, value, span, node.value_span)
                before = variables.get(node.name, ())[-_MOST_PARTS:] if node.append else ()
                variables[node.name] = (*before, setting)
                environment[node.name] = "".join(part.value or "" for part in variables[node.name])[:_LONGEST_VALUE]
    return ServiceConfig(document, family, variables)


def module_options(documents: Sequence[Document[modprobe.Node]]) -> ModuleOptions:
    """What files of modprobe.d say, given in the order in which modprobe reads them (`drop_in_order`)."""
    options: list[tuple[str, Setting]] = []
    aliases: list[Setting] = []
    blacklist: list[Setting] = []
    installs: list[Setting] = []
    for document, line in lines(documents):
        match line.node:
            case modprobe.Options(module, found):
                for name, _, value, value_span, span in found:
                    setting = placed(Origin(document, line), name, value, span, value_span or span)
                    options.append((module_name(module.text), setting))
            case modprobe.Alias(pattern, module):
                aliases.append(_pair(document, line, pattern, module))
            case modprobe.Blacklist(module):
                blacklist.append(
                    placed(Origin(document, line), module_name(module.text), None, module.span, module.span)
                )
            case modprobe.Install(module, command):
                installs.append(_pair(document, line, module, command))
    return ModuleOptions(tuple(options), tuple(aliases), tuple(blacklist), tuple(installs))


def modules_load(documents: Sequence[Document[modules.Node]]) -> ModulesLoad:
    """The modules that files of modules-load.d and /etc/modules name, files given in order (`drop_in_order`)."""
    found = []
    for document, line in lines(documents):
        node = line.node
        if isinstance(node, modules.Module):
            words = node.parameters
            value_span = Span(words[0].span.start, words[-1].span.end) if words else node.name_span
            value = " ".join(word.text for word in words) if words else None
            span = Span(node.name_span.start, value_span.end)
            found.append(placed(Origin(document, line), module_name(node.name), value, span, value_span))
    return ModulesLoad(tuple(found))


def _pair(document: Document[object], line: Line[object], key: modprobe.Word, value: modprobe.Word) -> Setting:
    span = Span(key.span.start, value.span.end)
    return placed(Origin(document, line), module_name(key.text), value.text, span, value.span)


def _expanded(node: assignments.Assignment, environment: Mapping[str, str]) -> str:
    """The value with variables put in, cut where doubling it line by line would eat the memory."""
    value = ""
    for piece in node.pieces:
        if len(value) > _LONGEST_VALUE:
            break
        value += environment.get(piece.text, "") if piece.kind is assignments.PieceKind.VARIABLE else piece.text
    return value[:_LONGEST_VALUE]
