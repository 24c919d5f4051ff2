"""Hand-written NOTRACK rules, right and wrong: the harness sees what each of them breaks, opens and saves."""

from __future__ import annotations

import pytest

from .compare import Difference, compare, measure, owed
from .flows import Flow
from .probes import Probe
from .rulesets import BACKENDS, Backend
from .situation import ESTABLISHED, HTTP, LOCAL, LOCAL_OUT, REPLY, SSH, WEB, host, standard_flows, table, usual
from .topology import Site

IN_DPORT = "-A PREROUTING -p tcp -m tcp --dport 80 -j NOTRACK"
IN_SPORT = "-A PREROUTING -p tcp -m tcp --sport 80 -j NOTRACK"
OUT_DPORT = "-A OUTPUT -p tcp -m tcp --dport 80 -j NOTRACK"
OUT_SPORT = "-A OUTPUT -p tcp -m tcp --sport 80 -j NOTRACK"
IN_LOCAL = "-A PREROUTING ! -i lo -p tcp -m tcp --dport 80 -m addrtype --dst-type LOCAL -j NOTRACK"
OUT_LOCAL = "-A OUTPUT ! -o lo -p tcp -m tcp --sport 80 -j NOTRACK"
UNTRACKED = "-A INPUT -p tcp -m tcp --dport 80 -m state --state UNTRACKED -j ACCEPT"
BLANKET = "-A INPUT -m state --state UNTRACKED -j ACCEPT"
FROM_PORT = "-A INPUT -p tcp -m tcp --sport 80 -m state --state UNTRACKED -j ACCEPT"
LATER_FROM_PORT = "-A INPUT -p tcp -m tcp --sport 80 ! --syn -m state --state UNTRACKED -j ACCEPT"
EPHEMERAL = "-A INPUT -p tcp -m tcp --sport 80 --dport 32768:60999 ! --syn -m state --state UNTRACKED -j ACCEPT"
ORIGINAL = usual(WEB)

SERVE = Flow("remote", "host", 80)
ADMIN = Flow("remote", "host", 22)
BROWSE = Flow("host", "remote", 80)
ATTACK = Flow("remote", "host", 3306, client_port=80)
LOOP = Flow("host", "host", 80)
NARROW = Flow("distant", "host", 80, answer=5000)
ACK_ATTACK = Probe("remote", 80, "host", 3306, "tcp:A")
STRAY = Probe("remote", 80, "host", 40009, "tcp:SA")

NO_CONNECT = "connect: no answer"


def raw(*rules: str) -> str:
    return table("raw", *rules, PREROUTING="ACCEPT", OUTPUT="ACCEPT")


def variant(raw_rules: tuple[str, ...], *accepts: str) -> str:
    return ORIGINAL.replace("COMMIT", "\n".join((*accepts, "COMMIT"))) + raw(*raw_rules)


VARIANTS = {  # ruleset, in80, entries of in80, cl80, entries of cl80, attack
    "1.0 original": (ORIGINAL, "ok", 1, "ok", 1, NO_CONNECT),
    "1a in only": (variant((IN_DPORT,)), NO_CONNECT, 0, "ok", 1, NO_CONNECT),
    "1b in and out": (variant((IN_DPORT, OUT_SPORT)), NO_CONNECT, 0, "ok", 1, NO_CONNECT),
    "1a' in only, accepted": (variant((IN_DPORT,), UNTRACKED), "ok", 1, "ok", 1, NO_CONNECT),
    "1c in and out, accepted": (variant((IN_DPORT, OUT_SPORT), UNTRACKED), "ok", 0, "ok", 1, NO_CONNECT),
    "1c local": (variant((IN_LOCAL, OUT_LOCAL), UNTRACKED), "ok", 0, "ok", 1, NO_CONNECT),
    "1c broad": (variant((IN_DPORT, OUT_SPORT), BLANKET), "ok", 0, "ok", 1, NO_CONNECT),
    "1d both ports": (variant((IN_DPORT, IN_SPORT)), NO_CONNECT, 0, NO_CONNECT, 1, NO_CONNECT),
    "1d+ blanket": (variant((IN_DPORT, IN_SPORT), BLANKET), "ok", 1, "ok", 1, "ok"),
    "1d++ blanket, out too": (variant((IN_DPORT, IN_SPORT, OUT_SPORT, OUT_DPORT), BLANKET), "ok", 0, "ok", 0, "ok"),
    "2 both ports, accepted": (variant((IN_DPORT, IN_SPORT), UNTRACKED), "ok", 1, NO_CONNECT, 1, NO_CONNECT),
    "2 out too": (
        variant((IN_DPORT, IN_SPORT, OUT_SPORT, OUT_DPORT), UNTRACKED), "ok", 0, NO_CONNECT, 0, NO_CONNECT,
    ),
    "2 from the port": (
        variant((IN_DPORT, IN_SPORT, OUT_SPORT, OUT_DPORT), UNTRACKED, FROM_PORT), "ok", 0, "ok", 0, "ok",
    ),
    "2 from the port, no SYN": (
        variant((IN_DPORT, IN_SPORT, OUT_SPORT, OUT_DPORT), UNTRACKED, LATER_FROM_PORT), "ok", 0, "ok", 0, NO_CONNECT,
    ),
    "2 to ephemeral ports": (
        variant((IN_DPORT, IN_SPORT, OUT_SPORT, OUT_DPORT), UNTRACKED, EPHEMERAL), "ok", 0, "ok", 0, NO_CONNECT,
    ),
}  # fmt: skip

STRAYS_FROM_80 = {  # passes: stray ACK to 3306, stray SYN-ACK to 40009
    "1.0 original": (False, False),
    "1c in and out, accepted": (False, False),
    "1d+ blanket": (True, True),
    "2 from the port": (True, True),
    "2 from the port, no SYN": (True, True),
    "2 to ephemeral ports": (False, True),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", VARIANTS)
def test_connections(site: Site, name: str, backend: Backend) -> None:
    ruleset, served, serve_entries, browsed, browse_entries, attacked = VARIANTS[name]
    serve = measure(site, ruleset, (SERVE,), backend=backend)
    assert (serve.outcomes[SERVE], len(serve.tracked)) == (served, serve_entries)
    browse = measure(site, ruleset, (BROWSE,), backend=backend)
    assert (browse.outcomes[BROWSE], len(browse.tracked)) == (browsed, browse_entries)
    others = measure(site, ruleset, (ADMIN, ATTACK), backend=backend).outcomes
    assert (others[ADMIN], others[ATTACK]) == ("ok", attacked)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", STRAYS_FROM_80)
def test_strays_from_port_80(site: Site, name: str, backend: Backend) -> None:
    seen = measure(site, VARIANTS[name][0], (), (ACK_ATTACK, STRAY), backend=backend).passed
    assert (seen[ACK_ATTACK], seen[STRAY]) == STRAYS_FROM_80[name]


FLAGS = ("S", "A", "PA", "SA", "FA", "R", "RA", "", "FPU", "SF", "SR", "PUF")
GUARD = (
    "-A INPUT -p tcp -m tcp --dport 80 --tcp-flags SYN,ACK ACK -m state --state UNTRACKED -j ACCEPT",
    "-A INPUT -p tcp -m tcp --dport 80 --tcp-flags FIN,SYN,RST,ACK RST -m state --state UNTRACKED -j ACCEPT",
    "-A INPUT -p tcp -m tcp --dport 80 --syn -m state --state UNTRACKED -j ACCEPT",
)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("ruleset", "passing"),
    [
        pytest.param(ORIGINAL, "S A PA", id="tracked"),
        pytest.param(variant((IN_DPORT, OUT_SPORT), UNTRACKED), "S A PA SA FA R RA - FPU SF SR PUF", id="untracked"),
        pytest.param(variant((IN_DPORT, OUT_SPORT), *GUARD), "S A PA FA R RA", id="untracked-by-flags"),
    ],
)
def test_unsolicited_packets(site: Site, ruleset: str, passing: str, backend: Backend) -> None:
    probes = {flags: Probe("remote", 45000, "host", 80, f"tcp:{flags}") for flags in FLAGS}
    seen = measure(site, ruleset, (), tuple(probes.values()), backend=backend).passed
    assert " ".join(flags or "-" for flags in FLAGS if seen[probes[flags]]) == passing


INVALID = "-A INPUT -m state --state INVALID -j DROP"
TOO_BIG = "-A INPUT -p icmp -m icmp --icmp-type 3/4 -j ACCEPT"
QUOTING = (
    '-A INPUT -p icmp -m icmp --icmp-type 3 -m u32 --u32 "0>>22&0x3C@14&0xFF=6&&0>>22&0x3C@8>>22&0x3C@8>>16&0xFFFF=80"'
    " -j ACCEPT"
)
NARROW_LINK = {
    "tracked": (host(LOCAL, INVALID, ESTABLISHED, WEB), "ok"),
    "untracked": (host(LOCAL, ESTABLISHED, UNTRACKED) + raw(IN_DPORT, OUT_SPORT), "answer: no answer"),
    "accept below": (host(LOCAL, INVALID, UNTRACKED, TOO_BIG) + raw(IN_DPORT, OUT_SPORT), "answer: no answer"),
    "accept above": (host(LOCAL, TOO_BIG, INVALID, UNTRACKED) + raw(IN_DPORT, OUT_SPORT), "ok"),
    "quoting above": (host(LOCAL, QUOTING, INVALID, UNTRACKED) + raw(IN_DPORT, OUT_SPORT), "ok"),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NARROW_LINK)
def test_path_mtu_discovery(site: Site, name: str, backend: Backend) -> None:
    ruleset, outcome = NARROW_LINK[name]
    assert measure(site, ruleset, (NARROW,), backend=backend).outcomes[NARROW] == outcome


FIRST_PACKET = {  # on the accept rule; as original; with every packet of the service judged by it; 3 connections
    "--syn": ("-p tcp -m tcp --dport 80 --syn", "accept: no answer"),
    "limit": ("-p tcp -m tcp --dport 80 -m limit --limit 1/min --limit-burst 3", "client-fin: no answer"),
    "hashlimit": (
        "-p tcp --dport 80 -m hashlimit --hashlimit-upto 1/min --hashlimit-burst 2 --hashlimit-name web",
        "request: no answer",
    ),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", FIRST_PACKET)
def test_rules_that_judge_the_first_packet(site: Site, name: str, backend: Backend) -> None:
    match, outcome = FIRST_PACKET[name]
    before = usual(f"-A INPUT -m state --state NEW {match} -j ACCEPT")
    after = usual(f"-A INPUT -m state --state NEW,UNTRACKED {match} -j ACCEPT") + raw(IN_DPORT, OUT_SPORT)
    assert measure(site, before, (SERVE,), backend=backend).outcomes[SERVE] == "ok"
    assert measure(site, after, (SERVE,), backend=backend).outcomes[SERVE] == outcome


def test_loopback_without_accept(site: Site) -> None:
    before, after = host(ESTABLISHED, WEB), host(ESTABLISHED, WEB, UNTRACKED)
    naive, local = after + raw(IN_DPORT, OUT_SPORT), after + raw(IN_LOCAL, OUT_LOCAL)
    outcomes = [measure(site, ruleset, (LOOP,)) for ruleset in (before, naive, local)]
    assert [seen.outcomes[LOOP] for seen in outcomes] == ["ok", NO_CONNECT, "ok"]
    assert [len(seen.tracked) for seen in outcomes] == [1, 1, 1]


DEAD = "E1 tcp remote > host:80: ok -> connect: no answer"
BLIND = "E1 tcp distant > host:80 20+5000: ok -> answer: no answer"
OPEN = "E2 tcp:S remote:80 > host:3306: dropped -> passes"
TRACKED = "E4 tcp 192.0.2.10:80 > 203.0.113.77:40001: a connection of the service -> still tracked"
CLIENT = "E1 tcp host > remote:80: ok -> connect: no answer"
FAULTS = {
    "1.0 original": TRACKED.replace("192.0.2.10:80 > 203.0.113.77:40001", "203.0.113.77:40001 > 192.0.2.10:80"),
    "1a in only": DEAD,
    "1b in and out": DEAD,
    "1a' in only, accepted": TRACKED,
    "1c in and out, accepted": BLIND,
    "1c local": BLIND,
    "1c broad": BLIND,
    "1d both ports": CLIENT,
    "1d+ blanket": OPEN,
    "1d++ blanket, out too": OPEN,
    "2 both ports, accepted": CLIENT,
    "2 out too": CLIENT,
    "2 from the port": OPEN,
    "2 from the port, no SYN": "E2 tcp:A remote:80 > host:3306: dropped -> passes",
    "2 to ephemeral ports": "E2 tcp:SA remote:80 > host:40009: dropped -> passes",
}


@pytest.mark.parametrize("name", FAULTS)
def test_compare_finds_the_fault(site: Site, name: str) -> None:
    found = compare(site, ORIGINAL, VARIANTS[name][0], (HTTP,), (SERVE, BROWSE, NARROW))
    assert FAULTS[name] in owed(found)


SPECIALISED = (
    "-A INPUT ! -i lo -p tcp -m tcp --dport 80 -m addrtype --dst-type LOCAL -m state --state UNTRACKED -j web-in",
    QUOTING.replace("-A INPUT", "-A INPUT ! -i lo"),
    QUOTING.replace("-A INPUT", "-A INPUT ! -i lo").replace("--icmp-type 3", "--icmp-type 11"),
    QUOTING.replace("-A INPUT", "-A INPUT ! -i lo").replace("--icmp-type 3", "--icmp-type 12"),
    LOCAL, ESTABLISHED, SSH, WEB,
    "-A web-in -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT",
    "-A web-in -p tcp -m tcp --tcp-flags SYN,ACK ACK -j ACCEPT",
    "-A web-in -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK RST -j ACCEPT",
    "-A web-in -j DROP",
)  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
def test_compare_accepts_a_specialised_rewrite(site: Site, backend: Backend) -> None:
    after = host(*SPECIALISED, chains=("web-in",)) + raw(IN_LOCAL, OUT_LOCAL)
    flows = tuple(flow for _, flow in standard_flows(HTTP))
    assert owed(compare(site, ORIGINAL, after, (HTTP,), flows, backend=backend)) == []


def test_output_drop_needs_a_rule_for_answers(site: Site) -> None:
    before = host(LOCAL, LOCAL_OUT, ESTABLISHED, WEB, REPLY, outgoing="DROP")
    after = host(LOCAL, LOCAL_OUT, ESTABLISHED, WEB, UNTRACKED, REPLY, outgoing="DROP") + raw(IN_LOCAL, OUT_LOCAL)
    found = compare(site, before, after, (HTTP,), (SERVE,))
    assert Difference("E1", str(SERVE), "ok", NO_CONNECT) in found


def test_output_accept_by_port_opens_connections(site: Site) -> None:
    accept = "-A OUTPUT -p tcp -m tcp --sport 80 -m state --state UNTRACKED -j ACCEPT"
    before = host(LOCAL, LOCAL_OUT, ESTABLISHED, WEB, REPLY, outgoing="DROP")
    after = host(LOCAL, LOCAL_OUT, ESTABLISHED, WEB, UNTRACKED, REPLY, accept, outgoing="DROP") + raw(
        IN_LOCAL, OUT_LOCAL
    )
    found = compare(site, before, after, (HTTP,), (SERVE,))
    assert Difference("E1", "tcp:S host:80 > remote:45000", "dropped", "passes") in found
