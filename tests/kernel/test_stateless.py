"""The goal stateless before the kernel: connections go as before, nothing is tracked, nothing new can be opened."""

from __future__ import annotations

import itertools

import pytest

from ruleset_lint.model.loading import load
from ruleset_lint.rewrite.stateless.transform import Stateless, stateless
from ruleset_lint.syntax.iptables_save import parse

from .compare import measure
from .flows import PATIENT, QUICK, Flow
from .probes import Probe
from .rulesets import BACKENDS, Backend
from .service import service_probes
from .situation import Situation, table, usual
from .situations import SITUATIONS
from .topology import PARTIES, Site

# the reason why each of these is not rewritten
REFUSED = {
    "connlimit": "R3",
    "helper-related": "R2",
    "masquerade": "R1",
    "new-marked": "R6",
    "new-marked-dropped": "R6",
    "original-source-beside-state": "R3",
    "original-source-not-invalid": "R3",
    "output-marked-route": "R6",
    "recent-rcheck": "R4",
    "redirect": "R1",
}
# UDP without an accept for later packets: every packet is taken for a first one, and more gets through than before
BETTER = {"dns-no-established"}
OPENINGS = ("tcp:S", "tcp:S:bare", "udp", "echo")
PLAYED = [name for name in SITUATIONS if name not in {*REFUSED, *BETTER}]  # each with one backend: a minute for both
HOST = usual("-A INPUT -p tcp -m state --state NEW -m tcp --dport 80 -j ACCEPT")


def rewritten(situation: Situation) -> Stateless:
    return stateless(load(parse(situation.id, situation.ruleset), situation.family))


def differing(site: Site, situation: Situation, after: str, backend: Backend) -> list[str]:
    """Flows that go another way, and openings that get further than before; asked again if the machine is slow."""
    flows = tuple(situation.expected)
    probes = tuple(
        probe
        for service in situation.services
        for probe in service_probes(service, situation.family)
        if probe.kind in OPENINGS and not may_be_reply(probe)
    )
    found: list[str] = []
    for patience in (QUICK, PATIENT):
        first, second = (
            measure(site, text, flows, probes, family=situation.family, backend=backend, patience=patience)
            for text in (situation.ruleset, after)
        )
        found = [f"{flow}: {was} -> {second.outcomes[flow]}" for flow, was in first.outcomes.items()
                 if was != second.outcomes[flow]]  # fmt: skip
        found += [f"{probe} passes" for probe, passed in second.passed.items() if passed and not first.passed[probe]]
        found += [f"{entry} is tracked" for entry in second.tracked]
        if not found:
            break
    return found


def may_be_reply(probe: Probe) -> bool:
    """Whether a datagram may answer one of the ports that machines ask from."""
    return probe.kind == "udp" and probe.port >= 1024


@pytest.mark.parametrize(("name", "backend"), list(zip(PLAYED, itertools.cycle(BACKENDS), strict=False)))
def test_connections_go_as_before_and_nothing_is_tracked(site: Site, name: str, backend: Backend) -> None:
    situation = SITUATIONS[name]
    assert differing(site, situation, rewritten(situation).after.document.text, backend) == []


@pytest.mark.parametrize(("name", "code"), REFUSED.items())
def test_what_needs_tracking_is_refused_and_left_as_it_is(name: str, code: str) -> None:
    result = rewritten(SITUATIONS[name])
    assert (result.refusals[0].code, result.changed) == (code, False)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("flow", "outcome"),
    {
        Flow("remote", "host", 80): "ok",
        Flow("distant", "host", 80, answer=5000): "ok",
        Flow("remote", "host", 80, ending="icmp-error"): "ok",
        Flow("host", "remote", 80): "ok",
        Flow("host", "remote", 53, "udp"): "ok",
        Flow("host", "remote", 0, "icmp"): "ok",
        Flow("remote", "host", 3306): "connect: no answer",
        Flow("remote", "host", 3306, client_port=80): "connect: no answer",
        Flow("host", "remote", 5000, "udp"): "answer: no answer",
    }.items(),
    ids=str,
)
def test_a_usual_host_serves_and_asks(site: Site, flow: Flow, outcome: str, backend: Backend) -> None:
    text = stateless(load(parse("host", HOST))).text
    found = measure(site, text, (flow,), backend=backend, patience=PATIENT)
    assert (found.outcomes[flow], found.tracked) == (outcome, frozenset())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("family", [4, 6])
def test_fragments_pass_a_router(site: Site, family: int, backend: Backend) -> None:
    server = PARTIES["server"].address(family)
    text = table(
        "filter",
        "-A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT",
        f"-A FORWARD -d {server} -p udp -m state --state NEW -m udp --dport 53 -j ACCEPT",
        INPUT="ACCEPT", FORWARD="DROP", OUTPUT="ACCEPT",
    )  # fmt: skip
    flow = Flow("remote", "server", 53, "udp", request=2000, answer=2000)
    after = stateless(load(parse("router", text), family)).text
    for ruleset in (text, after):
        found = measure(site, ruleset, (flow,), family=family, backend=backend, patience=PATIENT)
        assert (found.outcomes[flow], bool(found.tracked)) == ("ok", ruleset is text)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("probe", "passes"),
    {
        Probe("remote", 80, "host", 3306, "tcp:A"): False,
        Probe("remote", 80, "host", 3306, "tcp:SA"): False,
        Probe("remote", 80, "host", 40009, "tcp:S"): False,
        Probe("remote", 80, "host", 40009, "tcp:A"): True,  # exposure: it may be a reply
        Probe("remote", 53, "host", 161, "udp"): False,
        Probe("remote", 53, "host", 40009, "udp"): True,  # exposure: likewise
        Probe("remote", 54, "host", 40009, "udp"): False,
        Probe("remote", 45000, "host", 22, "error:too-big:tcp"): True,
    }.items(),
    ids=str,
)
def test_strays_of_a_usual_host(site: Site, probe: Probe, passes: bool, backend: Backend) -> None:
    text = stateless(load(parse("host", HOST))).text
    assert measure(site, text, (), (probe,), backend=backend).passed[probe] is passes
