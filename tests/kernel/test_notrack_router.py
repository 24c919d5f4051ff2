"""NOTRACK rules on a router, beside NAT, for datagrams and for IPv6: what each of them breaks and opens."""

from __future__ import annotations

import pytest

from .compare import measure
from .flows import Flow
from .probes import Probe
from .rulesets import BACKENDS, Backend
from .situation import ESTABLISHED, LOCAL, SSH, host, table, usual
from .situations import SITUATIONS
from .situations_hard import raw
from .topology import Site

SERVED = Flow("remote", "server", 80)
BROWSED = Flow("lan", "remote", 80)
ATTACK = Probe("remote", 80, "lan", 3306, "tcp:S")
STRAY = Probe("remote", 80, "lan", 3306, "tcp:A")
OUTWARDS = Probe("server", 80, "remote", 45000, "tcp:S")

STATE = "-m state --state"
FORWARD = (
    f"-A FORWARD {STATE} RELATED,ESTABLISHED -j ACCEPT",
    f"-A FORWARD -d 10.0.0.5/32 -i eth0 -p tcp {STATE} NEW -m tcp --dport 80 -j ACCEPT",
    f"-A FORWARD -s 10.0.0.0/24 -o eth0 -p tcp {STATE} NEW -m tcp --dport 80 -j ACCEPT",
)
IN_PLACE = tuple(rule.replace("NEW", "NEW,UNTRACKED") for rule in FORWARD)
BOTH = raw("-A PREROUTING -p tcp -m tcp --dport 80 -j NOTRACK", "-A PREROUTING -p tcp -m tcp --sport 80 -j NOTRACK")
NARROW = raw(
    "-A PREROUTING -d 10.0.0.5/32 -p tcp -m tcp --dport 80 -j NOTRACK",
    "-A PREROUTING -s 10.0.0.5/32 -p tcp -m tcp --sport 80 -j NOTRACK",
)
BLANKET = f"-A FORWARD {STATE} UNTRACKED -j ACCEPT"


def reverse(flags: str = "") -> tuple[str, ...]:
    return (
        f"-A FORWARD -s 10.0.0.5/32 -o eth0 -p tcp -m tcp --sport 80 {flags} {STATE} UNTRACKED -j ACCEPT",
        f"-A FORWARD -d 10.0.0.0/24 -i eth0 -p tcp -m tcp --sport 80 {flags} {STATE} UNTRACKED -j ACCEPT",
    )


def router(*rules: str) -> str:
    return table("filter", *rules, INPUT="DROP", FORWARD="DROP", OUTPUT="ACCEPT")


SILENT = "connect: no answer"
VARIANTS = {  # ruleset, served, its entries, browsed, its entries, SYN attack, ACK attack, the server opens outwards
    "original": (router(*FORWARD), "ok", 1, "ok", 1, False, False, False),
    "both ports": (router(*FORWARD) + BOTH, SILENT, 0, SILENT, 0, False, False, False),
    "blanket": (router(*FORWARD, BLANKET) + BOTH, "ok", 0, "ok", 0, True, True, True),
    "mirrored": (router(*IN_PLACE, *reverse()) + BOTH, "ok", 0, "ok", 0, True, True, True),
    "mirrored for the server only": (router(*IN_PLACE, reverse()[0]) + BOTH, "ok", 0, SILENT, 0, False, False, True),
    "mirrored, no SYN": (router(*IN_PLACE, *reverse("! --syn")) + BOTH, "ok", 0, "ok", 0, False, True, False),
    "narrow": (router(*IN_PLACE, reverse("! --syn")[0]) + NARROW, "ok", 0, "ok", 1, False, False, False),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", VARIANTS)
def test_router(site: Site, name: str, backend: Backend) -> None:
    ruleset, served, served_entries, browsed, browsed_entries, *verdicts = VARIANTS[name]
    serve = measure(site, ruleset, (SERVED,), backend=backend)
    assert (serve.outcomes[SERVED], len(serve.tracked)) == (served, served_entries)
    browse = measure(site, ruleset, (BROWSED,), (ATTACK, STRAY, OUTWARDS), backend=backend)
    assert (browse.outcomes[BROWSED], len(browse.tracked)) == (browsed, browsed_entries)
    assert list(browse.passed.values()) == verdicts


def test_the_router_as_client_of_a_server_it_does_not_track(site: Site) -> None:
    flow = Flow("leg", "server", 80)
    naive = router(LOCAL, ESTABLISHED, *IN_PLACE, reverse("! --syn")[0]) + NARROW
    local = naive.replace("-j NOTRACK", "-m addrtype ! --dst-type LOCAL -j NOTRACK")
    assert [measure(site, text, (flow,)).outcomes[flow] for text in (naive, local)] == [SILENT, "ok"]


DNAT = table(
    "nat",
    *(
        f"-A PREROUTING -i eth0 -p tcp -m tcp --dport {port} -j DNAT --to-destination 10.0.0.5:80"
        for port in (80, 8080)
    ),
    PREROUTING="ACCEPT",
    OUTPUT="ACCEPT",
    POSTROUTING="ACCEPT",
)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("rules", "outcomes"), [("", ["ok", "ok"]), (BOTH, [SILENT, SILENT])], ids=["tracked", "not"])
def test_translated_ports(site: Site, rules: str, outcomes: list[str], backend: Backend) -> None:
    """Nobody listens on the host itself: what is not translated is not answered, or answered by the wrong address."""
    flows = tuple(Flow("remote", "host", port, answered_by=("server", 80)) for port in (80, 8080))
    seen = measure(site, DNAT + router(*FORWARD, BLANKET) + rules, flows, backend=backend)
    assert list(seen.outcomes.values()) == outcomes


QUERY = Flow("remote", "host", 53, "udp")
RESOLVE = Flow("host", "remote", 53, "udp")
BIG = Flow("remote", "host", 53, "udp", request=2000, answer=2000)
SNMP = Probe("remote", 53, "host", 161, "udp")
EPHEMERAL = Probe("remote", 53, "host", 40009, "udp")
DNS = f"-A INPUT -p udp {STATE} NEW,UNTRACKED -m udp --dport 53 -j ACCEPT"
FROM_53 = f"-A INPUT -p udp -m udp --sport 53 {{}} {STATE} UNTRACKED -j ACCEPT"
UDP_ALL = raw(*(
    f"-A {chain} -p udp -m udp --{end}port 53 -j NOTRACK" for chain in ("PREROUTING", "OUTPUT") for end in "ds"
))  # fmt: skip
UDP_SERVER = raw("-A PREROUTING -p udp -m udp --dport 53 -j NOTRACK", "-A OUTPUT -p udp -m udp --sport 53 -j NOTRACK")
UDP_VARIANTS = {  # ruleset, entries of a query, resolver's outcome, its entries, to 161, to 40009
    "tracked": (usual(DNS), 1, "ok", 1, False, False),
    "from any to any": (usual(DNS, FROM_53.format("")) + UDP_ALL, 0, "ok", 0, True, True),
    "from 53 to high ports": (usual(DNS, FROM_53.format("--dport 32768:60999")) + UDP_ALL, 0, "ok", 0, False, True),
    "server only": (usual(DNS) + UDP_SERVER, 0, "ok", 1, False, False),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", UDP_VARIANTS)
def test_datagrams(site: Site, name: str, backend: Backend) -> None:
    ruleset, query_entries, resolved, resolve_entries, to_snmp, to_ephemeral = UDP_VARIANTS[name]
    query = measure(site, ruleset, (QUERY, BIG), (SNMP, EPHEMERAL), backend=backend)
    assert set(query.outcomes.values()) == {"ok"}
    assert len(query.tracked) == 2 * query_entries
    assert list(query.passed.values()) == [to_snmp, to_ephemeral]
    resolve = measure(site, ruleset, (RESOLVE,), backend=backend)
    assert (resolve.outcomes[RESOLVE], len(resolve.tracked)) == (resolved, resolve_entries)


ADVERTISEMENT = Probe("gateway", 0, "host", 0, "icmpv6:router-advertisement")
SOLICITATION = Probe("gateway", 0, "host", 0, "icmpv6:neighbour-solicitation")
BLANKET_6 = usual(f"-A INPUT {STATE} UNTRACKED -j ACCEPT")
NEIGHBOURS = {  # ruleset, router advertisement passes, neighbour solicitation passes
    "no accept": (SITUATIONS["v6-no-discovery"].ruleset, False, False),
    "own accepts": (SITUATIONS["v6-base"].ruleset, False, True),
    "invalid dropped": (SITUATIONS["v6-invalid-dropped"].ruleset, False, True),
    "blanket": (BLANKET_6, True, True),
    "not invalid": (host(LOCAL, "-A INPUT -m state ! --state INVALID,NEW -j ACCEPT", SSH), True, True),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NEIGHBOURS)
def test_neighbour_discovery_is_untracked(site: Site, name: str, backend: Backend) -> None:
    ruleset, *verdicts = NEIGHBOURS[name]
    seen = measure(site, ruleset, (), (ADVERTISEMENT, SOLICITATION), family=6, backend=backend)
    assert list(seen.passed.values()) == verdicts


PACKET_TOO_BIG = {  # rules above INVALID; what becomes of 5000 bytes over a narrow link
    "nothing": ("", "answer: no answer"),
    "type 2": ("-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 2 -j ACCEPT", "ok"),
    "quoting": (
        '-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 2 -m u32 --u32 "51&0xFF=6&&88>>16&0xFFFF=80" -j ACCEPT',
        "ok",
    ),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", PACKET_TOO_BIG)
def test_packet_too_big(site: Site, name: str, backend: Backend) -> None:
    accept, outcome = PACKET_TOO_BIG[name]
    narrow = Flow("distant", "host", 80, answer=5000)
    rules = (
        LOCAL,
        accept,
        f"-A INPUT {STATE} INVALID -j DROP",
        ESTABLISHED,
        "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT",
    )
    untracked = raw(
        "-A PREROUTING -p tcp -m tcp --dport 80 -j NOTRACK", "-A OUTPUT -p tcp -m tcp --sport 80 -j NOTRACK"
    )
    ruleset = host(*rules) + untracked
    assert measure(site, ruleset, (narrow,), family=6, backend=backend).outcomes[narrow] == outcome
