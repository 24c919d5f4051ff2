"""The rewrite before the kernel: connections through a ruleset and through its rewrite go the same way."""

from __future__ import annotations

import pytest

from ruleset_lint.model.loading import load
from ruleset_lint.rewrite.notrack import Request, Rewritten, untrack
from ruleset_lint.syntax.iptables_save import parse

from .compare import compare, owed
from .rulesets import BACKENDS, Backend
from .situation import Situation
from .situations import SITUATIONS
from .topology import Site

# the reason why each of these is not rewritten
REFUSED = {
    "connlimit": "R3",
    "redirect": "R1",
    "original-source-beside-state": "R3",
    "original-source-not-invalid": "R3",
    "dns-no-established": "R4",
    "new-marked": "R6",
    "new-marked-dropped": "R6",
}
OWN = {name: found for name, found in SITUATIONS.items() if not any(service.server for service in found.services)}


def rewritten(situation: Situation) -> Rewritten:
    services = tuple(service.endpoint(situation.family) for service in situation.services)
    return untrack(load(parse(situation.id, situation.ruleset), situation.family), Request(services))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", [name for name in OWN if name not in REFUSED])
def test_connections_go_the_same_way_and_leave_no_entry(site: Site, name: str, backend: Backend) -> None:
    situation, after = OWN[name], rewritten(OWN[name])
    assert (bool(after.services), after.refusals) == (True, ())
    flows, probes = tuple(situation.expected), (*situation.passes, *situation.drops)
    found = compare(
        site, situation.ruleset, after.text, situation.services, flows,
        probes=probes, family=situation.family, backend=backend,
    )  # fmt: skip
    assert owed(found) == []


@pytest.mark.parametrize(("name", "code"), REFUSED.items())
def test_what_cannot_be_untracked_is_refused_and_left_as_it_is(name: str, code: str) -> None:
    after = rewritten(OWN[name])
    assert code in {refusal.code for refusal in after.refusals}
    assert after.text == OWN[name].ruleset


@pytest.mark.parametrize("name", OWN)
def test_rewriting_twice_changes_nothing(name: str) -> None:
    first = rewritten(OWN[name])
    again = untrack(load(parse(name, first.text), OWN[name].family), Request(first.services))
    assert again.text == first.text
