"""One family's ruleset on its way to one without connection tracking, and what that exposes. Writes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ruleset_lint.model.host import Host
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.rewrite.dialects import common_dialect
from ruleset_lint.rewrite.family_plan import FamilyPlan
from ruleset_lint.rewrite.new_file import NewFile, relative_path
from ruleset_lint.rewrite.notrack import Rewritten
from ruleset_lint.rewrite.reasons import Reason
from ruleset_lint.rewrite.stateless.exposure import Exposed, Exposure, exposure
from ruleset_lint.rewrite.stateless.transform import LOCAL_PORTS, stateless

CODE = "X"
_SHOWN = 5


@dataclass(frozen=True, slots=True, eq=False)
class ExposedFamily:
    """The plan of a family, what is in the way of it, what to know, and what its rules let in and keep out."""

    plan: FamilyPlan
    refusals: tuple[Reason, ...]
    warnings: tuple[Reason, ...]
    exposure: Exposure

    @property
    def is_exposed(self) -> bool:
        """Whether something is let in, or kept out, that was not before; or may be, behind the end of the lists."""
        exposure = self.exposure
        return bool(exposure.opened or exposure.lost) or not exposure.complete

    @property
    def file(self) -> NewFile:
        """The file of the ruleset."""
        made = self.plan.rewritten
        reasons = (
            "tests of a connection's state have become tests of flags and ports: no rule turns connection tracking on",
            "it cannot do the same as before: what it lets in and keeps out is listed below",
        )
        return NewFile(self.plan.path, made.ruleset.document.text, made.text, reasons)


def exposed_families(
    host: Host, rulesets: Sequence[Ruleset], usual_paths: Sequence[str], deadline: float
) -> Iterator[ExposedFamily]:
    """The rulesets without connection tracking; `deadline` is a time of `time.monotonic`."""
    for ruleset, usual_path in zip(rulesets, usual_paths, strict=True):
        dialect = common_dialect(host.profiles, ruleset.family)
        made = stateless(ruleset, local_ports=_local_ports(host))
        path = relative_path(ruleset.document, host.root) if host.root else usual_path
        rewritten = Rewritten(ruleset, ruleset, made.text, (), (), (), ())
        shown = Exposure()
        if made.changed and not made.refusals:
            shown = exposure(ruleset, made.after, deadline=deadline)
        family = FamilyPlan(ruleset.family, path, dialect, rewritten)
        yield ExposedFamily(family, made.refusals, made.warnings, shown)


def _local_ports(host: Host) -> tuple[int, int]:
    """The ports from which the host asks others, as its settings have them, else the kernel's default."""
    setting = host.sysctl.effective("net.ipv4.ip_local_port_range") if host.sysctl else None
    found = re.fullmatch(r"([0-9]{1,5})[ \t]+([0-9]{1,5})", (setting.value or "").strip()) if setting else None
    first, last = (int(found[1]), int(found[2])) if found else LOCAL_PORTS
    return (first, last) if 1 <= first <= last <= 65535 else LOCAL_PORTS


def objections(families: Sequence[ExposedFamily], *, accepted: bool) -> Iterator[Reason]:
    """Why nothing is written. What breaks is never accepted; what is only exposed is, if that is asked for."""
    for family in families:
        path, exposure = family.plan.path, family.exposure
        yield from family.refusals
        if family.plan.changed and not family.plan.rewritten.text.endswith("\n"):
            yield Reason("L", f"{path} has no line ending behind its last line")
        if exposure.undecided:
            yield Reason("P", f"it is not decided what it lets in and keeps out: {exposure.undecided}", "", path)
        for packets in exposure.broken[:_SHOWN]:
            yield Reason("P", f"not right: {packets}", "", path)
        if len(exposure.broken) > _SHOWN:
            yield Reason(
                "P", f"there are {len(exposure.broken) - _SHOWN} more packets that are not treated right", "", path
            )
        if family.is_exposed and not accepted:
            yield Reason(CODE, _told(exposure), "", path)


def _told(exposure: Exposure) -> str:
    parts = (("lets in", exposure.opened), ("keeps out", exposure.lost))
    counts = [f"{verb} {_kinds(packets)}" for verb, packets in parts if packets]
    if not counts:
        return "without connection tracking it exposes too much to list; accept that with --accept-exposure"
    return f"without connection tracking it {' and '.join(counts)}; accept that with --accept-exposure"


def _kinds(packets: Sequence[Exposed]) -> str:
    return f"{len(packets)} kind{'' if len(packets) == 1 else 's'} of packets more"
