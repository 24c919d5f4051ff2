"""Where kernel.org's kernels differ from those of Enterprise Linux that are near them: modules, sysctls, parameters."""

from __future__ import annotations

import pytest

from ruleset_lint.netfilter import modules, sysctls
from ruleset_lint.netfilter.profiles import profile


@pytest.mark.parametrize(
    ("name", "on", "loaded"),
    [
        ("nf_conntrack_ipv4", "ubuntu18.04", "nf_conntrack_ipv4"),
        ("nf_conntrack_ipv4", "amazon2", "nf_conntrack_ipv4"),
        ("nf_conntrack_ipv4", "debian10", None),
        ("nf_conntrack_ipv4", "amazon2-5.10", None),
        ("ip_conntrack", "ubuntu18.04", "nf_conntrack_ipv4"),
        ("ip_conntrack", "ubuntu20.04", "nf_conntrack"),
        ("ip_nat_ftp", "el7", None),
        ("ip_nat_ftp", "ubuntu18.04", "nf_nat_ftp"),
        ("ip_nat_ftp", "el8", None),
        ("ip_nat_ftp", "debian10", "nf_nat_ftp"),
        ("ip_nat_ftp", "ubuntu20.04", None),
        ("nf_conntrack_proto_sctp", "el7", "nf_conntrack_proto_sctp"),
        ("nf_conntrack_proto_sctp", "ubuntu18.04", None),
        ("nf_conntrack_proto_gre", "debian10", "nf_conntrack_proto_gre"),
        ("nf_conntrack_proto_gre", "debian11", None),
        ("ipt_MASQUERADE", "debian10", "ipt_MASQUERADE"),
        ("ipt_MASQUERADE", "debian11", "xt_MASQUERADE"),
    ],
)
def test_modules_have_the_names_of_their_kernel(name: str, on: str, loaded: str | None) -> None:
    assert modules.resolve(name, profile(on)) == loaded


@pytest.mark.parametrize("on", ["ubuntu18.04", "amazon2"])
def test_split_modules_may_track_on_demand(on: str) -> None:
    assert not modules.starts_tracking("nf_conntrack_ipv4", profile(on))
    assert modules.teardown(profile(on)) == ()


@pytest.mark.parametrize(
    ("variable", "on", "owners"),
    [
        ("tcp_timeout_established", "ubuntu18.04", ("nf_conntrack_ipv4", "nf_conntrack_ipv6")),
        ("sctp_timeout_established", "ubuntu18.04", ("nf_conntrack_ipv4", "nf_conntrack_ipv6")),
        ("sctp_timeout_established", "el7", ("nf_conntrack_proto_sctp",)),
        ("max", "ubuntu18.04", ("nf_conntrack",)),
        ("tcp_timeout_established", "debian10", ("nf_conntrack",)),
    ],
)
def test_keys_come_with_the_modules_of_their_kernel(variable: str, on: str, owners: tuple[str, ...]) -> None:
    assert modules.registered_by(variable, profile(on)) == owners


@pytest.mark.parametrize(
    ("name", "on", "value"),
    [
        ("udp_timeout_stream", "debian10", 180),
        ("udp_timeout_stream", "ubuntu20.04", 120),
        ("gre_timeout", "debian10", None),
        ("gre_timeout", "ubuntu20.04", 30),
        ("udplite_timeout", "ubuntu18.04", None),
        ("events", "ubuntu22.04", 1),
        ("events", "el9", 2),
        ("events", "debian12", 2),
        ("tcp_ignore_invalid_rst", "debian11", None),
        ("tcp_ignore_invalid_rst", "ubuntu22.04", 0),
        ("sctp_timeout_established", "ubuntu22.04", "varies"),
        ("sctp_timeout_established", "debian13", 210),
        ("helper", "ubuntu22.04", 0),
        ("helper", "el10", None),
        ("dccp_loose", "debian13", 1),
        ("dccp_loose", "ubuntu26.04", None),
    ],
)
def test_defaults_are_those_of_the_kernel(name: str, on: str, value: object) -> None:
    variable = next(known for known in sysctls.VARIABLES if known.name == name)
    assert sysctls.default(variable, profile(on)) == value


@pytest.mark.parametrize(("on", "known"), [("debian10", False), ("ubuntu20.04", True), ("ubuntu22.04", True)])
def test_hooks_can_be_asked_for_when_the_module_loads(on: str, known: bool) -> None:
    assert ("enable_hooks" in (modules.parameters("nf_conntrack", profile(on)) or ())) is known


@pytest.mark.parametrize(("on", "waits"), [("ubuntu18.04", False), ("debian10", True), ("amazon2", True)])
def test_restore_waits_for_the_lock_since_1_6_2(on: str, waits: bool) -> None:
    assert profile(on).restore_wait is waits
