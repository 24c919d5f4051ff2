"""What a host's files become: rulesets and everything beside them that has to fit. Writes nothing, prints nothing.

A ruleset that is not proven to treat the packets of the services as before is refused like one that cannot be right.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ruleset_lint.model.host import Host
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.tracking import tracks
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.services import ADMINISTRATION, Service
from ruleset_lint.rewrite.family_plan import FamilyPlan, family_plan, proven, refusals, ruleset_file, warnings
from ruleset_lint.rewrite.loading_check import not_loadable
from ruleset_lint.rewrite.module_files import core_module, modprobe_changes, modules_load_additions
from ruleset_lint.rewrite.new_file import NewFile, PathError, changed_files, relative_path
from ruleset_lint.rewrite.notrack import Request
from ruleset_lint.rewrite.proof import SECONDS
from ruleset_lint.rewrite.reasons import Reason
from ruleset_lint.rewrite.service_config_file import is_whole, service_files
from ruleset_lint.rewrite.sizing import SizeError
from ruleset_lint.rewrite.sysctl_file import KeyValue, sysctl_changes
from ruleset_lint.rewrite.table_plan import TablePlan, table_plan

__all__ = ["FamilyPlan", "NewFile", "PathError", "Plan", "SizeError", "Wishes", "plan"]

Goal = Literal["notrack"]

_LEAVE = TablePlan(None, None, ())


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is asked for: the services that leave connection tracking, and what is known of the machine's load."""

    services: tuple[Service, ...]
    goal: Goal = "notrack"
    administration: Service = ADMINISTRATION
    even_administration: bool = False
    ram: int | None = None
    connections: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """All files that change, and why; with refusals there are none.

    `profile` is the newest of the releases that the host may be: paths are its. `keys` and `table` are what the running
    kernel is to be told, `module` the one that has the table.
    """

    wishes: Wishes
    profile: Profile
    profiles: tuple[Profile, ...]
    profile_reason: str
    files: tuple[NewFile, ...] = ()
    families: tuple[FamilyPlan, ...] = ()
    refusals: tuple[Reason, ...] = ()
    warnings: tuple[Reason, ...] = ()
    notes: tuple[str, ...] = ()
    table: TablePlan = _LEAVE
    keys: tuple[KeyValue, ...] = ()
    module: str = "nf_conntrack"


def plan(host: Host, wishes: Wishes) -> Plan:
    """What the host's files become. Raises SizeError for RAM or connections that are no size, PathError."""
    profiles = _profiles(host)
    profile = profiles[-1]
    basis = Plan(wishes, profile, profiles, host.profile_reason, module=core_module(profile))
    rulesets = [(family, ruleset) for family, ruleset in ((4, host.v4), (6, host.v6)) if ruleset]
    notes = tuple(_notes(host, profiles))
    judged = [ruleset for family, ruleset in rulesets if family == 4 or profile.v6_tracking]
    refused = tuple(not_loadable(host, judged)) or tuple(_nothing_to_do(judged, wishes))
    if refused:
        return _refused(basis, refused)
    request = Request(
        wishes.services, administration=wishes.administration, even_administration=wishes.even_administration
    )
    families = tuple(
        family_plan(host, ruleset, request, profile.paths.rules[ruleset.family == 6])
        for ruleset in judged
        if _is_tracked(ruleset)
    )
    refused = tuple(refusals(families, wishes.services))
    if not refused:
        deadline = time.monotonic() + SECONDS
        families = tuple(proven(family, request, deadline=deadline) for family in families)
        refused = tuple(refusals(families, wishes.services))
    if refused:
        return _refused(basis, refused)
    return _with_files(basis, host, families, notes)


def _refused(basis: Plan, reasons: Iterable[Reason]) -> Plan:
    return replace(basis, refusals=tuple(dict.fromkeys(reasons)))


def _profiles(host: Host) -> tuple[Profile, ...]:
    """Of the releases that are possible those that keep their rules where the host has them, the newest last."""
    paths = {relative_path(document, host.root) for document in host.documents}
    fitting = tuple(profile for profile in host.profiles if paths & set(profile.paths.rules))
    return fitting or host.profiles


def _is_tracked(ruleset: Ruleset) -> bool:
    """Whether a rule of the family turns tracking on: without one there is nothing to leave."""
    return any(map(tracks, ruleset.by_shape))


def _nothing_to_do(rulesets: Sequence[Ruleset], wishes: Wishes) -> Iterator[Reason]:
    if not rulesets:
        yield Reason("L", "there is no ruleset to rewrite")
    elif not wishes.services:
        yield Reason("L", "no service is named: say which ones leave connection tracking")
    elif not any(map(_is_tracked, rulesets)):
        yield Reason("L", "no rule turns connection tracking on: nothing is tracked that could leave it")


def _notes(host: Host, profiles: Sequence[Profile]) -> Iterator[str]:
    profile = profiles[-1]
    if len({known.paths.rules for known in profiles}) > 1:
        yield f"the release is not known, so the files are for {profile.title}: name the right one with --profile"
    if host.v6 and not profile.v6_tracking:
        yield f"ip6tables rules stay as they are: {profile.title} does not track IPv6"
    elif host.v6 and not _is_tracked(host.v6):
        yield "ip6tables rules stay as they are: none of them turns connection tracking on"
    if host.v4 and not _is_tracked(host.v4):
        yield "iptables rules stay as they are: none of them turns connection tracking on"
    yield from (
        f"no {name} ruleset is given" for name, found in (("iptables", host.v4), ("ip6tables", host.v6)) if not found
    )
    for service in host.services or ():
        if not is_whole(service):
            yield f"{relative_path(service.document, host.root)} is left alone: the shell does not read it to its end"
        for name in ("SAVE_ON_STOP", "SAVE_ON_RESTART"):
            if service.is_yes(name):
                yield f"{service.variable(name)} is yes, and writes loaded rules over the file: load the new ones first"
    for ruleset in host.rulesets:
        if ruleset not in (host.v4, host.v6):
            yield f"{relative_path(ruleset.document, host.root)} is left alone: another file is loaded at boot"


def _with_files(basis: Plan, host: Host, families: tuple[FamilyPlan, ...], notes: tuple[str, ...]) -> Plan:
    wishes, profile = basis.wishes, basis.profile
    table = table_plan(host, profile, ram=wishes.ram, connections=wishes.connections)
    settings, keys = _settings(host, basis, families, table)
    rules = tuple(ruleset_file(family) for family in families if family.changed)
    known = tuple(dict.fromkeys((*warnings(families), *(Reason("W", warning) for warning in table.warnings))))
    files = tuple(sorted((*rules, *settings), key=lambda file: file.path))
    return replace(basis, files=files, families=families, warnings=known, notes=notes, table=table, keys=keys)


def _settings(
    host: Host, basis: Plan, families: Sequence[FamilyPlan], table: TablePlan
) -> tuple[tuple[NewFile, ...], tuple[KeyValue, ...]]:
    """The files of settings that change, and the keys that are set once they have."""
    sysctl = sysctl_changes(host, basis.profiles, table)
    modprobe = modprobe_changes(host, basis.profiles, table)
    modules = modules_load_additions(host, basis.profiles, sysctl.keys)
    documents = {relative_path(document, host.root): document for document in host.documents}
    changes = (*sysctl.changes, *modprobe.changes)
    additions = (*sysctl.additions, *modprobe.additions, *modules)
    files = changed_files(documents, changes, additions, host.root)
    numbers = [family.family for family in families]
    return (*files, *service_files(host, basis.profiles, sysctl.keys, numbers)), sysctl.keys
