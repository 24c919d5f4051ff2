"""Rulesets in which a service leaves connection tracking, compared with those before: what breaks, and what opens."""

from __future__ import annotations

import pytest
from connection_beside import BESIDE
from connection_faults import (
    NARROW,
    NOTRACK,
    ORIGINAL,
    QUOTES,
    ROUTER,
    ROUTERS,
    SERVER,
    SPECIALISED,
    STATE,
    VARIANTS,
    Fault,
    router,
)
from connection_patches import PATCHES
from kernel.situation import host, table
from kernel.situations import SITUATIONS

from ruleset_lint.model.loading import load
from ruleset_lint.packets.difference import Difference, Proof
from ruleset_lint.packets.endpoints import Role, parse_endpoint
from ruleset_lint.packets.equivalence import prove
from ruleset_lint.packets.packet_text import packet_text
from ruleset_lint.rewrite.notrack import Request, untrack
from ruleset_lint.syntax.iptables_save import parse

TCP = "-p tcp -m tcp"
BY_FLAGS = tuple(
    f"{TCP} --tcp-flags {flags}" for flags in ("FIN,SYN,RST,ACK SYN", "SYN,ACK ACK", "FIN,SYN,RST,ACK RST", "ACK ACK")
)
OPEN_FROM = ("-i eth0", "-s 10.0.0.0/24 -o eth0")  # who may open a connection to the server, and what its replies are
OPEN_TO = ("-o eth0", "-d 10.0.0.0/24 -i eth0")
OPENED_BY_SERVER = ("-o eth0 -p tcp -m tcp --dport 80", "-i eth0 -d 10.0.0.5/32 -p tcp -m tcp --dport 80")


def compared(before: str, after: str, *services: str, family: int = 4, role: Role = "router") -> Proof:
    rulesets = (load(parse(name, text), family) for name, text in (("before", before), ("after", after)))
    return prove(*rulesets, [parse_endpoint(service) for service in services], role=role)


def fits(fault: Fault, found: Difference) -> bool:
    text = f" {packet_text(found.packet)} "
    return (
        (found.clause, found.what) == (fault.clause, fault.what)
        and fault.role in found.role
        and all(word in text for word in fault.packet)
        and (found.before.verdict, found.after.verdict) == fault.verdicts
    )


FAULTS = {**VARIANTS, **ROUTERS, **PATCHES, **BESIDE}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_and_shown(name: str) -> None:
    fault = FAULTS[name]
    found = compared(fault.before, fault.after, fault.service, family=fault.family, role=fault.machine)
    shown = [f"{one.clause} {one.role} {one.what}: {packet_text(one.packet)} {one.before.verdict} > {one.after.verdict}"
             for one in found.differences]  # fmt: skip
    assert any(fits(fault, one) for one in found.differences), "\n".join(shown)


def test_a_specialised_ruleset_is_equal() -> None:
    found = compared(ORIGINAL, host(*SPECIALISED, chains=("web-in",)) + NOTRACK, "tcp/80")
    assert (found.outcome, found.differences) == ("equal", ())


def test_services_are_compared_by_family() -> None:
    text = ORIGINAL + NOTRACK
    assert compared(ORIGINAL, ORIGINAL, "tcp/80@2001:db8::5").equal
    assert not compared(ORIGINAL, text, "tcp/80@2001:db8::5").equal


@pytest.mark.parametrize("name", ["limit", "recent-hitcount", "statistic"])
def test_what_counts_the_first_packets_alike_is_said(name: str) -> None:
    situated = SITUATIONS[name]
    made = untrack(load(parse(name, situated.ruleset)), Request((parse_endpoint("tcp/80"),)))
    found = compared(situated.ruleset, made.text, "tcp/80")
    assert found.equal
    assert any("counts alike: the same packets of tcp/80 come to it" in one for one in found.assumptions)


def test_what_no_rewrite_avoids_is_noted() -> None:
    found = compared(ORIGINAL, host(*SPECIALISED, chains=("web-in",)) + NOTRACK, "tcp/80")
    roles = [note.role for note in found.notes]
    assert "packet to tcp/80 that belongs to no connection, but could" in roles
    assert "answer to a connection that is opened from tcp/80" in roles


def test_a_server_behind_a_router_is_specialised() -> None:
    """The rewrite of NOTRACK's narrow variant, with errors and the flags of strays told apart."""
    to, of = "-d 10.0.0.5/32 -p tcp -m tcp --dport 80", "-s 10.0.0.5/32 -p tcp -m tcp --sport 80"
    error = "-p icmp -m icmp --icmp-type {} -m state --state INVALID " + QUOTES
    back = error.replace("8>>16&0xFFFF=80", "8&0xFFFF=80")
    kinds = ("3", "11", "12")
    rules = (
        f"-A FORWARD {to} {STATE} UNTRACKED -j in",
        f"-A FORWARD {of} {STATE} UNTRACKED -j out",
        *(f"-A FORWARD -d 10.0.0.5/32 {error.format(kind)}" for kind in kinds),
        *(f"-A FORWARD {back.format(kind)}" for kind in kinds),
        *ROUTER,
        *(f"-A in {asked} {flags} -j ACCEPT" for asked in OPEN_FROM for flags in BY_FLAGS[:3]),
        "-A in -j DROP",
        *(f"-A out {asked} {flags} -j ACCEPT" for asked in OPEN_TO for flags in BY_FLAGS[1:]),
        *(f"-A out {asked} {BY_FLAGS[0]} -j ACCEPT" for asked in OPENED_BY_SERVER),
        "-A out -j DROP",
    )
    text = table("filter", *rules, chains=("in", "out"), INPUT="DROP", FORWARD="DROP", OUTPUT="ACCEPT")
    local = NARROW.replace("-j NOTRACK", "-m addrtype ! --dst-type LOCAL -j NOTRACK")
    found = compared(router(*ROUTER), text + local.replace("PREROUTING -", "PREROUTING ! -i lo -"), SERVER)
    assert [packet_text(one.packet) for one in found.differences] == []
    assert any("by the interface" in one for one in found.assumptions)
