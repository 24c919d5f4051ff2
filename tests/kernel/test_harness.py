"""The harness itself: what it loads, empties, plays and counts is what happens in the kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from .compare import measure
from .flows import Flow, play, play_all
from .namespaces import OWN, inside, missing, run
from .probes import Probe, passed
from .rulesets import BACKENDS, Backend, Entry, entries, forget, load, loads, reset, saved, tool
from .service import service_probes
from .situation import DNS, FORWARDED, HTTP, host, standard_flows, table, usual
from .topology import PARTIES, Site, site

WEB = "-A INPUT -p tcp -m state --state NEW -m tcp --dport 80 -j ACCEPT"
EVERY_TABLE = "".join(
    f"*{name}\n:{chain} {policy} [0:0]\n-A {chain} -j ACCEPT\nCOMMIT\n"
    for name, chain, policy in (
        ("raw", "OUTPUT", "ACCEPT"),
        ("mangle", "INPUT", "DROP"),
        ("nat", "OUTPUT", "ACCEPT"),
        ("filter", "INPUT", "DROP"),
        ("security", "INPUT", "DROP"),
    )
)
CONVERSATIONS = tuple(dict.fromkeys(flow for service in (HTTP, DNS, FORWARDED) for _, flow in standard_flows(service)))


@pytest.mark.parametrize("family", [4, 6])
def test_without_rules_everybody_reaches_everybody(site: Site, family: int) -> None:
    reset(site.host)
    assert set(play_all(site, CONVERSATIONS, family).values()) == {"ok"}
    probes = (*service_probes(HTTP, family), *service_probes(DNS, family), *service_probes(FORWARDED, family))
    assert [str(probe) for probe, verdict in passed(site, probes, family).items() if not verdict] == []


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("family", [4, 6])
def test_with_everything_dropped_nobody_reaches_anybody(site: Site, family: int, backend: Backend) -> None:
    probes = service_probes(HTTP, family)
    seen = measure(site, host(outgoing="DROP"), (), probes, family=family, backend=backend)
    assert [str(probe) for probe, verdict in seen.passed.items() if verdict] == []


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("family", [4, 6])
def test_reset_empties_every_table(site: Site, family: int, backend: Backend) -> None:
    reset(site.host)
    assert load(site.host, EVERY_TABLE, family, backend)
    assert " DROP " in run(site.host, tool(family, backend, "save"))
    reset(site.host)
    left = run(site.host, tool(family, backend, "save")).splitlines()
    assert [line for line in left if line.startswith("-A") or " DROP " in line] == []


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("family", [4, 6])
def test_loads_and_saved(site: Site, family: int, backend: Backend) -> None:
    assert loads(usual(WEB), family, backend)
    assert WEB in saved(usual(WEB), family, backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_the_kernel_refuses(site: Site, backend: Backend) -> None:
    refused = loads(host("-A INPUT -j MASQUERADE"), 4, backend)
    assert (bool(refused), refused.returncode != 0, refused.error != "") == (False, True, True)
    with pytest.raises(ValueError, match=r"."):
        saved("*filter\n-A NOWHERE\n", 4, backend)
    with pytest.raises(ValueError, match=r"."):
        measure(site, "*filter\n-A NOWHERE\n", (), backend=backend)


@pytest.mark.parametrize("family", [4, 6])
def test_entries_and_forget(site: Site, family: int) -> None:
    measure(site, usual(WEB), (Flow("remote", "host", 80),), family=family)
    remote, own = (PARTIES[party].address(family) for party in ("remote", "host"))
    assert entries(site.host) == {Entry("tcp", remote, own, 40001, 80)}
    forget(site.host)
    assert entries(site.host) == frozenset()


@pytest.mark.parametrize("family", [4, 6])
def test_a_path_mtu_learned_in_one_case_is_unknown_in_the_next(site: Site, family: int) -> None:
    narrow, icmp = Flow("distant", "host", 80, answer=5000), {4: "icmp", 6: "ipv6-icmp"}[family]
    assert measure(site, usual(WEB), (narrow,), family=family).outcomes[narrow] == "ok"
    deaf = host(f"-A INPUT -p {icmp} -j DROP", incoming="ACCEPT")
    assert measure(site, deaf, (narrow,), family=family).outcomes[narrow] == "answer: no answer"


@pytest.mark.parametrize(
    ("rules", "outcome"),
    [
        ("-A INPUT -p tcp -j DROP", "connect: no answer"),
        ("-A INPUT -p tcp -j REJECT --reject-with tcp-reset", "connect: refused"),
        ("-A INPUT -p tcp -j REJECT --reject-with icmp-host-prohibited", "connect: no route to host"),
        ("-A INPUT -p tcp -m tcp --tcp-flags SYN,ACK ACK -j DROP", "accept: no answer"),
        ("-A INPUT -p tcp -m tcp --tcp-flags PSH PSH -j DROP", "request: no answer"),
        ("-A OUTPUT -p tcp -m tcp --tcp-flags PSH PSH -j DROP", "answer: no answer"),
        ("-A INPUT -p tcp -m tcp --tcp-flags FIN FIN -j DROP", "client-fin: no answer"),
        ("-A OUTPUT -p tcp -m tcp --tcp-flags FIN FIN -j DROP", "server-fin: no answer"),
    ],
)
def test_a_flow_says_where_it_failed(site: Site, rules: str, outcome: str) -> None:
    flow = Flow("remote", "host", 80)
    assert measure(site, host(rules, incoming="ACCEPT"), (flow,)).outcomes[flow] == outcome


@pytest.mark.parametrize("step", ["client-reset", "server-reset"])
def test_a_lost_reset_is_seen(site: Site, step: str) -> None:
    flow = Flow("remote", "host", 80, ending="client-reset" if step == "client-reset" else "server-reset")
    chain = "INPUT" if step == "client-reset" else "OUTPUT"
    rules = host(f"-A {chain} -p tcp -m tcp --tcp-flags RST RST -j DROP", incoming="ACCEPT")
    assert measure(site, rules, (flow,)).outcomes[flow] == f"{step}: no answer"


def test_the_answer_of_an_asymmetric_peer_leaves_by_the_other_leg(site: Site) -> None:
    rules = table("filter", "-A OUTPUT -o eth1 -j DROP", INPUT="ACCEPT", FORWARD="DROP", OUTPUT="ACCEPT")
    flows = (Flow("remote", "host", 80), Flow("asymmetric", "host", 80))
    assert list(measure(site, rules, flows).outcomes.values()) == ["ok", "connect: no answer"]


def test_a_probe_is_seen_where_it_arrives(site: Site) -> None:
    probes = tuple(Probe("remote", 45000, party, 80, "tcp:S") for party in ("host", "leg", "server"))
    reset(site.host)
    load(
        site.host, table("filter", "-A INPUT -d 192.0.2.10/32 -j DROP", INPUT="ACCEPT", FORWARD="DROP", OUTPUT="ACCEPT")
    )
    assert list(passed(site, probes).values()) == [False, True, False]


def test_two_sites_do_not_meet() -> None:
    if reason := missing():
        pytest.skip(reason)
    with site() as first, site() as second:
        load(first.host, host())
        assert play(first, Flow("remote", "host", 80)) == "connect: no answer"
        assert play(second, Flow("remote", "host", 80)) == "ok"


def test_the_thread_comes_back(site: Site) -> None:
    before = Path(OWN).readlink()
    with inside(site.host):
        assert Path(OWN).readlink() != before
    assert Path(OWN).readlink() == before
