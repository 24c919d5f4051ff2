"""What sysctls, iptables-config, modprobe.d and modules-load.d say in the end: precedence. Judges none of them."""

from __future__ import annotations

import bisect
import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from ruleset_lint.model.origin import AnyNode, Origin, Setting, drop_in_order, lines, placed
from ruleset_lint.syntax import assignments, modprobe, modules, sysctl
from ruleset_lint.syntax.document import Document, Line, Unparsed
from ruleset_lint.syntax.sysctl import normal_key
from ruleset_lint.text import Span

__all__ = [
    "SERVICE_DEFAULTS",
    "ModuleOptions",
    "ModulesLoad",
    "Origin",
    "ServiceConfig",
    "Setting",
    "SysctlReader",
    "Sysctls",
    "drop_in_order",
    "module_name",
    "module_options",
    "modules_load",
    "service_config",
    "sysctl_order",
    "sysctls",
    "variable",
]

# Two names for one variable of the kernel (net/netfilter/nf_conntrack_standalone.c; EL5: ip_conntrack_standalone.c).
SAME_VARIABLE = {
    "net.nf_conntrack_max": "net.netfilter.nf_conntrack_max",
    "net.ipv4.ip_conntrack_max": "net.ipv4.netfilter.ip_conntrack_max",
}

# What the init script assumes when iptables-config says nothing (iptables.init of iptables 1.4.7 to 1.8.4).
SERVICE_DEFAULTS = {
    "MODULES": "",
    "MODULES_UNLOAD": "yes",
    "SAVE_ON_STOP": "no",
    "SAVE_ON_RESTART": "no",
    "SAVE_COUNTER": "no",
    "STATUS_NUMERIC": "yes",
    "STATUS_VERBOSE": "no",
    "STATUS_LINENUMBERS": "yes",
    "SYSCTL_LOAD_LIST": "",
    "RESTORE_WAIT": "600",
    "RESTORE_WAIT_INTERVAL": "1000000",
}

_PREFIXES = {4: "IPTABLES", 6: "IP6TABLES"}
_LINK = "99-sysctl.conf"
_LONGEST_VALUE = 16384
_MOST_PARTS = 64
_WORD = re.compile(r"[^ \t\n]+")


class SysctlReader(Enum):
    """Who applies sysctls at boot, and when it reads /etc/sysctl.conf."""

    SYSTEMD = "systemd, which does not read sysctl.conf"
    SYSTEMD_LINKED = "systemd, with sysctl.conf linked as sysctl.d/99-sysctl.conf"
    PROCPS = "sysctl --system: sysctl.conf last"
    CONF = "sysctl -p: sysctl.conf only"


@dataclass(frozen=True, slots=True, eq=False)
class Sysctls:
    """All settings in the order in which they are applied; keys are dotted (`sysctl.normal_key`)."""

    all: tuple[Setting, ...]
    excluded: frozenset[str] = frozenset()

    def settings(self, key: str) -> tuple[Setting, ...]:
        """The settings that name the variable behind a key by any of its names, patterns left out."""
        return tuple(setting for setting in self.all if variable(setting.key) == variable(key))

    def effective(self, key: str) -> Setting | None:
        """The setting that counts: the last that names the variable, else the last pattern that covers the key."""
        named = self.settings(key)
        if named or normal_key(key) in self.excluded:
            return named[-1] if named else None
        return next((setting for setting in reversed(self.all) if _covers(setting.key, normal_key(key))), None)


@dataclass(frozen=True, slots=True, eq=False)
class ServiceConfig:
    """iptables-config or ip6tables-config after the init script has sourced it. Names go without `IPTABLES_`."""

    document: Document[assignments.Node]
    family: int
    variables: Mapping[str, tuple[Setting, ...]]  # by full name; more than one where `+=` appends

    def variable(self, name: str) -> str:
        """The name as the file has it: `MODULES` is `IPTABLES_MODULES` or `IP6TABLES_MODULES`."""
        return f"{_PREFIXES[self.family]}_{name}"

    def setting(self, name: str) -> Setting | None:
        """The assignment that counts, the last one."""
        return self.variables.get(self.variable(name), (None,))[-1]

    def value(self, name: str) -> str:
        """The value, or what the init script assumes without one; code in it (`$(…)`) is left as written."""
        parts = self.variables.get(self.variable(name))
        return SERVICE_DEFAULTS.get(name, "") if parts is None else "".join(part.value or "" for part in parts)

    def is_yes(self, name: str) -> bool:
        """Whether the init script takes the value for yes, which is spelled exactly so."""
        return self.value(name) == "yes"

    def words(self, name: str) -> tuple[Setting, ...]:
        """The words of the value, each with its place; the default has none."""
        return tuple(word for part in self.variables.get(self.variable(name), ()) for word in _words(part))


@dataclass(frozen=True, slots=True, eq=False)
class ModuleOptions:
    """What modprobe.d says; names of modules have `_` for `-`.

    `all`: each option with the module it is for. Keys and values of the others are pattern and module (`aliases`),
    module and None (`blacklist`), module or pattern and command (`installs`).
    """

    all: tuple[tuple[str, Setting], ...]
    aliases: tuple[Setting, ...]
    blacklist: tuple[Setting, ...]
    installs: tuple[Setting, ...]

    def options(self, module: str) -> tuple[Setting, ...]:
        """The options that a module gets when it is loaded by this name, in order."""
        return tuple(option for name, option in self.all if name == module_name(module))

    def option(self, module: str, name: str) -> Setting | None:
        """The option that counts: the kernel takes them one after the other."""
        found = [option for option in self.options(module) if module_name(option.key) == module_name(name)]
        return found[-1] if found else None

    def blacklisted(self, module: str) -> Setting | None:
        """The line that keeps the module's own aliases from loading it."""
        return next((line for line in self.blacklist if line.key == module_name(module)), None)

    def install(self, module: str) -> Setting | None:
        """The command that runs instead of loading the module: modprobe takes the first that matches."""
        return next((line for line in self.installs if fnmatch.fnmatchcase(module_name(module), line.key)), None)


@dataclass(frozen=True, slots=True, eq=False)
class ModulesLoad:
    """Modules loaded at boot, in order: key and, as value, the parameters behind it or None."""

    modules: tuple[Setting, ...]

    def loads(self, module: str) -> Setting | None:
        """The line that loads a module. systemd takes a line with parameters for one long name, so it loads none."""
        found = (line for line in self.modules if line.key == module_name(module) and line.value is None)
        return next(found, None)


def variable(key: str) -> str:
    """One name for each variable of the kernel, whatever the spelling of the key."""
    name = normal_key(key)
    return SAME_VARIABLE.get(name, name)


def module_name(name: str) -> str:
    """The name of a module or option with `_` for `-`, which are the same to modprobe and to the kernel."""
    return name.replace("-", "_")


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


def _covers(pattern: str, key: str) -> bool:
    """Whether a key with `*`, `?` or `[` is a pattern for another: separators are matched by themselves only."""
    parts, names = pattern.split("."), key.split(".")
    return len(parts) == len(names) and all(map(fnmatch.fnmatchcase, names, parts))


def _expanded(node: assignments.Assignment, environment: Mapping[str, str]) -> str:
    """The value with variables put in, cut where doubling it line by line would eat the memory."""
    value = ""
    for piece in node.pieces:
        if len(value) > _LONGEST_VALUE:
            break
        value += environment.get(piece.text, "") if piece.kind is assignments.PieceKind.VARIABLE else piece.text
    return value[:_LONGEST_VALUE]


def _words(setting: Setting) -> Iterator[Setting]:
    """The words of a value as the shell splits it; one that is not in the file as it is has the place of the value."""
    place, end = setting.value_span
    for word in _WORD.findall(setting.value or ""):
        start = setting.document.text.find(word, place, end)
        span = Span(start, start + len(word)) if start != -1 else setting.value_span
        place = span.end if start != -1 else place
        yield Setting(setting.key, word, setting.document, setting.line, span, span)
