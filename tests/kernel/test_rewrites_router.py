"""The rewrite of routers before the kernel: connections to servers behind them go the same way, untracked."""

from __future__ import annotations

import pytest

from ruleset_lint.model.loading import load
from ruleset_lint.rewrite.notrack import Request, Rewritten, untrack
from ruleset_lint.syntax.iptables_save import parse

from .compare import compare, measure, owed
from .flows import Flow
from .rulesets import BACKENDS, Backend
from .service import belongs
from .situation import Situation, standard_flows
from .situations_router import ROUTED
from .topology import Site


def rewritten(situation: Situation) -> Rewritten:
    services = tuple(service.endpoint(situation.family) for service in situation.services)
    return untrack(load(parse(situation.id, situation.ruleset), situation.family), Request(services))


def flows(situation: Situation) -> tuple[Flow, ...]:
    """The service's, and those of others that its packets could be taken for."""
    own = [flow for service in situation.services for _, flow in standard_flows(service)]
    protocol, port = situation.services[0].protocol, situation.services[0].port
    others = [Flow("lan", "remote", port, protocol), Flow("leg", "server", port, protocol)]
    return tuple(dict.fromkeys((*own, *others)))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ROUTED)
def test_connections_go_the_same_way_and_leave_no_entry(site: Site, name: str, backend: Backend) -> None:
    situation, after = ROUTED[name], rewritten(ROUTED[name])
    assert (len(after.services), after.refusals) == (len(situation.services), ())
    found = compare(
        site, after.base.document.text, after.text, situation.services, flows(situation),
        family=situation.family, backend=backend,
    )  # fmt: skip
    assert owed(found) == []


@pytest.mark.parametrize("name", ROUTED)
def test_the_service_is_reached_without_an_entry(site: Site, name: str) -> None:
    situation = ROUTED[name]
    served = tuple(Flow("remote", one.homes[0], one.port, one.protocol) for one in situation.services)
    seen = measure(site, rewritten(situation).text, served, family=situation.family)
    assert set(seen.outcomes.values()) == {"ok"}
    assert not [entry for entry in seen.tracked if belongs(entry, situation.services, situation.family)]
