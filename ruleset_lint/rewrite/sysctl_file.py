"""The conntrack keys of sysctl.conf and sysctl.d as a release needs them. Knows not how large a table should be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ruleset_lint.model.host import Host
from ruleset_lint.model.settings import Setting
from ruleset_lint.netfilter.releases import Profile
from ruleset_lint.netfilter.sysctls import VARIABLES, Variable, key_of, number, read_only
from ruleset_lint.rewrite.new_file import Addition, Change, relative_path, whole_line
from ruleset_lint.rewrite.sizes.table_plan import TablePlan, is_dead, keeper_of, settings_of
from ruleset_lint.syntax.sysctl import Assignment
from ruleset_lint.text import Edit, Span


class KeyValue(NamedTuple):
    """A key that the release has, and the number it gets."""

    key: str
    value: int
    variable: str


class SysctlChanges(NamedTuple):
    """Edits, lines to add, and all conntrack keys that are set once they are made."""

    changes: tuple[Change, ...]
    additions: tuple[Addition, ...]
    keys: tuple[KeyValue, ...]


def sysctl_changes(host: Host, profiles: Sequence[Profile], table: TablePlan) -> SysctlChanges:
    """What to change so that each variable is set by a key that the releases have; the last of them says where."""
    wanted = _wanted(host, table)
    changes: list[Change] = []
    additions: list[Addition] = []
    keys: list[KeyValue] = []
    for variable in VARIABLES:
        key = key_of(variable, profiles[-1])
        settings = [setting for setting in settings_of(host, variable.name) if _is_editable(setting, host)]
        if key is None:
            continue
        value = wanted.get(variable.name)
        if all(read_only(key, profile) for profile in profiles):
            changes += _removed(settings, f"{key} cannot be written on {profiles[-1].title}")
            continue
        keeper = keeper_of(settings, profiles)
        others = [setting for setting in settings if setting is not keeper and is_dead(setting, profiles)]
        changes += _removed(others, f"no kernel of {profiles[-1].title} has this name, and {key} is set")
        if keeper is not None:
            changes += _edited(keeper, key, value, profiles)
        elif value is not None:
            additions.append(Addition(profiles[-1].paths.sysctl_file, f"{key} = {value}", _why(variable, value)))
        final = value if value is not None else _value(keeper)
        keys += [KeyValue(key, final, variable.name)] if final is not None else []
    return SysctlChanges(tuple(changes), tuple(additions), tuple(keys))


def _wanted(host: Host, table: TablePlan) -> Mapping[str, int]:
    wanted = {"max": table.size.maximum} if table.size else {}
    if table.established is not None:
        wanted["tcp_timeout_established"] = table.established
    if table.size and settings_of(host, "buckets"):
        wanted["buckets"] = table.size.buckets
    return wanted


def _why(variable: Variable, value: int) -> str:
    if variable.name == "max":
        return (
            f"the table takes {value} entries, said explicitly because hashsize alone would make it 8 for each bucket"
        )
    return f"established connections that are silent for {value} seconds are forgotten, {variable.name} says so"


def _is_editable(setting: Setting, host: Host) -> bool:
    """Whether the file is one of the administrator's."""
    return not host.root or relative_path(setting.document, host.root).startswith("etc/")


def _removed(settings: Sequence[Setting], reason: str) -> Iterator[Change]:
    for setting in settings:
        yield Change(setting.document, Edit(whole_line(setting.document, setting.span), ""), reason)


def _edited(setting: Setting, key: str, value: int | None, profiles: Sequence[Profile]) -> Iterator[Change]:
    node = setting.line.node
    reason = _why_key(setting, key, profiles)
    if reason and isinstance(node, Assignment):
        start = setting.line.span.start
        span = Span(start + node.key_span.start, start + node.key_span.end)
        yield Change(setting.document, Edit(span, key), reason)
    if value is not None and _value(setting) != value:
        said = f"{key} was {' '.join((setting.value or '').split())[:40]}, is {value}"
        yield Change(setting.document, Edit(setting.value_span, str(value)), said)


def _why_key(setting: Setting, key: str, profiles: Sequence[Profile]) -> str:
    """Why a key is written anew, empty if it stays."""
    if is_dead(setting, profiles):
        return f"{setting.key} is {key} on {profiles[-1].title}"
    node = setting.line.node
    slashed = isinstance(node, Assignment) and "/" in node.key
    if slashed and any(profile.unloads_modules_on_stop for profile in profiles):
        return f"the service looks for .nf_conntrack in the lines that it applies again, {key} has it"
    return ""


def _value(setting: Setting | None) -> int | None:
    return number(setting.value or "") if setting else None
