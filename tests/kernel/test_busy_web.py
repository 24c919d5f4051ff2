"""The example of the README before the kernel: a hundred connections leave a hundred entries, and then none."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruleset_lint.model.loading import load as load_ruleset
from ruleset_lint.netfilter.services import Service as Untracked
from ruleset_lint.rewrite.notrack import Request, untrack
from ruleset_lint.syntax.iptables_save import parse

from .compare import fresh
from .flows import PATIENT, Flow, play
from .rulesets import BACKENDS, Backend, entries
from .service import Service, belongs
from .topology import Site

RULES = Path(__file__).parents[2] / "fixtures" / "hosts" / "busy-web" / "etc" / "sysconfig"
FILES = {4: "iptables", 6: "ip6tables"}
CONNECTIONS = 100


def rewritten(text: str, family: int) -> str:
    request = Request((Untracked("tcp", 80), Untracked("tcp", 443)))
    return untrack(load_ruleset(parse("busy-web", text), family), request).text


def entries_after_connections(site: Site, text: str, family: int, backend: Backend) -> int:
    """Entries of tcp/80 after CONNECTIONS whole connections to it."""
    fresh(site.host, text, family, backend)
    for number in range(CONNECTIONS):
        assert play(site, Flow("remote", "host", 80), family, 41000 + number, PATIENT) == "ok"
    return sum(belongs(entry, (Service("tcp", 80),), family) for entry in entries(site.host))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("family", FILES)
def test_the_service_leaves_no_entries_and_loses_no_connection(site: Site, family: int, backend: Backend) -> None:
    text = (RULES / FILES[family]).read_text("utf-8")
    before = entries_after_connections(site, text, family, backend)
    after = entries_after_connections(site, rewritten(text, family), family, backend)
    assert (before, after) == (CONNECTIONS, 0)
