"""What the rules about safety say of their fixtures is what real connections meet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .flows import PATIENT, Flow, play
from .namespaces import missing, run
from .rulesets import BACKENDS, Backend, load, loads, reset
from .topology import Site, site

FIXTURES = Path(__file__).parents[2] / "fixtures" / "rules" / "safety"

ANY = Flow("remote", "host", 40001)
SSH = Flow("remote", "host", 22)
DATABASE = Flow("remote", "host", 3306)
LOCAL = Flow("host", "host2", 40001)
DOWNLOAD = Flow("distant", "host", 22, answer=20000)
BY_NAME_PORT = Flow("remote", "host", 3306, "udp", client_port=53)
BY_WEB_PORT = Flow("remote", "host", 3306, client_port=80)
CONTAINER = Flow("remote", "host", 8080, answered_by=("server", 80))

# fixture, family, connection, whether it comes about
CASES: tuple[tuple[str, int, Flow, bool], ...] = (
    ("any-any/bad-for-a-test.rules", 4, DATABASE, True),
    ("any-any/ok-last.rules", 4, DATABASE, False),
    ("open-policy/bad-accepts-close-nothing.rules", 4, ANY, True),
    ("open-policy/bad-last-rule.rules", 4, ANY, True),
    ("open-policy/ok-closed.rules", 4, ANY, False),
    ("open-policy/ok-drops-the-rest.rules", 4, ANY, False),
    ("lockout/bad-forgotten.rules", 4, SSH, False),
    ("lockout/bad-no-answers.rules", 4, SSH, False),
    ("lockout/bad-behind-the-drop.rules", 4, SSH, False),
    ("lockout/ok-from-some.rules", 4, Flow("gateway", "host", 22), True),
    ("lockout/ok-by-ipv6/etc/iptables/rules.v4", 4, SSH, False),
    ("lockout/ok-by-ipv6/etc/iptables/rules.v6", 6, SSH, True),
    ("loopback/bad-input.rules", 4, LOCAL, False),
    ("loopback/bad-input.fixed", 4, LOCAL, True),
    ("loopback/bad-output.rules", 4, LOCAL, False),
    ("loopback/bad-output.fixed", 4, LOCAL, True),
    ("loopback/ok-by-interface.rules", 4, LOCAL, True),
    ("loopback/ok-all-but-the-outer.rules", 4, LOCAL, True),
    ("path-mtu/bad-established-only.rules", 4, DOWNLOAD, False),
    ("path-mtu/bad-established-only.fixed", 4, DOWNLOAD, True),
    ("path-mtu/bad-all-icmp.rules", 4, DOWNLOAD, False),
    ("path-mtu/bad-echo-only.rules", 4, DOWNLOAD, False),
    ("path-mtu/bad-v6-rules.rules", 6, DOWNLOAD, False),
    ("path-mtu/bad-v6-rules.fixed", 6, DOWNLOAD, True),
    ("path-mtu/ok-related.rules", 4, DOWNLOAD, True),
    ("path-mtu/ok-by-type.rules", 4, DOWNLOAD, True),
    ("ipv6-open/bad-one-port/etc/iptables/rules.v4", 4, SSH, False),
    ("ipv6-open/bad-one-port/etc/iptables/rules.v6", 6, SSH, True),
    ("source-port/bad-name-servers.rules", 4, BY_NAME_PORT, True),
    ("source-port/bad-web.rules", 4, BY_WEB_PORT, True),
    ("source-port/bad-web.rules", 4, DATABASE, False),
    ("source-port/bad-web.fixed", 4, BY_WEB_PORT, False),
    ("source-port/ok-opens-nothing.rules", 4, BY_WEB_PORT, False),
    ("docker-bypass/bad-policy.rules", 4, CONTAINER, True),
    ("docker-bypass/bad-rule.rules", 4, CONTAINER, True),
    ("docker-bypass/ok-judged.rules", 4, CONTAINER, False),
)
COMES_IN = Flow("gateway", "host", 22)
GOES_OUT = Flow("host", "gateway", 22)
# nothing is known of neighbours here: they have to be discovered
DISCOVERY = (
    ("bad-forgotten.rules", COMES_IN, False),
    ("bad-forgotten.rules", GOES_OUT, False),
    ("bad-forgotten.fixed", COMES_IN, True),
    ("bad-forgotten.fixed", GOES_OUT, True),
    ("bad-echo-only.rules", COMES_IN, True),  # who asks for this machine says where he is himself
    ("bad-echo-only.rules", GOES_OUT, False),
    ("bad-echo-only.fixed", GOES_OUT, True),
    ("bad-output.rules", COMES_IN, False),
    ("bad-output.fixed", COMES_IN, True),
    ("ok-untracked.rules", COMES_IN, True),
    ("ok-not-invalid.rules", COMES_IN, True),
)


def ruleset(name: str) -> str:
    """The text of a fixture, with the topology's names for the container and its bridge."""
    return (FIXTURES / name).read_text("utf-8").replace("172.17.0.2", "10.0.0.5").replace("docker0", "eth1")


@pytest.fixture(name="forgetful", scope="module")
def fixture_forgetful() -> Iterator[Site]:
    if reason := missing():
        pytest.skip(reason)
    with site() as made:
        run(made.host, "ip", "-6", "neighbour", "del", "2001:db8:2::1", "dev", "eth0")
        run(made.outside, "ip", "-6", "neighbour", "del", "2001:db8:2::10", "dev", "near0")
        yield made


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("fixture", "family", "flow", "comes"), CASES, ids=str)
def test_a_connection_meets_what_is_said(
    site: Site, fixture: str, family: int, flow: Flow, *, comes: bool, backend: Backend
) -> None:
    reset(site.host)
    assert load(site.host, ruleset(fixture), family, backend)
    assert (play(site, flow, family, patience=PATIENT) == "ok") is comes


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("fixture", "flow", "comes"), DISCOVERY, ids=str)
def test_neighbours_are_found_or_not(forgetful: Site, fixture: str, flow: Flow, comes: bool, backend: Backend) -> None:
    reset(forgetful.host)
    for place, device in ((forgetful.host, "eth0"), (forgetful.outside, "near0")):
        run(place, "ip", "-6", "neighbour", "flush", "dev", device)
    assert load(forgetful.host, ruleset(f"ipv6-neighbours/{fixture}"), 6, backend)
    assert (play(forgetful, flow, 6, patience=PATIENT) == "ok") is comes


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_set_that_is_not_there_keeps_the_table_from_being_loaded(site: Site, backend: Backend) -> None:
    found = loads(ruleset("ipset-missing/bad-whole-machine/etc/iptables/rules.v4"), 4, backend)
    assert not found
    assert "doesn't exist" in found.error
