"""Kernel modules: names by kernel, aliases, parameters, and what loading one does."""

from __future__ import annotations

import pytest

from ruleset_lint.netfilter.modules import (
    alias_of,
    core_modules,
    current_name,
    gone,
    helper_for,
    helpers_of,
    loads_conntrack,
    parameters,
    registered_by,
    resolve,
    starts_tracking,
    teardown,
)
from ruleset_lint.netfilter.profiles import PROFILES, Profile, profile
from ruleset_lint.netfilter.services import Service

EVERY = [pytest.param(known, id=known.name) for known in PROFILES]


@pytest.mark.parametrize(
    ("name", "on", "loaded"),
    [
        ("ip_conntrack", "el5", "ip_conntrack"),
        ("ip_conntrack", "el7", "nf_conntrack_ipv4"),
        ("ip_conntrack", "el8", "nf_conntrack"),
        ("ip-conntrack-netbios-ns", "debian12", "nf_conntrack_netbios_ns"),
        ("ip_nat_ftp", "el6", "nf_nat_ftp"),
        ("ip_nat_ftp", "el7", None),
        ("nf_conntrack", "el5", None),
        ("nf_conntrack_ipv4", "el7.7", "nf_conntrack_ipv4"),
        ("nf_conntrack_ipv4", "el8", None),
        ("nf_nat_ipv4", "el8", "nf_nat_ipv4"),
        ("nf_nat_ipv4", "el9", None),
        ("ipt_state", "ubuntu24.04", "xt_state"),
        ("ipt_NOTRACK", "el6", "xt_NOTRACK"),
        ("ipt_NOTRACK", "el7", "xt_CT"),
        ("xt_CT", "el6", None),
        ("some_driver", "el5", "some_driver"),
    ],
)
def test_a_name_loads_a_module(name: str, on: str, loaded: str | None) -> None:
    assert resolve(name, profile(on)) == loaded


def test_an_alias_that_loads_is_not_gone() -> None:
    assert not gone("ip_conntrack_ftp", profile("el9"))
    assert alias_of("ip_conntrack_ftp", profile("el9")) == "nf_conntrack_ftp"


def test_a_real_module_is_no_alias() -> None:
    assert alias_of("nf-conntrack", profile("el9")) is None


@pytest.mark.parametrize(
    ("name", "on", "current"),
    [
        ("ip_nat_ftp", "el7", "nf_nat_ftp"),
        ("nf_conntrack_ipv6", "debian12", "nf_conntrack"),
        ("nf_conntrack_ftp", "el5", "ip_conntrack_ftp"),
        ("xt_NOTRACK", "el8", "xt_CT"),
        ("ipt_ULOG", "el8", None),
        ("nf_conntrack_ftp", "el8", "nf_conntrack_ftp"),
    ],
)
def test_what_is_gone_has_a_successor(name: str, on: str, current: str | None) -> None:
    assert current_name(name, profile(on)) == current


@pytest.mark.parametrize("known", EVERY)
def test_the_core_and_its_teardown_exist_where_they_are_named(known: Profile) -> None:
    assert not [name for name in (*core_modules(known), *teardown(known)) if resolve(name, known) != name]


@pytest.mark.parametrize(
    ("name", "on", "loads", "tracks"),
    [
        pytest.param("ip_conntrack_netbios_ns", "el5", True, True, id="el5 tracks as soon as it is loaded"),
        pytest.param("xt_NOTRACK", "el5", True, True, id="el5 NOTRACK needs conntrack"),
        pytest.param("nf_conntrack_ftp", "el6", True, False, id="el6 helper brings no hooks"),
        pytest.param("nf_nat_ftp", "el6", True, True, id="el6 nat brings them"),
        pytest.param("iptable_nat", "el7", True, True, id="el7 nat table"),
        pytest.param("nf_conntrack", "el7", True, False, id="el7 core alone"),
        pytest.param("ip_conntrack", "el7", True, True, id="el7 old name is the tracker of v4"),
        pytest.param("iptable_nat", "el8", True, False, id="el8 tracks on demand"),
        pytest.param("nf_conntrack_ipv4", "el8", False, False, id="el8 has no such module"),
        pytest.param("br_netfilter", "el7", False, False, id="unrelated"),
    ],
)
def test_loading_a_module_brings_conntrack(name: str, on: str, *, loads: bool, tracks: bool) -> None:
    assert (loads_conntrack(name, profile(on)), starts_tracking(name, profile(on))) == (loads, tracks)


@pytest.mark.parametrize(
    ("service", "helper"),
    [
        (Service("tcp", 21), "ftp"),
        (Service("udp", 69), "tftp"),
        (Service("udp", 137), "netbios-ns"),
        (Service("udp", 161), "snmp"),
        (Service("udp", 1719), "RAS"),
        (Service("tcp", 1720), "Q.931"),
        (Service("tcp", 1723), "pptp"),
        (Service("udp", 5060), "sip"),
        (Service("tcp", 6566), "sane"),
        (Service("tcp", 6667), "irc"),
        (Service("udp", 10080), "amanda"),
        (Service("tcp", 80), None),
        (Service("udp", 21), None),
    ],
    ids=str,
)
def test_control_ports_belong_to_helpers(service: Service, helper: str | None) -> None:
    found = helper_for(service)
    assert (found.name if found else None) == helper


@pytest.mark.parametrize(
    ("name", "helpers"),
    [
        ("ip_conntrack_ftp", ["ftp"]),
        ("nf-nat-ftp", ["ftp"]),
        ("nf_conntrack_h323", ["RAS", "Q.931"]),
        ("nf_conntrack_netlink", []),
        ("nf_conntrack", []),
    ],
)
def test_helpers_are_found_under_every_name_of_their_module(name: str, helpers: list[str]) -> None:
    assert [helper.name for helper in helpers_of(name)] == helpers


@pytest.mark.parametrize(
    ("name", "parameter", "on", "takes"),
    [
        ("nf_conntrack", "hashsize", "el6", True),
        ("nf_conntrack", "nf_conntrack_max", "el9", False),
        ("nf_conntrack", "nf_conntrack_helper", "el6", False),
        ("nf_conntrack", "nf_conntrack_helper", "el8", True),
        ("nf_conntrack", "nf_conntrack_helper", "debian12", False),
        ("nf_conntrack", "enable_hooks", "el8", False),
        ("nf_conntrack", "enable_hooks", "debian12", True),
        ("ip_conntrack", "hashsize", "el5", True),
        ("ip_conntrack_ftp", "ports", "el8", True),
        ("nf_conntrack_pptp", "ports", "el8", False),
    ],
)
def test_modules_take_parameters(name: str, parameter: str, on: str, *, takes: bool) -> None:
    known = parameters(name, profile(on))
    assert known is not None
    assert (parameter in known) == takes


def test_parameters_of_other_modules_are_not_known() -> None:
    assert parameters("e1000", profile("el8")) is None
    assert parameters("nf_conntrack", profile("el5")) is None


@pytest.mark.parametrize(
    ("variable", "on", "modules"),
    [
        ("max", "el7", ("nf_conntrack",)),
        ("generic_timeout", "el6", ("nf_conntrack",)),
        ("tcp_timeout_established", "el7", ("nf_conntrack_ipv4", "nf_conntrack_ipv6")),
        ("icmp_timeout", "el6", ("nf_conntrack_ipv4",)),
        ("icmpv6_timeout", "el7", ("nf_conntrack_ipv6",)),
        ("sctp_timeout_closed", "el7", ("nf_conntrack_proto_sctp",)),
        ("tcp_timeout_established", "el8", ("nf_conntrack",)),
        ("max", "el5", ("ip_conntrack",)),
    ],
)
def test_keys_come_with_a_module(variable: str, on: str, modules: tuple[str, ...]) -> None:
    assert registered_by(variable, profile(on)) == modules
