"""iptables-config and ip6tables-config: what was meant and is not set, and what the service has to restore."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ruleset_lint.model.host import Host
from ruleset_lint.model.precedence import service_config
from ruleset_lint.model.settings import ServiceConfig
from ruleset_lint.model.slips import Mistake, slips
from ruleset_lint.netfilter.modules import current_name, gone
from ruleset_lint.netfilter.releases import Profile
from ruleset_lint.netfilter.service_config import variable
from ruleset_lint.rewrite.new_file import Addition, Change, NewFile, changed_file, relative_path
from ruleset_lint.rewrite.sysctl_file import KeyValue
from ruleset_lint.syntax import assignments
from ruleset_lint.syntax.document import Unparsed
from ruleset_lint.text import Edit

_TYPOGRAPHIC = (Mistake.QUOTES_IN_VALUE, Mistake.QUOTES_SPLIT)


def service_files(
    host: Host, profiles: Sequence[Profile], keys: Sequence[KeyValue], families: Sequence[int]
) -> tuple[NewFile, ...]:
    """The configuration files of the firewall service that have to change; `families` are those with a ruleset."""
    paths = profiles[-1].paths.service_config
    if paths is None:
        return ()
    given = {service.family: service for service in host.services or ()}
    found: list[NewFile] = []
    for family, path in zip((4, 6), paths, strict=True):
        service = given.get(family)
        if service and not is_whole(service):
            continue
        place = relative_path(service.document, host.root) if service and host.root else path
        before = service.document.text if service else None
        needed = keys if family in families else ()
        found += _file(service or service_config(assignments.parse(place, ""), family), place, before, profiles, needed)
    return tuple(found)


def is_whole(service: ServiceConfig) -> bool:
    """Whether the shell reads the file to its end; what would be added behind a syntax error is never read."""
    return not any(isinstance(line.node, Unparsed) for line in service.document.lines)


def _file(
    service: ServiceConfig, place: str, before: str | None, profiles: Sequence[Profile], keys: Sequence[KeyValue]
) -> Iterator[NewFile]:
    """One file, in two steps: what was meant first, so that the second reads it as it will be."""
    mended = changed_file(place, service.document, _mended(service))
    current = service_config(assignments.parse(place, mended.after), service.family)
    changes = _module_changes(current, profiles)
    additions: tuple[Addition, ...] = ()
    missing = _missing_patterns(current, profiles, keys)
    if missing:
        more_changes, additions = _load_list(current, missing, place)
        changes += more_changes
    made = changed_file(place, current.document if before is not None else None, changes, additions)
    if made.after != before and (before is not None or additions):
        yield NewFile(place, before, made.after, (*mended.reasons, *made.reasons))


def _mended(service: ServiceConfig) -> list[Change]:
    """Quotes that the shell knows, where typographic ones stand."""
    reason = "was not set: typographic quotes are letters to the shell"
    return [
        Change(service.document, Edit(slip.span, slip.meant), f"{slip.name} {reason}")
        for slip in slips(service)
        if slip.mistake in _TYPOGRAPHIC and slip.meant is not None and variable(slip.name) is not None
    ]


def _module_changes(service: ServiceConfig, profiles: Sequence[Profile]) -> list[Change]:
    """Modules that the release no longer has, by the names of those that do their work."""
    changes = []
    for word in service.words("MODULES"):
        name = word.value or ""
        new = current_name(name, profiles[-1])
        if all(gone(name, profile) for profile in profiles) and new and word.span.end - word.span.start == len(name):
            changes.append(Change(service.document, Edit(word.span, new), f"{name} is {new} on {profiles[-1].title}"))
    return changes


def _missing_patterns(service: ServiceConfig, profiles: Sequence[Profile], keys: Sequence[KeyValue]) -> list[str]:
    """Texts that the load list needs for the service to set the keys again after it has unloaded the modules."""
    if not any(profile.unloads_modules_on_stop for profile in profiles):
        return []
    items = [word.value or "" for word in service.words("SYSCTL_LOAD_LIST")]
    unmatched = [key.key for key in keys if not any(item in key.key for item in items)]
    patterns = (f".{key.partition('conntrack')[0].rpartition('.')[2]}conntrack" for key in unmatched)
    return list(dict.fromkeys(patterns))


def _load_list(service: ServiceConfig, missing: Sequence[str], place: str) -> tuple[list[Change], tuple[Addition, ...]]:
    name = service.variable("SYSCTL_LOAD_LIST")
    reason = (
        "the service unloads the modules when it stops, and with them the sizes and time-outs; this sets them again"
    )
    setting = service.setting("SYSCTL_LOAD_LIST")
    if setting is None or len(service.variables[name]) > 1 or set(setting.value or "") & set('$`"\\'):
        kept = f"${name} " if setting is not None else ""
        return [], (Addition(place, f'{name}="{kept}{" ".join(missing)}"', reason),)
    value = " ".join((*(setting.value or "").split(), *missing))
    return [Change(service.document, Edit(setting.value_span, f'"{value}"'), reason)], ()
