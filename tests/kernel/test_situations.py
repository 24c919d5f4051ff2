"""Every situation as the kernel sees it: its flows and packets go as written down, with both backends."""

from __future__ import annotations

import pytest

from .compare import compare, measure, owed
from .flows import PATIENT, QUICK
from .rulesets import BACKENDS, Backend
from .situations import SITUATIONS
from .topology import Site


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", SITUATIONS)
def test_the_kernel_agrees(site: Site, name: str, backend: Backend) -> None:
    situation = SITUATIONS[name]
    probes = (*situation.passes, *situation.drops)
    for patience in (QUICK, PATIENT):  # a machine under load may answer late
        seen = measure(
            site, situation.ruleset, tuple(situation.expected), probes,
            family=situation.family, backend=backend, patience=patience,
        )  # fmt: skip
        if seen.outcomes == situation.expected:
            break
    assert seen.outcomes == situation.expected
    assert seen.passed == dict.fromkeys(situation.passes, True) | dict.fromkeys(situation.drops, False)


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_ruleset_equals_itself(site: Site, name: str) -> None:
    """Nothing differs but that the service still leaves entries: the comparison itself adds no difference."""
    situation = SITUATIONS[name]
    text, flows = situation.ruleset, tuple(situation.expected)
    found = owed(compare(site, text, text, situation.services, flows, family=situation.family))
    assert [difference for difference in found if not difference.endswith("-> still tracked")] == []
