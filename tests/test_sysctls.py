"""Sysctl keys of connection tracking: names, defaults and limits by kernel."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruleset_lint.netfilter import sysctls
from ruleset_lint.netfilter.profiles import PROFILES, Profile, profile

EVERY = [pytest.param(known, id=known.name) for known in PROFILES]
OLD = "net.ipv4.netfilter.ip_conntrack_max"
SHORT_OLD = "net.ipv4.ip_conntrack_max"
NEW = "net.netfilter.nf_conntrack_max"
SHORT_NEW = "net.nf_conntrack_max"


def named(name: str) -> sysctls.Variable:
    found = sysctls.variable_of(f"net.netfilter.nf_conntrack_{name}")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("key", "normal"),
    [
        ("net/netfilter/nf_conntrack_max", "net.netfilter.nf_conntrack_max"),
        ("net.netfilter.nf_conntrack_max", "net.netfilter.nf_conntrack_max"),
        ("net/ipv4/conf/eth0.100/forwarding", "net.ipv4.conf.eth0/100.forwarding"),
        ("net.ipv4.conf.eth0/100.forwarding", "net.ipv4.conf.eth0/100.forwarding"),
        ("kernel", "kernel"),
    ],
)
def test_the_first_separator_decides(key: str, normal: str) -> None:
    assert sysctls.dotted(key) == normal


@given(st.text(max_size=100))
def test_any_text_has_a_state_everywhere(key: str) -> None:
    assert {sysctls.state(key, known) for known in PROFILES} <= {"foreign", "unknown"}


@pytest.mark.parametrize(
    ("key", "on", "state"),
    [
        (NEW, "el8", "live"),
        (SHORT_NEW, "el8", "live"),
        ("net/netfilter/nf_conntrack_max", "el8", "live"),
        (OLD, "el5", "live"),
        (SHORT_OLD, "el5", "live"),
        (OLD, "el6", "renamed"),
        (NEW, "el5", "renamed"),
        ("net.nf_conntrack_buckets", "el8", "renamed"),
        ("net.netfilter.nf_conntrack_buckets", "el7", "read-only"),
        ("net.netfilter.nf_conntrack_buckets", "el8", "live"),
        ("net.ipv4.netfilter.ip_conntrack_buckets", "el5", "read-only"),
        ("net.netfilter.nf_conntrack_count", "debian12", "read-only"),
        ("net.netfilter.nf_conntrack_helper", "el6", "absent"),
        ("net.netfilter.nf_conntrack_helper", "el9", "live"),
        ("net.netfilter.nf_conntrack_helper", "debian12", "absent"),
        ("net.netfilter.nf_conntrack_hashsize", "el8", "unknown"),
        ("net.ipv4.ip_forward", "el8", "foreign"),
    ],
)
def test_a_line_lives_or_dies_with_the_kernel(key: str, on: str, state: str) -> None:
    assert sysctls.state(key, profile(on)) == state


@pytest.mark.parametrize(
    ("one", "other", "on"),
    [(NEW, SHORT_NEW, "el6"), (OLD, SHORT_OLD, "el5"), (NEW, "net/nf_conntrack_max", "ubuntu24.04")],
)
def test_two_names_are_one_variable(one: str, other: str, on: str) -> None:
    assert sysctls.canonical(one, profile(on)) == sysctls.canonical(other, profile(on)) is not None


def test_a_dead_name_is_no_variable() -> None:
    assert sysctls.canonical(OLD, profile("el8")) is None


@pytest.mark.parametrize(
    ("key", "on", "name"),
    [
        (OLD, "el7", NEW),
        (SHORT_OLD, "el7", NEW),
        (SHORT_NEW, "el5", OLD),
        (NEW, "el7", None),
        ("net.netfilter.nf_conntrack_acct", "el5", None),
    ],
)
def test_a_dead_name_has_a_living_one(key: str, on: str, name: str | None) -> None:
    assert sysctls.renamed(key, profile(on)) == name


@pytest.mark.parametrize("known", EVERY)
def test_each_key_written_is_a_key_that_exists(known: Profile) -> None:
    keys = [sysctls.key_of(variable, known) for variable in sysctls.VARIABLES]
    assert not [key for key in keys if key and not sysctls.exists(key, known)]


@pytest.mark.parametrize("known", EVERY)
def test_each_default_is_a_value_the_kernel_takes(known: Profile) -> None:
    values = [(variable, sysctls.default(variable, known)) for variable in sysctls.VARIABLES]
    assert not [
        variable.name
        for variable, value in values
        if isinstance(value, int) and sysctls.problem(variable, value, known)
    ]


@pytest.mark.parametrize(
    ("name", "on", "value"),
    [
        ("tcp_timeout_established", "el5", 432000),
        ("udp_timeout_stream", "el7", 180),
        ("udp_timeout_stream", "el8", 120),
        ("sctp_timeout_established", "el9", 210),
        ("helper", "el7", 1),
        ("helper", "el8", 0),
        ("max", "el8", "varies"),
        ("acct", "el5", None),
    ],
)
def test_defaults_differ_by_kernel(name: str, on: str, value: object) -> None:
    assert sysctls.default(named(name), profile(on)) == value


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7440", 7440),
        (" 7440 ", 7440),
        ("010", 8),
        ("0x1000", 4096),
        ("0", 0),
        ("-1", -1),
        ("08", None),
        ("7440s", None),
        ("", None),
        ("٧", None),
        ("9" * 5000, None),
    ],
)
def test_values_read_as_the_kernel_reads_them(text: str, number: int | None) -> None:
    assert sysctls.number(text) == number


@pytest.mark.parametrize(
    ("name", "value", "on", "problem"),
    [
        ("max", 0, "el8", None),
        ("max", 2**31, "el8", "2147483648 is above 2147483647"),
        ("max", -1, "el8", "-1 is below 0"),
        ("buckets", 0, "el8", "0 is below 1"),
        ("tcp_loose", 2, "debian12", "2 is above 1"),
        ("tcp_loose", 2, "el7", None),
        ("tcp_timeout_established", 2147484, "el8", "2147484 is above 2147483"),
        ("tcp_timeout_established", 2147484, "debian12", None),
        ("log_invalid", 256, "el5", "256 is above 255"),
    ],
)
def test_values_out_of_range_are_told(name: str, value: int, on: str, problem: str | None) -> None:
    assert sysctls.problem(named(name), value, profile(on)) == problem


@pytest.mark.parametrize(
    ("name", "value", "source"),
    [
        ("tcp_timeout_established", 7439, "RFC 5382"),
        ("tcp_timeout_established", 7440, None),
        ("udp_timeout_stream", 119, "RFC 4787"),
        ("udp_timeout", 1, None),
    ],
)
def test_time_outs_have_floors(name: str, value: int, source: str | None) -> None:
    floor = sysctls.below_floor(named(name), value)
    assert (floor.source if floor else None) == source


def test_an_owner_is_named_for_living_keys_only() -> None:
    assert sysctls.owner(NEW, profile("el7")) == ("nf_conntrack",)
    assert sysctls.owner(OLD, profile("el7")) == ()


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="a network namespace needs root")
def test_this_kernel_has_the_defaults_of_its_generation() -> None:
    if not Path("/proc/sys/net/netfilter/nf_conntrack_max").exists():
        pytest.skip("this kernel has no connection tracking")
    command = ["unshare", "-n", "grep", "-s", "", "-r", "/proc/sys/net/netfilter"]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    measured = {Path(name).name: value for name, _, value in (line.partition(":") for line in lines)}
    newest = PROFILES[-1]
    known = {f"nf_conntrack_{variable.name}": sysctls.default(variable, newest) for variable in sysctls.VARIABLES}
    shared = {name: value for name, value in known.items() if isinstance(value, int) and name in measured}
    assert shared == {name: int(measured[name]) for name in shared}
    assert not {name for name in measured if name.startswith("nf_conntrack_")} - known.keys()
