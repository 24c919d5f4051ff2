"""A plan as the files of a folder: those of the machine, scripts that put them there, a report. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ruleset_lint.model.loading import load
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.services import Service
from ruleset_lint.packets.endpoints import Endpoint
from ruleset_lint.rewrite.new_file import NewFile
from ruleset_lint.rewrite.plan import FamilyPlan, Plan
from ruleset_lint.rewrite.rendering import Quoted, render
from ruleset_lint.rewrite.report_parts import PROGRAMS, Proven, exposing, proven, purpose
from ruleset_lint.syntax.iptables_save import parse
from ruleset_lint.text import Span

MARKER = "<!-- a bundle of ruleset-lint rewrite -->"
"""First line of the report: by it a folder is known to hold a bundle, which may be replaced."""

REPORT = "REPORT.md"
TOP = frozenset(("etc", "before", "live", "apply.sh", "rollback.sh", REPORT))
"""What stands at the top of a bundle."""

BROUGHT_BACK = "rollback.done"
"""What rollback.sh adds when everything is back: what it brought back, which lies in its place again."""

ANSWER_SECONDS = 60

_PRIVATE = "0600"
_PUBLIC = "0644"
_LOADED_FIRST = ("mangle", "filter")


class BundledFile(NamedTuple):
    """A file of a bundle: its path in the folder, its text, whether it can be run."""

    path: str
    text: str
    executable: bool = False


class _Installed(NamedTuple):
    """A file as the scripts and the report see it."""

    path: str
    before: str | None
    mode: str
    reasons: tuple[str, ...]
    purpose: str


class _Live(NamedTuple):
    """One family as the scripts and the report see it: `parts` are files below live/, `raw` is the last of them.

    `services` are the machine's own, `behind` those of servers that it forwards to.
    """

    title: str
    path: str
    restore: str
    save: str
    ip: str
    ipv: str
    name: str
    tables: tuple[str, ...]
    parts: tuple[str, ...]
    raw: str
    services: tuple[Service, ...]
    behind: tuple[Endpoint, ...]
    diversions: tuple[dict[str, str], ...]
    proof: Proven | None


class _LiveFile(NamedTuple):
    """A file of the running kernel, and the number to write there."""

    path: str
    value: int
    change: str = "set_value"


def bundle(plan: Plan) -> tuple[BundledFile, ...]:
    """The files of a plan, none if nothing changes or it is refused. Raises UnquotedError."""
    if not plan.files:
        return ()
    changed = [family for family in plan.families if family.changed]
    texts = {family.family: _tables(family) for family in changed}
    values = _values(plan, [_live(family, tuple(texts[family.family])) for family in changed])
    live = (
        BundledFile(f"live/{part}", text) for family in changed for part, text in _parts(family, texts[family.family])
    )
    return (
        *(BundledFile(file.path, file.after) for file in plan.files),
        *(BundledFile(f"before/{file.path}", file.before) for file in plan.files if file.before is not None),
        *live,
        BundledFile("apply.sh", render("apply.sh.j2", values), executable=True),
        BundledFile("rollback.sh", render("rollback.sh.j2", values), executable=True),
        BundledFile(REPORT, render("REPORT.md.j2", values)),
    )


def _tables(family: FamilyPlan) -> dict[str, str]:
    """The tables that differ, in the order in which they are loaded: raw last."""
    before = _blocks(family.rewritten.ruleset)
    after = _blocks(load(parse(family.path, family.rewritten.text), family.family))
    names = (*_LOADED_FIRST, "raw")
    return {name: after[name] for name in names if name in after and after[name] != before.get(name)}


def _blocks(ruleset: Ruleset) -> dict[str, str]:
    """The text of each table, from its first line to its COMMIT."""
    found: dict[str, str] = {}
    for block in ruleset.blocks:
        if block.first and block.commit:
            text = ruleset.document.source(Span(block.first.span.start, block.commit.span.end))
            found[block.table] = found.get(block.table, "") + text.rstrip("\n") + "\n"
    return found


def _parts(family: FamilyPlan, tables: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The files to load, by name: what accepts, then what untracks."""
    for part in _part_names(family.family, tuple(tables)):
        raw = part.endswith("-raw.rules")
        yield part, "".join(text for name, text in tables.items() if (name == "raw") == raw)


def _part_names(family: int, tables: Sequence[str]) -> tuple[str, ...]:
    first = (f"v{family}-first.rules",) if set(tables) - {"raw"} else ()
    return (*first, f"v{family}-raw.rules") if "raw" in tables else first


def _live(family: FamilyPlan, tables: tuple[str, ...]) -> _Live:
    program = PROGRAMS[family.family]
    made = dict.fromkeys((service, one.purpose, one.table, one.hook) for service, one in family.rewritten.diversions)
    return _Live(
        title=program,
        path=family.path,
        restore=f"{program}-restore",
        save=f"{program}-save",
        ip=f"-{family.family}",
        ipv=f"ipv{family.family}",
        name=f"v{family.family}",
        tables=tables,
        parts=_part_names(family.family, tables),
        raw=f"v{family.family}-raw.rules",
        services=tuple(end.service for end in family.rewritten.services if end.address is None),
        behind=tuple(end for end in family.rewritten.services if end.address),
        diversions=tuple(
            {"service": str(service), "purpose": purpose, "table": table, "hook": hook}
            for service, purpose, table, hook in made
        ),
        proof=proven(family.proof) if family.proof else None,
    )


def _values(plan: Plan, families: Sequence[_Live]) -> dict[str, object]:
    """What the templates may use."""
    programs = [program for family in families for program in (family.restore, family.save)]
    return {
        "marker": Quoted(MARKER),
        "timeout": ANSWER_SECONDS,
        "wait": Quoted(" -w 30" if all(profile.restore_wait for profile in plan.profiles) else ""),
        "tools": (*programs, "awk", "cmp", "cp", "grep", "mv", "sleep"),
        "files": tuple(_installed(file, plan) for file in plan.files),
        "families": tuple(families),
        "forgets": any(family.services or family.behind for family in families),
        "live_files": tuple(_live_files(plan)),
        "goal": plan.goal,
        "goal_reason": plan.goal_reason,
        "services": tuple(map(str, plan.wishes.services)),
        "exposed": tuple(map(exposing, plan.exposed)),
        "profile": plan.profile.title,
        "profile_reason": plan.profile_reason,
        "warnings": tuple(_warnings(plan)),
        "notes": plan.notes,
        "arithmetic": plan.table.arithmetic,
        "keys": plan.keys,
        "module": plan.module,
        "buckets": plan.table.size.buckets if plan.table.size else 0,
        "tables": tuple(dict.fromkeys(table for family in families for table in family.tables)),
    }


def _warnings(plan: Plan) -> Iterator[str]:
    """With the paths that the rulesets have on the machine, wherever they lie here."""
    paths = {family.rewritten.ruleset.document.path: family.path for family in plan.families}
    for warning in plan.warnings:
        yield str(warning._replace(path=paths.get(warning.path, warning.path)))


def _installed(file: NewFile, plan: Plan) -> _Installed:
    rules = {family.path: f"rules of {PROGRAMS[family.family]}" for family in plan.families}
    mode = _PRIVATE if file.path in rules else _PUBLIC
    said = rules.get(file.path) or purpose(file.path)
    return _Installed(file.path, file.before, mode, file.reasons, said)


def _live_files(plan: Plan) -> Iterator[_LiveFile]:
    """The size before the maximum: the table is to have grown when more may enter it."""
    if plan.table.size:
        yield _LiveFile(f"/sys/module/{plan.module}/parameters/hashsize", plan.table.size.buckets, "raise_value")
    for key in plan.keys:
        if key.variable != "buckets":
            change = "raise_value" if key.variable == "max" else "set_value"
            yield _LiveFile("/proc/sys/" + key.key.replace(".", "/"), key.value, change)
