"""What the rules about modules have in common."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import NamedTuple

from ruleset_lint.lint import Edit, Judgement, Place, Span, judge
from ruleset_lint.model.host import Host
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.settings import Setting, module_name
from ruleset_lint.model.tracking import tracks, untracks
from ruleset_lint.netfilter.profiles import Profile


class Named(NamedTuple):
    """A module that a file names to be loaded; `variable` is that of iptables-config, empty in a list of modules."""

    name: str
    setting: Setting
    variable: str

    def place(self, note: str = "") -> Place:
        """Where the name stands."""
        return Place(self.setting.document, self.setting.span, note)


def named_modules(host: Host) -> Iterator[Named]:
    """The modules that iptables-config, ip6tables-config, modules-load.d and /etc/modules name."""
    for service in host.services or ():
        for word in service.words("MODULES"):
            yield Named((word.value or "").rstrip("\r"), word, word.key)
    for setting in host.modules_load.modules if host.modules_load else ():
        yield Named(setting.key, setting, "")


class Judged(NamedTuple):
    """A module that is named, and on which profiles something holds of it."""

    named: Named
    judgement: Judgement


def judged_modules(host: Host, profiles: Sequence[Profile], test: Callable[[str, Profile], bool]) -> Iterator[Judged]:
    """The modules that are named and of which something holds on some profile that reads the file.

    Names that modprobe.d gives a meaning of its own are left out.
    """
    known: dict[tuple[str, str], Judgement | None] = {}
    for named in named_modules(host):
        key = (named.name, _kind(named))
        if key not in known:
            judgement = judge([one for one in profiles if _reads(key[1], one)], partial(test, named.name))
            known[key] = judgement if judgement and not _is_redirected(named.name, host) else None
        found = known[key]
        if found:
            yield Judged(named, found)


def by_document(judged: Iterable[Judged]) -> Iterator[tuple[Judged, ...]]:
    """The same, those of one file together."""
    return (tuple(group) for _, group in groupby(judged, key=lambda one: id(one.named.setting.document)))


def _kind(named: Named) -> str:
    """The kind of file: "service", "modules" for /etc/modules, "modules-load.d"."""
    if named.variable:
        return "service"
    return "modules" if named.setting.document.path.rpartition("/")[2] == "modules" else "modules-load.d"


def _reads(kind: str, profile: Profile) -> bool:
    paths = profile.paths
    files = {"service": paths.service_config, "modules": paths.modules_file}
    return files.get(kind, paths.modules_load_directory) is not None


def _is_redirected(name: str, host: Host) -> bool:
    """Whether modprobe.d gives the name a meaning of its own: an alias, or a command to run instead."""
    modprobe = host.modprobe
    if modprobe is None:
        return False
    return modprobe.install(name) is not None or any(module_name(name) == alias.key for alias in modprobe.aliases)


def options_module(profile: Profile) -> str:
    """The module whose options set the size of the table."""
    return "ip_conntrack" if profile.names == "ip_conntrack" else "nf_conntrack"


def removal(named: Named) -> Edit:
    """The edit that takes the name out: its line, or its word and the blank behind or before it."""
    setting = named.setting
    if not named.variable:
        return Edit(setting.line.span, "")
    start, end = setting.span
    text = setting.document.text
    if text[end : end + 1] in (" ", "\t"):
        end += 1
    elif text[start - 1 : start] in (" ", "\t"):
        start -= 1
    return Edit(Span(start, end), "")


def needs_tracking(ruleset: Ruleset, profiles: Iterable[Profile]) -> bool:
    """Whether a ruleset brings connection tracking along: by a rule, by NOTRACK on EL5, by its nat table up to EL7."""
    if any(map(tracks, ruleset.by_shape)):
        return True
    when_loaded = [profile for profile in profiles if profile.hooks == "when-loaded"]
    if when_loaded and "nat" in ruleset.tables:
        return True
    on_el5 = any(profile.names == "ip_conntrack" for profile in when_loaded)
    return on_el5 and any(map(untracks, ruleset.by_shape))


def has_opaque(ruleset: Ruleset) -> bool:
    """Whether a rule has a match or a target that is not known, which may need connection tracking."""
    return any(part.entry is None for shape in ruleset.by_shape for part in shape.parts)
