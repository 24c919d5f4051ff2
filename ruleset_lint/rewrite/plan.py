"""What a host's files become: rulesets and everything beside them that has to fit. Writes nothing, prints nothing.

A ruleset that is not proven to treat the packets of the services as before is refused like one that cannot be right.
One without connection tracking cannot do the same as before: it is refused unless what it exposes is accepted.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ruleset_lint.model.host import Host
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.services import ADMINISTRATION, Service
from ruleset_lint.netfilter.sysctls import VARIABLES, key_of
from ruleset_lint.packets.endpoints import Endpoint
from ruleset_lint.rewrite.exposed_plan import ExposedFamily, exposed_families, objections
from ruleset_lint.rewrite.family_plan import FamilyPlan, family_plan, proven, refusals, ruleset_file, warnings
from ruleset_lint.rewrite.goals import Goal, choose, is_tracked
from ruleset_lint.rewrite.loading_check import not_loadable
from ruleset_lint.rewrite.module_files import modprobe_changes
from ruleset_lint.rewrite.new_file import NewFile, PathError, changed_files, relative_path
from ruleset_lint.rewrite.notes import notes
from ruleset_lint.rewrite.notrack import Request
from ruleset_lint.rewrite.proof import SECONDS
from ruleset_lint.rewrite.reasons import Reason
from ruleset_lint.rewrite.service_config_file import service_files
from ruleset_lint.rewrite.sizes.advice import SizeError
from ruleset_lint.rewrite.sizes.carriers import core_module
from ruleset_lint.rewrite.sizes.demand import Load, Rate
from ruleset_lint.rewrite.sizes.early_keys import early_keys
from ruleset_lint.rewrite.sizes.observed import Observed, observed
from ruleset_lint.rewrite.sizes.table_plan import TablePlan, table_plan
from ruleset_lint.rewrite.sysctl_file import KeyValue, sysctl_changes

__all__ = ["FamilyPlan", "Goal", "NewFile", "PathError", "Plan", "SizeError", "Wishes", "plan"]

_LEAVE = TablePlan(None, None, ())
_NO_TABLE = TablePlan(None, None, ("nothing is tracked any more, so there is no table to fit: sizes stay as they are",))


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is asked for: a goal, the services that leave connection tracking, and what is known of the machine's load.

    `goal` None: what fits the host. `rates` are flows that begin in a second and are open for `lasting` seconds;
    `established` is the time-out of established connections, None: what is set, if it is not the kernel's default.
    """

    services: tuple[Endpoint, ...] = ()
    goal: Goal | None = None
    administration: Service = ADMINISTRATION
    even_administration: bool = False
    ram: int | None = None
    connections: int | None = None
    rates: tuple[Rate, ...] = ()
    lasting: int = 1
    established: int | None = None
    accept_exposure: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """All files that change, and why; with refusals there are none.

    `profile` is the newest of the releases that the host may be: paths are its. `keys` and `table` are what the running
    kernel is to be told, `module` the one that has the table. `exposed` is what a stateless ruleset lets in and keeps
    out; it is there if that is why the plan is refused, too.
    """

    wishes: Wishes
    profile: Profile
    profiles: tuple[Profile, ...]
    profile_reason: str
    goal: Goal
    goal_reason: str
    files: tuple[NewFile, ...] = ()
    families: tuple[FamilyPlan, ...] = ()
    exposed: tuple[ExposedFamily, ...] = ()
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
    rulesets = [(family, ruleset) for family, ruleset in ((4, host.v4), (6, host.v6)) if ruleset]
    judged = [ruleset for family, ruleset in rulesets if family == 4 or profile.v6_tracking]
    chosen = choose(host, judged, wishes.services, wishes.goal, wishes.administration)
    basis = Plan(
        wishes,
        profile,
        profiles,
        host.profile_reason,
        chosen.goal,
        chosen.reason,
        notes=tuple(notes(host, profiles, chosen.goal)),
        module=core_module(profile),
    )
    if chosen.goal == "tune":
        return _tuned(basis, host, judged, leave_size=wishes.goal is None and not chosen.rules)
    refused = tuple(not_loadable(host, judged)) or tuple(_nothing_to_do(judged, basis))
    if refused:
        return _refused(basis, refused)
    tracked = [ruleset for ruleset in judged if is_tracked(ruleset)]
    return (_stateless if chosen.goal == "stateless" else _untracked)(basis, host, tracked)


def _refused(basis: Plan, reasons: Iterable[Reason]) -> Plan:
    return replace(basis, refusals=tuple(dict.fromkeys(reasons)))


def _profiles(host: Host) -> tuple[Profile, ...]:
    """Of the releases that are possible those that keep their rules where the host has them, the newest last."""
    paths = {relative_path(document, host.root) for document in host.documents}
    fitting = tuple(profile for profile in host.profiles if paths & set(profile.paths.rules))
    return fitting or host.profiles


def _nothing_to_do(rulesets: Sequence[Ruleset], basis: Plan) -> Iterator[Reason]:
    if not rulesets:
        yield Reason("L", "there is no ruleset to rewrite")
    elif basis.goal == "stateless":
        return
    elif not basis.wishes.services:
        yield Reason("L", "no service is named: say which ones leave connection tracking")
    elif not any(map(is_tracked, rulesets)):
        yield Reason("L", "no rule turns connection tracking on: nothing is tracked that could leave it")


def _usual_path(ruleset: Ruleset, profile: Profile) -> str:
    return profile.paths.rules[ruleset.family == 6]


def _untracked(basis: Plan, host: Host, rulesets: Sequence[Ruleset]) -> Plan:
    """The services leave connection tracking, and that is proven."""
    wishes = basis.wishes
    request = Request(
        wishes.services, administration=wishes.administration, even_administration=wishes.even_administration
    )
    families = tuple(family_plan(host, ruleset, request, _usual_path(ruleset, basis.profile)) for ruleset in rulesets)
    refused = tuple(refusals(families, wishes.services))
    if not refused:
        deadline = time.monotonic() + SECONDS
        families = tuple(proven(family, request, deadline=deadline) for family in families)
        refused = tuple(refusals(families, wishes.services))
    if refused:
        return _refused(basis, refused)
    rules = tuple(ruleset_file(family) for family in families if family.changed)
    basis = replace(basis, families=families, warnings=tuple(dict.fromkeys(warnings(families))))
    return _with_settings(basis, host, rules, _table(basis, host), rulesets)


def _stateless(basis: Plan, host: Host, rulesets: Sequence[Ruleset]) -> Plan:
    """Nothing is tracked; the table that nothing fills is left as it is."""
    deadline = time.monotonic() + SECONDS
    exposed = tuple(
        exposed_families(host, rulesets, [_usual_path(ruleset, basis.profile) for ruleset in rulesets], deadline)
    )
    refused = tuple(objections(exposed, accepted=basis.wishes.accept_exposure))
    families = tuple(family.plan for family in exposed)
    known = tuple(dict.fromkeys(warning for family in exposed for warning in family.warnings))
    basis = replace(basis, exposed=exposed, warnings=known, table=_NO_TABLE)
    if refused:
        return _refused(basis, refused)
    files = tuple(family.file for family in exposed if family.plan.changed)
    return replace(basis, files=files, families=families)


def _tuned(basis: Plan, host: Host, rulesets: Sequence[Ruleset], *, leave_size: bool) -> Plan:
    """Rules stay; with `leave_size` only what is set already is brought in order."""
    table = table_plan(host, basis.profile) if leave_size else _table(basis, host)
    return _with_settings(basis, host, (), table, [ruleset for ruleset in rulesets if is_tracked(ruleset)])


def _table(basis: Plan, host: Host) -> TablePlan:
    """The table for the load; what the machine says of itself counts where the goal is to fit it."""
    wishes = basis.wishes
    ram = wishes.ram
    load = Load(wishes.connections, wishes.rates, wishes.lasting)
    if basis.goal == "tune":
        ram = host.running.memory if ram is None and host.running else ram
        load = load._replace(observed=_observed(host), counted=_counted(host, basis.profile))
    return table_plan(host, basis.profile, ram=ram, load=load, established=wishes.established)


def _observed(host: Host) -> Observed | None:
    return observed(host.conntrack) if host.conntrack and host.conntrack.size else None


def _counted(host: Host, profile: Profile) -> int | None:
    """Entries in the table of the running kernel, as it says itself: a dump may be older, or the beginning of one."""
    key = next((key_of(variable, profile) for variable in VARIABLES if variable.name == "count"), None)
    return host.running.value(key) if host.running and key else None


def _with_settings(
    basis: Plan, host: Host, rules: tuple[NewFile, ...], table: TablePlan, tracked: Sequence[Ruleset]
) -> Plan:
    """The plan with its files: rules and the settings that go with them; `tracked` rulesets turn tracking on."""
    sysctl = sysctl_changes(host, basis.profiles, table)
    modprobe = modprobe_changes(host, basis.profiles, table)
    early = early_keys(host, basis.profiles, sysctl.keys, tracked=bool(tracked))
    documents = {relative_path(document, host.root): document for document in host.documents}
    changes = (*sysctl.changes, *modprobe.changes)
    additions = (*sysctl.additions, *modprobe.additions, *early.additions)
    settings = changed_files(documents, changes, additions, host.root)
    service = service_files(host, basis.profiles, sysctl.keys, [ruleset.family for ruleset in tracked])
    known = (*basis.warnings, *(Reason("W", warning) for warning in (*table.warnings, *early.warnings)))
    return replace(
        basis,
        files=tuple(sorted((*rules, *settings, *service), key=lambda file: file.path)),
        warnings=tuple(dict.fromkeys(known)),
        table=table,
        keys=sysctl.keys,
    )
