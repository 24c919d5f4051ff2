"""What `prove` says of rulesets with one slip, before the kernel: equal ones go the same way, different ones do not."""

from __future__ import annotations

import pytest
from connection_beside import NAMED, NO_INVALID, REFUSED, specialised

from benchmarks.mutants import called, cases_of, mutants, replayed

from .compare import measure
from .flows import Flow
from .rulesets import BACKENDS, Backend
from .situation import ESTABLISHED, LOCAL, SSH, WEB, host, table
from .topology import Site

EQUAL = [  # situation, slip, the rule it is in
    ("base", "without --ctstate UNTRACKED", "INPUT ! -i lo -p tcp"),
    ("base", "without --tcp-flags", "NT-tcp-80-in -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK RST"),
    ("base", "below the first old rule", "INPUT ! -i lo -p tcp"),
    ("plain (router)", "without ! --dst-type LOCAL", "PREROUTING -d 10.0.0.5/32"),
    ("plain (router)", "without ! -i lo", "PREROUTING -s 10.0.0.5/32"),
    ("reset (router)", "changed over with the next", "FORWARD -d 10.0.0.5/32 -p tcp"),
]


@pytest.mark.parametrize(("name", "slip", "rule"), EQUAL)
def test_what_is_called_equal_goes_the_same_way(site: Site, name: str, slip: str, rule: str) -> None:
    case = next(cases_of(name))
    found = [one for one in mutants(case.before, case.after) if one.slip.startswith(slip) and f"`{rule}" in one.slip]
    assert [called(case, one.text) for one in found] == ["equal"]
    assert replayed(site, case, found[0].text) == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_reset_that_reject_sends_is_invalid_about_untracked_packets(site: Site, backend: Backend) -> None:
    flow = Flow("refused", "host", 80)
    rulesets = (host(LOCAL, ESTABLISHED, REFUSED, SSH, WEB) + NO_INVALID, specialised(REFUSED) + NO_INVALID)
    outcomes = [measure(site, text, (flow,), backend=backend).outcomes[flow] for text in rulesets]
    assert outcomes == ["connect: refused", "connect: no answer"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_client_that_is_given_the_port_of_an_untracked_service_gets_no_answer(site: Site, backend: Backend) -> None:
    flow = Flow("lan", "remote", 443)
    forwarded = ("-A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT", "-A FORWARD -i eth1 -j ACCEPT")
    before = host(LOCAL, ESTABLISHED, SSH, WEB, *forwarded) + NAMED
    after = specialised(*forwarded) + NAMED
    outcomes = [measure(site, text, (flow,), backend=backend).outcomes[flow] for text in (before, after)]
    assert outcomes == ["ok", "connect: no answer"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_a_network_mapped_to_the_server_asks_is_answered_by_another_address(site: Site, backend: Backend) -> None:
    flow = Flow("remote", "host2", 80, answered_by=("server", 80))
    accepted = table("filter", "-A FORWARD -j ACCEPT", INPUT="DROP", FORWARD="DROP", OUTPUT="ACCEPT")
    mapped = table("nat", "-A PREROUTING -d 192.0.2.11/32 -p tcp -j NETMAP --to 10.0.0.5/32", PREROUTING="ACCEPT")
    untracked = table("raw", "-A PREROUTING -s 10.0.0.5/32 -p tcp -m tcp --sport 80 -j NOTRACK", PREROUTING="ACCEPT")
    rulesets = (accepted + mapped, accepted + mapped + untracked)
    outcomes = [measure(site, text, (flow,), backend=backend).outcomes[flow] for text in rulesets]
    assert outcomes == ["ok", "connect: no answer"]
