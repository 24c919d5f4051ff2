"""Rewrites with one slip each: each of these is told from the rewrite, and those that change nothing are not."""

from __future__ import annotations

from functools import cache

import pytest

from benchmarks.mutants import Case, called, cases_of, mutants

IN_RAW = "PREROUTING ! -i lo -p tcp -m tcp --dport 80"
JUMP = "INPUT ! -i lo -p tcp -m tcp --dport 80 -m addrtype --dst-type LOCAL -m conntrack --ctstate UNTRACKED"
ERRORS = "INPUT ! -i lo -p icmp"
SYN = "NT-tcp-80-in -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN"
ACK = "NT-tcp-80-in -p tcp -m tcp --tcp-flags SYN,ACK ACK"
RESET = "OUTPUT -s 10.0.0.5/32 -p tcp -m tcp --sport 80 --tcp-flags FIN,SYN,RST,PSH,URG RST"
TO_SERVER = "OUTPUT -d 10.0.0.5/32 -p tcp -m tcp --dport 80 --tcp-flags FIN,SYN,RST,PSH,URG RST"
SERVER = "PREROUTING -s 10.0.0.5/32 ! -i lo -p tcp"
TOLD = [  # situation, slip, the rule it is in
    ("base", "left out", "OUTPUT ! -o lo -p tcp"),
    ("base", "without ! -o lo", "OUTPUT ! -o lo -p tcp"),
    ("base", "left out", IN_RAW),
    ("base", "without ! -i lo", IN_RAW),
    ("base", "without --dst-type LOCAL", IN_RAW),
    ("base", "--dport 80 widened", IN_RAW),
    ("base", "CT turned into ACCEPT", IN_RAW),
    ("base", "left out", JUMP),
    ("base", "left out", ERRORS),
    ("base", "without --u32", ERRORS),
    ("base", "ACCEPT turned into DROP", SYN),
    ("base", "--tcp-flags SYN,ACK ACK turned round", ACK),
    ("blacklist", "left out", "NT-tcp-80-in -s 198.51.100.0/24"),
    ("reset (router)", "left out", RESET),
    ("reset (router)", "--tcp-flags FIN,SYN,RST,PSH,URG RST turned round", RESET),
    ("replies-rejected (router)", "left out", TO_SERVER),
    ("plain (router)", "without ! --dst-type LOCAL", SERVER),
    ("plain (router)", "--sport 80 widened", SERVER),
]
ALIKE = [
    ("base", "without --ctstate UNTRACKED", JUMP),
    ("base", "changed over with the next", SYN),
    ("base", "without ! -i lo", ERRORS),
    ("plain (router)", "changed over with the next", "PREROUTING -d 10.0.0.5/32"),
]


@cache
def rewrite(name: str) -> Case:
    return next(cases_of(name))


def answers(name: str, slip: str, rule: str) -> set[str]:
    case = rewrite(name)
    slips = [one for one in mutants(case.before, case.after) if one.slip.startswith(slip) and f"`{rule}" in one.slip]
    return {called(case, one.text) for one in slips}


@pytest.mark.parametrize(("name", "slip", "rule"), TOLD)
def test_a_slip_is_told(name: str, slip: str, rule: str) -> None:
    assert answers(name, slip, rule) == {"different"}


@pytest.mark.parametrize(("name", "slip", "rule"), ALIKE)
def test_what_changes_nothing_is_equal(name: str, slip: str, rule: str) -> None:
    assert answers(name, slip, rule) == {"equal"}
