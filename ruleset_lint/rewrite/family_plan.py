"""One family's ruleset on its way to another: what it becomes, what is in the way, what to know of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ruleset_lint.model.host import Host
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets.difference import Proof
from ruleset_lint.packets.endpoints import Endpoint
from ruleset_lint.rewrite.dialects import common_dialect
from ruleset_lint.rewrite.new_file import NewFile, relative_path
from ruleset_lint.rewrite.notrack import Request, Rewritten, untrack
from ruleset_lint.rewrite.proof import objections, proof_of
from ruleset_lint.rewrite.reasons import Reason, of_refusal
from ruleset_lint.rewrite.service_packets import Dialect

_NOT_ACCEPTED = "R0"


@dataclass(frozen=True, slots=True, eq=False)
class FamilyPlan:
    """The ruleset of one family (4 or 6), where it lies below the root, what it becomes, and the proof of that."""

    family: int
    path: str
    dialect: Dialect
    rewritten: Rewritten
    proof: Proof | None = None

    @property
    def changed(self) -> bool:
        """Whether its text differs."""
        return self.rewritten.changed


def family_plan(host: Host, ruleset: Ruleset, request: Request, usual_path: str) -> FamilyPlan:
    """What the ruleset becomes, in the spelling that loads on all releases that the host may be.

    `usual_path` is where the release has rules of the family, for a ruleset that lies elsewhere.
    """
    dialect = common_dialect(host.profiles, ruleset.family)
    path = relative_path(ruleset.document, host.root) if host.root else usual_path
    return FamilyPlan(ruleset.family, path, dialect, untrack(ruleset, replace(request, dialect=dialect)))


def proven(family: FamilyPlan, request: Request, *, deadline: float) -> FamilyPlan:
    """The plan with its proof, if there is anything to prove.

    A release without some match cannot tell all packets apart that have to be. Then the rules are proven as they would
    be with it, and a warning says what the release makes of them.
    """
    if not family.changed:
        return family
    missing = [name for name, has in _telling(family.dialect) if not has]
    rewritten = family.rewritten
    if missing:
        dialect = replace(family.dialect, has_addrtype=True, has_u32=True)
        rewritten = untrack(rewritten.ruleset, replace(request, dialect=dialect))
    proof = proof_of(rewritten, deadline=deadline)
    lacking = tuple(f"the release had the match {name}: see the warnings" for name in missing)
    return replace(family, proof=replace(proof, assumptions=(*proof.assumptions, *lacking)))


def _telling(dialect: Dialect) -> tuple[tuple[str, bool], ...]:
    return ("addrtype", dialect.has_addrtype), ("u32", dialect.has_u32)


def refusals(families: Sequence[FamilyPlan], services: Sequence[Endpoint]) -> Iterator[Reason]:
    """What is in the way, in any family; and services that none of them accepts."""
    for family in families:
        yield from map(of_refusal, family.rewritten.refusals)
        if family.changed and not family.rewritten.text.endswith("\n"):
            yield Reason("L", f"{family.path} has no line ending behind its last line")
        if family.proof:
            yield from objections(family.path, family.proof)
    yield from _absent(families, services)


def _absent(families: Sequence[FamilyPlan], services: Sequence[Endpoint]) -> Iterator[Reason]:
    """Services that no family accepts; one that only one family serves is served."""
    for service in services:
        found = [
            [
                refusal
                for refusal in family.rewritten.warnings
                if (refusal.code, refusal.service) == (_NOT_ACCEPTED, service)
            ]
            for family in families
            if service.family in (None, family.family)
        ]
        if found and all(found):
            yield of_refusal(found[0][0])
        elif not found:
            yield Reason("R0", f"no ruleset of IPv{service.family} that tracks connections is given", str(service))


def warnings(families: Sequence[FamilyPlan]) -> Iterator[Reason]:
    """What to know before the rules are used."""
    for family in families:
        for refusal in family.rewritten.warnings:
            reason = of_refusal(refusal)
            if refusal.code == _NOT_ACCEPTED:
                yield Reason(
                    "W", f"not accepted by {family.path}, whose rules for it stay as they are", str(refusal.service)
                )
            else:
                yield reason
        yield from _exposed(family)


def _exposed(family: FamilyPlan) -> Iterator[Reason]:
    """What the matches that there are do not tell apart."""
    dialect = family.dialect
    errors = dict.fromkeys(service for service, made in family.rewritten.diversions if "ICMP" in made.purpose)
    for service in errors if not dialect.has_u32 else ():
        reason = "without the u32 match all ICMP errors of the types are accepted, whatever connection they are about"
        yield Reason("W", reason, str(service), family.path)
    for service in errors if dialect.has_u32 else ():
        if service.address:
            reason = "ICMP errors to its clients are known by the port that they quote: strays about any server's pass"
            yield Reason("W", reason, str(service), family.path)
    for service in family.rewritten.services if not dialect.has_addrtype else ():
        reason = "without the addrtype match packets that this machine forwards to the port are untracked as well"
        yield Reason("W", reason, str(service), family.path)


def ruleset_file(family: FamilyPlan) -> NewFile:
    """The file of a ruleset that changes."""
    rewritten = family.rewritten
    hooks = dict.fromkeys(f"{diversion.table} {diversion.hook}" for _, diversion in rewritten.diversions)
    services = ", ".join(map(str, rewritten.services))
    own = ", ".join(str(end) for end in rewritten.services if end.address is None)
    behind = ", ".join(str(end) for end in rewritten.services if end.address)
    reasons = (
        *([f"{own}: untracked in raw PREROUTING and OUTPUT"] if own else []),
        *([f"{behind}: untracked in raw PREROUTING, where it is forwarded"] if behind else []),
        *(f"packets of {services} are decided at the top of {hook}, as its rules decide them" for hook in hooks),
        "the raw table stands last, so that it is loaded last",
    )
    return NewFile(family.path, rewritten.ruleset.document.text, rewritten.text, reasons)
