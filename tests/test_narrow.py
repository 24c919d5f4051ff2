"""Which profiles the evidence of a machine admits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruleset_lint.netfilter.kernels import kernel_of
from ruleset_lint.netfilter.profiles import MODERN, Narrowed, narrow
from ruleset_lint.netfilter.releases import Backend


def names(found: Narrowed) -> list[str]:
    return [known.name for known in found.profiles]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        pytest.param("1.3.5", ["el5"], id="el5"),
        pytest.param("1.4.7", ["el6"], id="el6"),
        pytest.param("1.4.21", ["el7", "el7.7"], id="el7, whichever minor"),
        pytest.param("1.8.2", ["amazon2", "el8", "debian10", "amazon2-5.10"], id="el8, debian 10"),
        pytest.param("1.8.4", ["amazon2", "el8", "ubuntu20.04", "amazon2-5.10"], id="el8, ubuntu 20.04, amazon 2"),
        pytest.param("1.8.5", ["el8"], id="el8 alone"),
        pytest.param("1.8.7", ["debian11", "el9", "ubuntu22.04"], id="debian 11, el9, ubuntu 22.04"),
        pytest.param("1.8.8", ["el9", "amazon2023"], id="el9, amazon 2023"),
        pytest.param("1.8.9", ["debian12"], id="debian 12"),
        pytest.param("1.8.10", ["el9", "ubuntu24.04"], id="two distributions"),
        pytest.param("1.8.11", ["el10", "debian13", "ubuntu26.04"], id="el10, debian 13, ubuntu 26.04"),
        pytest.param("1.8.99", ["el10", "debian13", "ubuntu26.04"], id="newer than any: the newest"),
        pytest.param("1.6.1", ["ubuntu18.04"], id="ubuntu 18.04"),
        pytest.param("1.6.0", ["el7", "el7.7", "ubuntu18.04"], id="between two: both neighbours"),
        pytest.param("1.0", ["el5"], id="older than any: the oldest"),
        pytest.param("९.८", [known.name for known in MODERN], id="digits of another script are none"),
    ],
)
def test_the_version_of_iptables_narrows(version: str, expected: list[str]) -> None:
    assert names(narrow(iptables_version=version)) == expected


@pytest.mark.parametrize(
    ("version", "backend", "file", "expected"),
    [
        ("1.8.4", None, "etc/sysconfig/iptables", ["amazon2", "el8", "amazon2-5.10"]),
        ("1.8.4", None, "etc/iptables/rules.v6", ["ubuntu20.04"]),
        ("1.8.7", None, "etc/sysconfig/ip6tables", ["el9"]),
        ("1.8.7", None, "etc/iptables/rules.v4", ["debian11", "ubuntu22.04"]),
        ("1.8.11", "nft", "etc/iptables/rules.v4", ["debian13", "ubuntu26.04"]),
        ("1.8.9", None, "etc/sysconfig/iptables", ["debian12"]),
        ("1.8.4", "nft", "my.rules", ["amazon2", "el8", "ubuntu20.04", "amazon2-5.10"]),
        ("1.8.10", "legacy", None, ["ubuntu24.04"]),
        ("1.4.7", "nft", None, ["el6"]),
    ],
)
def test_backend_and_place_choose_among_those_with_the_version(
    version: str, backend: Backend | None, file: str | None, expected: list[str]
) -> None:
    assert names(narrow(iptables_version=version, backend=backend, rules_file=file)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CentOS release 5.11 (Final)", ["el5"]),
        ("CentOS release 6.10 (Final)", ["el6"]),
        ("Red Hat Enterprise Linux Server release 7.6 (Maipo)", ["el7"]),
        ("CentOS Linux release 7.9.2009 (Core)", ["el7.7"]),
        ("CentOS Linux release 7 (Core)", ["el7", "el7.7"]),
        ("CentOS Stream release 9", ["el9"]),
        ("AlmaLinux release 10.0 (Purple Lion)", ["el10"]),
        ("Red Hat Enterprise Linux release 10.1 (Coughlan)", ["el10"]),
        ("CentOS Stream release 11", ["el10"]),
        ("Amazon Linux release 2 (Karoo)", ["amazon2", "amazon2-5.10"]),
        ("Amazon Linux 2", ["amazon2", "amazon2-5.10"]),
        ("Amazon Linux release 2023 (Amazon Linux)", ["amazon2023"]),
        ("Amazon Linux AMI release 2018.03", ["amazon2"]),
        ("Fedora release 42 (Adams)", ["el10"]),
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
        pytest.param({"ID": "debian", "VERSION_ID": "10"}, ["debian10"], id="debian 10"),
        pytest.param({"ID": "debian", "VERSION_ID": "11"}, ["debian11"], id="debian 11"),
        pytest.param({"ID": "debian", "VERSION_ID": "13"}, ["debian13"], id="debian 13"),
        pytest.param({"ID": "debian", "VERSION_CODENAME": "trixie"}, ["debian13"], id="debian by its codename"),
        pytest.param({"ID": "debian"}, ["debian13"], id="debian unstable has no version"),
        pytest.param({"ID": "debian", "VERSION_ID": "9"}, ["ubuntu18.04"], id="debian 9 has a kernel as ubuntu 18.04"),
        pytest.param(
            {"ID": "raspbian", "VERSION_ID": "11", "ID_LIKE": "debian", "VERSION_CODENAME": "bullseye"},
            ["debian11"],
            id="made from debian 11",
        ),
        pytest.param(
            {"ID": "kali", "VERSION_ID": "2026.3", "ID_LIKE": "debian", "VERSION_CODENAME": "kali-rolling"},
            ["debian12"],
            id="like debian",
        ),
        pytest.param({"ID": "ubuntu", "VERSION_ID": "18.04"}, ["ubuntu18.04"], id="ubuntu 18.04"),
        pytest.param({"ID": "ubuntu", "VERSION_ID": "20.04"}, ["ubuntu20.04"], id="ubuntu 20.04"),
        pytest.param({"ID": "ubuntu", "VERSION_ID": "22.04"}, ["ubuntu22.04"], id="ubuntu 22.04"),
        pytest.param({"ID": "ubuntu", "VERSION_ID": "26.04"}, ["ubuntu26.04"], id="ubuntu 26.04"),
        pytest.param({"ID": "ubuntu", "VERSION_ID": "23.10"}, ["ubuntu24.04"], id="ubuntu 23.10 is near 24.04"),
        pytest.param({"ID": "ubuntu", "VERSION_ID": "16.04"}, ["ubuntu18.04"], id="ubuntu 16.04 is before all"),
        pytest.param({"ID": "amzn", "VERSION_ID": "2"}, ["amazon2", "amazon2-5.10"], id="amazon 2 tells no kernel"),
        pytest.param({"ID": "amzn", "VERSION_ID": "2023"}, ["amazon2023"], id="amazon 2023"),
        pytest.param({"ID": "amzn", "VERSION_ID": "2018.03"}, ["amazon2"], id="the first amazon"),
        pytest.param({"ID": "fedora", "VERSION_ID": "38"}, ["el9"], id="fedora before el10"),
        pytest.param(
            {"ID": "mint", "VERSION_ID": "21", "ID_LIKE": "ubuntu debian", "UBUNTU_CODENAME": "jammy"},
            ["ubuntu22.04"],
            id="made from ubuntu 22.04",
        ),
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


@pytest.mark.parametrize(
    ("kernel", "expected"),
    [
        ("6.12.0-55.9.1.el10_0.x86_64", ["EL10"]),
        ("4.14.355-276.618.amzn2.x86_64", ["Amazon Linux 2 with Linux 4.14"]),
        ("5.10.220-209.869.amzn2.x86_64", ["Amazon Linux 2 with Linux 5.10"]),
        ("5.15.168-114.166.amzn2.x86_64", ["Amazon Linux 2 with Linux 5.15"]),
        ("6.1.102-108.177.amzn2023.x86_64", ["Amazon Linux 2023"]),
        ("6.18.15-14.217.amzn2023.x86_64", ["Amazon Linux 2023 with Linux 6.18"]),
        ("4.15.0-213-generic", ["Ubuntu 18.04"]),
        ("5.4.0-150-generic", ["Ubuntu 18.04 with Linux 5.4", "Ubuntu 20.04"]),
        ("6.5.0-45-generic", ["Ubuntu 22.04 with Linux 6.5"]),
        ("6.17.0-14-generic", ["Ubuntu 24.04 with Linux 6.17"]),
        ("4.19.0-27-amd64", ["Debian 10"]),
        ("5.10.0-31-cloud-amd64", ["Debian 11"]),
        ("6.12.57+deb13-amd64", ["Debian 13"]),
        ("6.8.12-4-pve", [known.title for known in MODERN]),
    ],
)
def test_a_kernel_tells_its_release(kernel: str, expected: list[str]) -> None:
    assert [known.title for known in narrow(kernel_release=kernel).profiles] == expected


@pytest.mark.parametrize(
    ("variables", "kernel", "expected", "mainline"),
    [
        ({"ID": "amzn", "VERSION_ID": "2"}, "4.14.355-276.618.amzn2.x86_64", ("amazon2", (4, 14, 0)), True),
        ({"ID": "ubuntu", "VERSION_ID": "22.04"}, "6.8.0-40-generic", ("ubuntu22.04", (6, 8, 0)), True),
        ({"ID": "debian", "VERSION_ID": "12"}, "6.8.12-4-pve", ("debian12", (6, 8, 12)), True),
        ({"ID": "debian", "VERSION_ID": "12"}, "6.1.0-25-amd64", ("debian12", (6, 1, 0)), True),
        ({"ID": "rocky", "VERSION_ID": "9.4"}, "5.14.0-427.13.1.el9_4.x86_64", ("el9", (5, 14, 0)), False),
        ({"ID": "rocky", "VERSION_ID": "9.4"}, "6.1.1-1.el9.elrepo.x86_64", ("el9", (6, 1, 1)), True),
        ({"ID": "ol", "VERSION_ID": "8.9"}, "5.15.0-200.131.27.el8uek.x86_64", ("el8", (5, 15, 0)), True),
        ({"ID": "debian", "VERSION_ID": "12"}, "5.14.0-427.13.1.el9_4.x86_64", ("debian12", (6, 1, 0)), True),
    ],
)
def test_a_release_is_judged_by_the_kernel_it_runs(
    variables: dict[str, str], kernel: str, expected: tuple[str, tuple[int, int, int]], mainline: bool
) -> None:
    (known,) = narrow(os_release=variables, kernel_release=kernel).profiles
    assert ((known.name, known.kernel), known.mainline) == (expected, mainline)
    if mainline:
        assert known.insert_limit == kernel_of(known.kernel).insert_limit


def test_another_kernel_than_the_release_has_is_a_reason() -> None:
    found = narrow(os_release={"ID": "debian", "VERSION_ID": "12"}, kernel_release="6.8.12-4-pve")
    assert found.reason == "debian 12, kernel 6.8.12-4-pve"


def test_without_evidence_the_modern_ones_are_taken() -> None:
    assert narrow() == (MODERN, "nothing tells the release")


def test_a_release_without_an_entry_is_named_in_the_reason() -> None:
    assert narrow(os_release={"ID": "ubuntu", "VERSION_ID": "25.10"}).reason == "ubuntu 25.10, taken as Ubuntu 26.04"


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
