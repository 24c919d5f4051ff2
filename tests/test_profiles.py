"""Profiles: the entries, and which of them the evidence of a machine admits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruleset_lint.netfilter import service_config, services
from ruleset_lint.netfilter.profiles import MODERN, PROFILES, Narrowed, Profile, UnknownProfileError, narrow, profile

EVERY = [pytest.param(known, id=known.name) for known in PROFILES]


def names(found: Narrowed) -> list[str]:
    return [known.name for known in found.profiles]


def test_profiles_are_ordered_by_kernel() -> None:
    assert [known.kernel for known in PROFILES] == sorted(known.kernel for known in PROFILES)


@pytest.mark.parametrize("known", EVERY)
def test_a_profile_is_found_by_its_name_in_any_case(known: Profile) -> None:
    assert profile(known.name.upper()) is known


def test_an_unknown_name_is_answered_with_those_that_exist() -> None:
    with pytest.raises(UnknownProfileError, match=r"^no profile 'el4', there are el5, el6, el7, el7.7, el8"):
        profile("el4")


@pytest.mark.parametrize("known", EVERY)
def test_paths_are_relative_to_the_root_of_the_machine(known: Profile) -> None:
    paths = known.paths
    single = (*paths.rules, *(paths.service_config or ()), paths.sysctl_file, paths.modprobe_file)
    assert not [path for path in (*single, *paths.sysctl_directories) if path.startswith("/")]


@pytest.mark.parametrize("known", EVERY)
def test_what_follows_from_the_kernel_is_consistent(known: Profile) -> None:
    assert known.has_ct_target == (known.notrack_spelling == "CT --notrack") == (known.kernel >= (3, 8, 0))
    assert known.buckets_writable == (known.kernel >= (4, 7, 0))
    assert (known.insert_limit is not None) == (known.kernel >= (5, 14, 0))
    assert (known.hooks == "on-demand") == (known.names == "merged")


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        pytest.param("1.3.5", ["el5"], id="el5"),
        pytest.param("1.4.7", ["el6"], id="el6"),
        pytest.param("1.4.21", ["el7", "el7.7"], id="el7, whichever minor"),
        pytest.param("1.8.4", ["el8"], id="el8"),
        pytest.param("1.8.9", ["debian12"], id="debian 12"),
        pytest.param("1.8.10", ["el9", "ubuntu24.04"], id="two distributions"),
        pytest.param("1.8.99", ["el9", "ubuntu24.04"], id="newer than any: the newest"),
        pytest.param("1.6.1", ["el7", "el7.7", "el8"], id="between two: both neighbours"),
        pytest.param("1.0", ["el5"], id="older than any: the oldest"),
        pytest.param("९.८", [known.name for known in MODERN], id="digits of another script are none"),
    ],
)
def test_the_version_of_iptables_narrows(version: str, expected: list[str]) -> None:
    assert names(narrow(iptables_version=version)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CentOS release 5.11 (Final)", ["el5"]),
        ("CentOS release 6.10 (Final)", ["el6"]),
        ("Red Hat Enterprise Linux Server release 7.6 (Maipo)", ["el7"]),
        ("CentOS Linux release 7.9.2009 (Core)", ["el7.7"]),
        ("CentOS Linux release 7 (Core)", ["el7", "el7.7"]),
        ("CentOS Stream release 9", ["el9"]),
        ("AlmaLinux release 10.0 (Purple Lion)", ["el9"]),
        ("Amazon Linux release 2 (Karoo)", ["el8"]),
    ],
)
def test_redhat_release_narrows(text: str, expected: list[str]) -> None:
    assert names(narrow(redhat_release=text)) == expected


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        pytest.param({"ID": "rhel", "VERSION_ID": "8.6"}, ["el8"], id="rhel 8"),
        pytest.param({"ID": "centos", "VERSION_ID": "7"}, ["el7", "el7.7"], id="centos 7 tells no minor"),
        pytest.param({"ID": "debian", "VERSION_ID": "12"}, ["debian12"], id="debian 12"),
        pytest.param({"ID": "debian"}, ["debian12"], id="debian unstable has no version"),
        pytest.param({"ID": "ubuntu", "VERSION_ID": "24.04", "ID_LIKE": "debian"}, ["ubuntu24.04"], id="ubuntu 24.04"),
        pytest.param({"ID": "mint", "VERSION_ID": "21", "ID_LIKE": "ubuntu debian"}, ["ubuntu24.04"], id="like ubuntu"),
        pytest.param({"ID": "arch"}, [known.name for known in MODERN], id="a family without an entry"),
    ],
)
def test_os_release_narrows(variables: dict[str, str], expected: list[str]) -> None:
    assert names(narrow(os_release=variables)) == expected


def test_the_minor_release_of_one_file_completes_the_other() -> None:
    centos = {"ID": "centos", "VERSION_ID": "7"}
    assert names(narrow(os_release=centos, redhat_release="CentOS Linux release 7.9.2009 (Core)")) == ["el7.7"]


def test_a_kernel_of_7_7_excludes_earlier_releases() -> None:
    assert names(narrow(iptables_version="1.4.21", kernel_release="3.10.0-1160.el7.x86_64")) == ["el7.7"]


def test_an_older_kernel_may_run_on_a_later_release() -> None:
    assert names(narrow(iptables_version="1.4.21", kernel_release="3.10.0-957.el7.x86_64")) == ["el7", "el7.7"]


def test_what_the_machine_says_outweighs_the_header_of_a_file() -> None:
    assert names(narrow(redhat_release="CentOS Linux release 7.9.2009 (Core)", iptables_version="1.4.7")) == ["el7.7"]


def test_a_machine_that_contradicts_itself_is_taken_as_modern() -> None:
    found = narrow(os_release={"ID": "centos", "VERSION_ID": "8"}, redhat_release="CentOS release 6.10 (Final)")
    assert found == (MODERN, "centos 8, CentOS 6.10 contradict each other")


def test_without_evidence_the_modern_ones_are_taken() -> None:
    assert narrow() == (MODERN, "nothing tells the release")


def test_a_release_without_an_entry_is_named_in_the_reason() -> None:
    assert narrow(os_release={"ID": "ubuntu", "VERSION_ID": "22.04"}).reason == "ubuntu 22.04, taken as Ubuntu 24.04"


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=200))
def test_any_text_is_evidence_of_something(version: str, release: str, value: str) -> None:
    found = narrow(
        iptables_version=version,
        redhat_release=release,
        kernel_release=value,
        os_release={"ID": value, "VERSION_ID": version},
    )
    assert found.profiles
    assert len(found.reason) < 600


@pytest.mark.parametrize(
    ("text", "protocol", "port"),
    [
        ("80", "tcp", 80),
        ("http", "tcp", 80),
        ("www", None, 80),
        ("ntp", None, 123),
        ("ntp", "udp", 123),
        ("65536", "tcp", None),
        ("no-such-service", "tcp", None),
        ("a\x00b", "tcp", None),
    ],
)
def test_ports_have_numbers_and_names(text: str, protocol: str | None, port: int | None) -> None:
    assert services.port_of(text, protocol) == port


@pytest.mark.parametrize("text", ["tcp/80", "TCP/http", " tcp/www "])
def test_a_service_is_a_protocol_and_a_port(text: str) -> None:
    assert str(services.parse_service(text)) == "tcp/80"


@pytest.mark.parametrize("text", ["80", "tcp", "tcp/", "tcp/0", "tcp/65536", "icmp/8", "tcp/80\nudp/53", "tcp/٨٠"])
def test_what_is_no_service_is_refused(text: str) -> None:
    with pytest.raises(services.ServiceError):
        services.parse_service(text)


def test_no_busy_service_sends_from_its_own_port() -> None:
    assert not services.BUSY & services.SENDS_FROM_OWN_PORT


@pytest.mark.parametrize(
    ("name", "on", "use"),
    [
        ("IPTABLES_MODULES_UNLOAD", "el7", "read"),
        ("IPTABLES_MODULES_UNLOAD", "el7.7", "ignored"),
        ("IP6TABLES_RESTORE_WAIT", "el6", "ignored"),
        ("IPTABLES_RESTORE_WAIT", "el7", "some-packages"),
        ("IPTABLES_SYSCTL_LOAD_LIST", "el8", "read"),
        ("IPTABLES_MODULES", "debian12", "ignored"),
    ],
)
def test_releases_read_different_variables(name: str, on: str, use: str) -> None:
    known = service_config.variable(name)
    assert known is not None
    assert service_config.use(known, profile(on)) == use


@pytest.mark.parametrize("value", ["Yes", "YES", "true", "1", "yes\r"])
def test_only_yes_is_yes(value: str) -> None:
    assert not service_config.is_yes(value)
    assert service_config.looks_like_yes(value)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("IPTABLES_MODULE", "IPTABLES_MODULES"),
        ("IPTABLES_SYSCTL_LOADLIST", "IPTABLES_SYSCTL_LOAD_LIST"),
        ("PATH", None),
    ],
)
def test_a_misspelt_variable_has_a_nearest_name(name: str, nearest: str | None) -> None:
    assert service_config.nearest_name(name, 4) == nearest
