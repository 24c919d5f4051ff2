"""What sysctls, iptables-config, modprobe.d and modules-load.d say in the end. Judges none of them, reads none."""

import fnmatch
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import NamedTuple

from ruleset_lint.model.origin import Origin, Setting
from ruleset_lint.syntax.document import Document
from ruleset_lint.syntax.statements import Node
from ruleset_lint.syntax.sysctl_keys import normal_key
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
    "module_name",
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
_WORD = re.compile(r"[^ \t\n]+")


class SysctlReader(Enum):
    """Who applies sysctls at boot, and when it reads /etc/sysctl.conf."""

    SYSTEMD = "systemd, which does not read sysctl.conf"
    SYSTEMD_LINKED = "systemd, with sysctl.conf linked as sysctl.d/99-sysctl.conf"
    PROCPS = "sysctl --system: sysctl.conf last"
    CONF = "sysctl -p: sysctl.conf only"


class Sysctls(NamedTuple):
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


class ServiceConfig(NamedTuple):
    """iptables-config or ip6tables-config after the init script has sourced it. Names go without `IPTABLES_`."""

    document: Document[Node]
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


class ModuleOptions(NamedTuple):
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


class ModulesLoad(NamedTuple):
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


def _covers(pattern: str, key: str) -> bool:
    """Whether a key with `*`, `?` or `[` is a pattern for another: separators are matched by themselves only."""
    parts, names = pattern.split("."), key.split(".")
    return len(parts) == len(names) and all(map(fnmatch.fnmatchcase, names, parts))


def _words(setting: Setting) -> Iterator[Setting]:
    """The words of a value as the shell splits it; one that is not in the file as it is has the place of the value."""
    place, end = setting.value_span
    for word in _WORD.findall(setting.value or ""):
        start = setting.document.text.find(word, place, end)
        span = Span(start, start + len(word)) if start != -1 else setting.value_span
        place = span.end if start != -1 else place
        yield Setting(setting.key, word, setting.document, setting.line, span, span)
