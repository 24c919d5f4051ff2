"""The trace of a packet against the kernel: random rulesets, and what random ones do not have.

`python -m benchmarks.kernel_trace` does the same with as many as one likes. Takes some seconds.
"""

from __future__ import annotations

from itertools import product

import pytest

import ruleset_lint

from .probes import Probe, passed
from .rulesets import BACKENDS, Backend, load, reset
from .topology import Site
from .traces import compare_traces, hush, packet_of


@pytest.mark.parametrize(("family", "backend"), list(product((4, 6), BACKENDS)))
@pytest.mark.parametrize("seed", range(1000, 1002))
def test_random_packets_through_random_rulesets(site: Site, seed: int, family: int, backend: Backend) -> None:
    hush(site)
    found = compare_traces(site, seed, 40, family, backend)
    assert found.differences == ()
    assert found.met


NATTED = "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING {} -j DNAT --to-destination {}\nCOMMIT\n"
FILTER = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n-A {} -j ACCEPT\nCOMMIT\n"
MANGLE = "*mangle\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n{}\nCOMMIT\n"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("ruleset", "probe"),
    [
        (
            MANGLE.format(":A - [0:0]\n-A POSTROUTING -j A\n-A A -i eth0 -j DROP"),
            Probe("remote", 4000, "server", 80, "udp"),
        ),
        (
            MANGLE.format(":A - [0:0]\n-A POSTROUTING -j A\n-A A -i eth0 -j DROP"),
            Probe("host", 4000, "remote", 80, "udp"),
        ),
        (FILTER.format("FORWARD -m ttl --ttl-eq 254"), Probe("remote", 4000, "server", 80, "udp")),
        (FILTER.format("INPUT -m ttl --ttl-eq 255"), Probe("remote", 4000, "host", 80, "udp")),
        (
            NATTED.format("-p udp", "192.0.2.11:53") + FILTER.format("INPUT -p udp -d 192.0.2.11 --dport 53"),
            Probe("remote", 4000, "host", 80, "udp"),
        ),
        (
            NATTED.format("-p udp", "192.0.2.11:53") + FILTER.format("INPUT -p udp -d 192.0.2.10 --dport 80"),
            Probe("remote", 4000, "host", 80, "udp"),
        ),
        (
            NATTED.format("-p udp", ":53") + FILTER.format("INPUT -p udp --dport 53 -m conntrack --ctstate DNAT"),
            Probe("remote", 4000, "host", 80, "udp"),
        ),
        (
            NATTED.format("-p udp", "192.0.2.10:80") + FILTER.format("INPUT -m conntrack --ctstate DNAT"),
            Probe("remote", 4000, "host", 80, "udp"),
        ),
    ],
    ids=[
        "interface in POSTROUTING",
        "none for own packets",
        "TTL forwarded",
        "TTL incoming",
        "new address",
        "old address",
        "DNAT",
        "DNAT to the same",
    ],
)
def test_the_kernel_does_the_same(site: Site, backend: Backend, ruleset: str, probe: Probe) -> None:
    reset(site.host)
    assert load(site.host, ruleset, 4, backend)
    found = ruleset_lint.trace(ruleset, packet_of(probe, 4), course="incoming" if probe.target == "host" else None)
    assert found.settled
    assert passed(site, (probe,))[probe] == (found.verdict == "ACCEPT")
