"""Profiles: the entries, what is read at which of them, and services."""

from __future__ import annotations

import pytest

from ruleset_lint.netfilter import service_config, services
from ruleset_lint.netfilter.kernels import kernel_of
from ruleset_lint.netfilter.modules import core_modules
from ruleset_lint.netfilter.profiles import MODERN, PROFILES, Profile, UnknownProfileError, profile

EVERY = [pytest.param(known, id=known.name) for known in PROFILES]


def test_profiles_are_ordered_by_kernel() -> None:
    assert [known.kernel for known in PROFILES] == sorted(known.kernel for known in PROFILES)


@pytest.mark.parametrize("known", EVERY)
def test_a_profile_is_found_by_its_name_in_any_case(known: Profile) -> None:
    assert profile(known.name.upper()) is known


def test_an_unknown_name_is_answered_with_those_that_exist() -> None:
    with pytest.raises(
        UnknownProfileError, match=r"^no profile 'el4', there are el5, el6, .*, ubuntu26.04, and your own:"
    ):
        profile("el4")


def test_a_long_name_is_cut_short() -> None:
    with pytest.raises(UnknownProfileError, match=r"^no profile 'x{80}…'"):
        profile("x" * 5000)


@pytest.mark.parametrize("known", EVERY)
def test_paths_are_relative_to_the_root_of_the_machine(known: Profile) -> None:
    paths = known.paths
    single = (*paths.rules, *(paths.service_config or ()), paths.sysctl_file, paths.modprobe_file)
    assert not [path for path in (*single, *paths.sysctl_directories) if path.startswith("/")]


@pytest.mark.parametrize("known", EVERY)
def test_what_follows_from_the_kernel_is_consistent(known: Profile) -> None:
    assert known.has_ct_target == (known.notrack_spelling == "CT --notrack") == (known.kernel >= (3, 8, 0))
    assert known.buckets_writable == (known.kernel >= (4, 7, 0))
    assert (known.insert_limit is not None) == (known.kernel >= (5, 14, 0)) == (known.table.factor == 1)
    assert (known.hooks == "on-demand") == (known.kernel >= (4, 14, 0))
    assert (known.names == "merged") == (known.kernel >= (4, 18, 0))


@pytest.mark.parametrize("known", EVERY)
def test_mainline_kernels_are_as_their_version_says(known: Profile) -> None:
    said = kernel_of(known.kernel)._asdict()
    assert not known.mainline or {field: getattr(known, field) for field in said} == said


@pytest.mark.parametrize("known", EVERY)
def test_kernels_of_enterprise_linux_are_no_mainline_ones(known: Profile) -> None:
    assert known.mainline is not known.name.startswith("el")


_ASKED = ("names", "hooks", "helper_auto", "has_ct_target", "buckets_writable", "insert_limit", "table", "init")


@pytest.mark.parametrize("name", ["el10", "debian13", "ubuntu22.04", "ubuntu26.04", "amazon2023"])
def test_the_modern_ones_stand_for_the_others_of_today(name: str) -> None:
    def asked(known: Profile) -> tuple[object, ...]:
        return tuple(getattr(known, field) for field in _ASKED)

    assert asked(profile(name)) in [asked(known) for known in MODERN]


@pytest.mark.parametrize(
    ("name", "rules", "service_config", "modules"),
    [
        ("el10", "etc/sysconfig/iptables", True, ("nf_conntrack",)),
        ("amazon2", "etc/sysconfig/iptables", True, ("nf_conntrack_ipv4", "nf_conntrack_ipv6")),
        ("amazon2-5.10", "etc/sysconfig/iptables", True, ("nf_conntrack",)),
        ("amazon2023", "etc/sysconfig/iptables", True, ("nf_conntrack",)),
        ("debian10", "etc/iptables/rules.v4", False, ("nf_conntrack",)),
        ("ubuntu18.04", "etc/iptables/rules.v4", False, ("nf_conntrack_ipv4", "nf_conntrack_ipv6")),
        ("ubuntu20.04", "etc/iptables/rules.v4", False, ("nf_conntrack",)),
    ],
)
def test_files_and_modules_are_those_of_the_release(
    name: str, rules: str, service_config: bool, modules: tuple[str, ...]
) -> None:
    known = profile(name)
    assert known.paths.rules[0] == rules
    assert (known.paths.service_config is not None) is service_config
    assert core_modules(known) == modules


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
        ("IPTABLES_MODULES_UNLOAD", "el10", "ignored"),
        ("IPTABLES_MODULES_UNLOAD", "amazon2", "some-packages"),
        ("IPTABLES_MODULES_UNLOAD", "amazon2023", "ignored"),
        ("IPTABLES_MODULES_UNLOAD", "kernel=3.10 iptables=1.4.21", "ignored"),
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
