"""Sizes of the conntrack table: what kernels make, and what is recommended."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruleset_lint.netfilter.profiles import PROFILES, Profile, profile
from ruleset_lint.netfilter.sysctls import state
from ruleset_lint.netfilter.table_size import (
    GIB,
    chain_grade,
    default_size,
    given_size,
    mean_chain,
    round_buckets,
    size_of,
)
from ruleset_lint.rewrite.sizing import SizeError, advise

EVERY = [pytest.param(known, id=known.name) for known in PROFILES]
MIB = 1 << 20


@pytest.mark.parametrize(
    ("on", "ram", "buckets", "maximum"),
    [
        pytest.param("el5", 32 * MIB, 128, 1024, id="el5 small"),
        pytest.param("el5", GIB, 4096, 32768, id="el5 1 GiB"),
        pytest.param("el5", GIB + 4096, 8192, 65536, id="el5 more than 1 GiB"),
        pytest.param("el5", 1 * MIB, 16, 128, id="el5 floor"),
        pytest.param("el6", 2 * GIB, 16384, 65536, id="el6 2 GiB"),
        pytest.param("el6", 48 * GIB, 16384, 65536, id="el6 48 GiB"),
        pytest.param("el6", 100 * MIB, 1024, 3200, id="el6 maximum before rounding"),
        pytest.param("el7", 2 * GIB, 16384, 65536, id="el7 2 GiB"),
        pytest.param("el7.7", 48 * GIB, 65536, 262144, id="el7 48 GiB"),
        pytest.param("el8", 100 * MIB, 1024, 4096, id="el8 maximum after rounding"),
        pytest.param("el8", 4 * GIB, 16384, 65536, id="el8 4 GiB is not more than 4 GiB"),
        pytest.param("el9", 2 * GIB, 65536, 65536, id="el9 2 GiB"),
        pytest.param("debian12", 24 * GIB, 262144, 262144, id="debian 12, measured on 6.18 with 24 GiB"),
        pytest.param("ubuntu24.04", 16 * MIB, 1024, 1024, id="floor since 5.15"),
    ],
)
def test_a_kernel_sizes_its_table_by_ram(on: str, ram: int, buckets: int, maximum: int) -> None:
    size = default_size(ram, profile(on))
    assert (size.buckets, size.maximum) == (buckets, maximum)


@pytest.mark.parametrize("known", EVERY)
def test_a_given_hashsize_sets_the_maximum_to_eight_times(known: Profile) -> None:
    size = given_size(32768, known)
    assert (size.buckets, size.maximum, size.mean_chain) == (32768, 262144, 16.0)


@pytest.mark.parametrize(
    ("on", "wanted", "made"),
    [("el5", 50000, 50000), ("el6", 50000, 50176), ("el8", 512, 512), ("el8", 513, 1024), ("el8", 0, 512)],
)
def test_buckets_fill_whole_pages(on: str, wanted: int, made: int) -> None:
    assert round_buckets(wanted, profile(on)) == made


def test_each_connection_is_in_the_table_twice() -> None:
    assert mean_chain(1210856, 16384) == pytest.approx(147.8, abs=0.1)


def test_a_table_without_buckets_is_none() -> None:
    with pytest.raises(ValueError, match=r"^0 buckets, at least 1 expected$"):
        mean_chain(1, 0)


@pytest.mark.parametrize(
    ("on", "chain", "grade"),
    [
        ("el7", 8, "good"),
        ("el7", 8.1, "long"),
        ("el7", 300, "long"),
        ("el9", 4, "good"),
        ("el9", 10, "long"),
        ("el9", 10.1, "refused"),
        ("debian12", 10.1, "long"),
        ("debian12", 20.1, "refused"),
    ],
)
def test_long_chains_are_graded_by_kernel(on: str, chain: float, grade: str) -> None:
    assert chain_grade(chain, profile(on)) == grade


def test_memory_counts_buckets_and_entries() -> None:
    size = size_of(65536, 100_000, profile("debian12"))
    assert (size.table_bytes, size.entries_bytes) == (524288, 25_600_000)
    assert size_of(65536, 100_000, profile("debian12"), extended=True).entries_bytes == 38_400_000


@given(st.sampled_from(PROFILES), st.integers(1, 1 << 27))
def test_the_table_advised_holds_the_connections_in_short_chains(known: Profile, connections: int) -> None:
    advice = advise(known, connections=connections)
    assert advice.size.maximum >= connections * 5 // 4
    assert advice.size.mean_chain <= 4
    assert advice.grade == "good"
    assert round_buckets(advice.size.buckets, known) == advice.size.buckets


@given(st.sampled_from(PROFILES), st.integers(1, 1 << 50))
def test_the_table_advised_for_ram_is_no_smaller_than_the_default_and_no_hog(known: Profile, ram: int) -> None:
    advice = advise(known, ram=ram)
    assert advice.size.maximum >= default_size(ram, known).maximum
    assert advice.size.total_bytes <= max(ram // 16, default_size(ram, known).total_bytes * 2, MIB)


@pytest.mark.parametrize("known", EVERY)
def test_each_setting_is_one_the_kernel_takes(known: Profile) -> None:
    carriers = advise(known, ram=8 * GIB).carriers
    assert [state(key, known) for key, _ in carriers.sysctls] == ["live", "live"]


@pytest.mark.parametrize(
    ("on", "line", "live", "module"),
    [
        ("el5", "options ip_conntrack hashsize=", "/sys/module/ip_conntrack/parameters/hashsize", "ip_conntrack"),
        ("el7", "options nf_conntrack hashsize=", "/sys/module/nf_conntrack/parameters/hashsize", "nf_conntrack_ipv4"),
        ("el8", "options nf_conntrack hashsize=", "/sys/module/nf_conntrack/parameters/hashsize", "nf_conntrack"),
    ],
)
def test_values_are_carried_by_the_files_of_the_release(on: str, line: str, live: str, module: str) -> None:
    carriers = advise(profile(on), connections=100_000).carriers
    assert carriers.modprobe_line.startswith(line)
    assert carriers.live_files[0][0] == live
    assert carriers.modules == (module,)


def test_the_maximum_is_always_said_beside_the_hashsize() -> None:
    carriers = advise(profile("el7"), connections=100_000).carriers
    assert carriers.modprobe_line == "options nf_conntrack hashsize=62976"
    assert carriers.sysctls[0] == ("net.netfilter.nf_conntrack_max", 125952)


def test_a_table_that_takes_much_of_the_ram_is_warned_of() -> None:
    assert advise(profile("el8"), ram=GIB, connections=1_000_000).warnings == (
        "the full table takes 386 MiB of 1024 MiB of RAM",
    )


def test_a_time_out_below_the_standard_is_warned_of() -> None:
    assert "RFC 5382" in advise(profile("el8"), ram=GIB, established=600).warnings[0]


@pytest.mark.parametrize(
    ("ram", "connections", "established"),
    [
        pytest.param(None, None, 7440, id="nothing given"),
        pytest.param(None, 0, 7440, id="no connections"),
        pytest.param(None, -5, 7440, id="negative"),
        pytest.param(None, 1 << 40, 7440, id="beyond any machine"),
        pytest.param(0, None, 7440, id="no RAM"),
        pytest.param(GIB, None, 0, id="no patience"),
    ],
)
def test_wishes_that_are_no_size_are_refused(ram: int | None, connections: int | None, established: int) -> None:
    with pytest.raises(SizeError):
        advise(profile("el8"), ram=ram, connections=connections, established=established)
