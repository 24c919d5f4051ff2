"""What a rewrite is for: services leave tracking, the table fits, or nothing is tracked. Chooses; rewrites nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from ruleset_lint.model.host import Host
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.tracking import tracks
from ruleset_lint.netfilter.services import Service, service_name
from ruleset_lint.packets.endpoints import Endpoint
from ruleset_lint.rewrite.sizes.observed import busiest

Goal = Literal["notrack", "stateless", "tune"]
"""`notrack`: the services named leave tracking; `stateless`: nothing needs it any more; `tune`: rules stay."""

_MUCH = 0.2  # of the entries: below that a service does not fill the table


class Chosen(NamedTuple):
    """A goal, and why it is that one. `rules`: whether a rule needs tracking, so that there is a table to fit."""

    goal: Goal
    reason: str
    rules: bool


def choose(
    host: Host, rulesets: Sequence[Ruleset], services: Sequence[Endpoint], asked: Goal | None, administration: Service
) -> Chosen:
    """The goal that is asked for, else the one that fits the host; `rulesets` are those that may turn tracking on."""
    needed = any(map(is_tracked, rulesets))
    if asked is not None:
        return Chosen(asked, "as asked for", needed)
    if services and needed:
        named = ", ".join(map(str, services))
        return Chosen("notrack", f"services are named that can leave connection tracking: {named}", needed)
    if not rulesets:
        return Chosen("tune", "no ruleset is given, so only settings can be brought in order", needed)
    if not needed:
        nothing = "no rule turns connection tracking on, so there is nothing to do for rules"
        return Chosen("tune", f"{nothing}; settings that are left are brought in order", needed)
    reason = "no service is named, and rules need connection tracking: its table is made to fit"
    return Chosen("tune", f"{reason}; {_hint(host, administration)}", needed)


def is_tracked(ruleset: Ruleset) -> bool:
    """Whether a rule of the family turns tracking on: without one there is nothing to leave."""
    return any(map(tracks, ruleset.by_shape))


def _hint(host: Host, administration: Service) -> str:
    """Which service would be worth naming, if a dump of the table tells."""
    found = busiest(host.conntrack) if host.conntrack else None
    if found is None:
        return "a service with many short connections leaves it with --service tcp/80"
    service, share = found
    name = service_name(service)
    has = f"{service}{f' ({name})' if name else ''} has {100 * share:.0f} % of the entries in the dump"
    if service == administration or share < _MUCH:
        return f"{has}, the most of all"
    return f"{has}: --service {service} would take them out"
