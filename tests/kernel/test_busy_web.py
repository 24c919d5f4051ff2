"""The fixture web server under load, before and after its rewrite: its services leave no entries behind."""

from __future__ import annotations

import pytest
from bundle_hosts import CASES

from .compare import fresh
from .flows import Flow, play
from .rulesets import BACKENDS, Backend, entries
from .topology import Site

CONNECTIONS = 100
FAMILIES = {family.family: family for family in CASES[0].plan().families}
each = pytest.mark.parametrize(
    ("family", "port", "backend"),
    [(family, port, backend) for family in FAMILIES for port in (80, 443) for backend in BACKENDS],
)


def _entries_after_load(site: Site, ruleset: str, family: int, port: int, backend: Backend) -> int:
    """How many entries real connections to the service leave, all of which must be complete."""
    fresh(site.host, ruleset, family, backend)
    flow = Flow("remote", "host", port, answer=20000)
    outcomes = {play(site, flow, family, 30000 + number, patience=0.35) for number in range(CONNECTIONS)}
    assert outcomes == {"ok"}
    return len(entries(site.host))


@each
def test_each_connection_takes_an_entry_before(site: Site, family: int, port: int, backend: Backend) -> None:
    before = FAMILIES[family].rewritten.ruleset.document.text
    assert _entries_after_load(site, before, family, port, backend) == CONNECTIONS


@each
def test_no_connection_takes_an_entry_after(site: Site, family: int, port: int, backend: Backend) -> None:
    assert _entries_after_load(site, FAMILIES[family].rewritten.text, family, port, backend) == 0
