"""A dump of the conntrack table as counts."""

from __future__ import annotations

import pytest

from ruleset_lint.model.counting import conntrack_table
from ruleset_lint.model.entries import ConntrackTable
from ruleset_lint.syntax.conntrack import parse

BACK = "src=192.0.2.10 dst=10.0.0.1 sport=9 dport=9 mark=0 use=1\n"


def line(protocol: str, number: int, state: str, port: str, flag: str = "") -> str:
    return f"{protocol}      {number} 9 {state}src=10.0.0.1 dst=192.0.2.10 sport=40000 dport={port} {flag}{BACK}"


@pytest.fixture
def table() -> ConntrackTable:
    text = (
        line("tcp", 6, "ESTABLISHED ", "80") * 3
        + line("tcp", 6, "SYN_SENT ", "22", "[UNREPLIED] ")
        + line("udp", 17, "", "80") * 4
        + "bogus\nicmp 1 9 src=1.1.1.1 dst=2.2.2.2 type=8 code=0 id=1 "
        "src=2.2.2.2 dst=1.1.1.1 type=0 code=0 id=1 use=1\n" + line("tcp", 6, "CLOSE ", "f00")
    )
    return conntrack_table(parse("nf_conntrack", text))


def test_entries_are_counted(table: ConntrackTable) -> None:
    assert (table.size, table.unreplied) == (10, 1)


def test_ports_are_those_of_the_first_packet(table: ConntrackTable) -> None:
    assert table.by_port == {("tcp", 80): 3, ("tcp", 22): 1, ("udp", 80): 4}


def test_states(table: ConntrackTable) -> None:
    assert table.by_state["tcp", "ESTABLISHED"] == 3
    assert table.by_state["udp", ""] == 4


@pytest.mark.parametrize(("protocol", "port", "share"), [("tcp", 80, 0.3), ("udp", 80, 0.4), ("tcp", 443, 0.0)])
def test_share(table: ConntrackTable, protocol: str, port: int, share: float) -> None:
    assert table.share(protocol, port) == pytest.approx(share)


def test_share_of_an_empty_table() -> None:
    assert conntrack_table(parse("nf_conntrack", "")).share("tcp", 80) == 0.0


def test_first_line_of_a_service(table: ConntrackTable) -> None:
    assert table.firsts["tcp", 22].number == 4
