"""Sizes of the conntrack table: what kernels make, what a load keeps, what is recommended, and what carries it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruleset_lint.model.counting import conntrack_table
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
from ruleset_lint.rewrite.sizes.advice import SizeError, advise, insert_refusals
from ruleset_lint.rewrite.sizes.carriers import Carrier
from ruleset_lint.rewrite.sizes.demand import Load, RateError, need, parse_rate
from ruleset_lint.rewrite.sizes.observed import busiest, observed
from ruleset_lint.syntax.conntrack import parse

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
    keys = [carrier.text.partition(" = ")[0] for carrier in _carried(known, "sysctl")]
    assert [state(key, known) for key in keys] == ["live", "live"]


@pytest.mark.parametrize(
    ("on", "line", "live", "module"),
    [
        ("el5", "options ip_conntrack hashsize=", "/sys/module/ip_conntrack/parameters/hashsize", None),
        ("el7", "options nf_conntrack hashsize=", "/sys/module/nf_conntrack/parameters/hashsize", "nf_conntrack_ipv4"),
        ("el8", "options nf_conntrack hashsize=", "/sys/module/nf_conntrack/parameters/hashsize", "nf_conntrack"),
    ],
)
def test_values_are_carried_by_the_files_of_the_release(on: str, line: str, live: str, module: str | None) -> None:
    assert [carrier.text.startswith(line) for carrier in _carried(profile(on), "modprobe")] == [True]
    assert [carrier.place for carrier in _carried(profile(on), "sysfs")] == [live]
    assert [carrier.text for carrier in _carried(profile(on), "modules-load")] == ([module] if module else [])


def test_the_maximum_is_always_said_beside_the_hashsize() -> None:
    known = profile("el7")
    assert [carrier.text for carrier in _carried(known, "modprobe")] == ["options nf_conntrack hashsize=62976"]
    assert _carried(known, "sysctl")[0].text == "net.netfilter.nf_conntrack_max = 125952"
    assert "8 for each bucket" in _carried(known, "sysctl")[0].why


@pytest.mark.parametrize(("on", "told"), [("el7.7", "cannot be written"), ("el8", "would make the table anew")])
def test_buckets_are_a_parameter_and_no_sysctl_for_a_reason(on: str, told: str) -> None:
    assert told in _carried(profile(on), "modprobe")[0].why


@pytest.mark.parametrize(
    ("on", "means"),
    [
        ("el5", {"load list"}),
        ("el6", {"load list"}),
        ("el7", {"modules-load", "udev", "load list"}),
        ("el7.7", {"modules-load", "udev"}),
        ("debian12", {"modules-load", "udev"}),
    ],
)
def test_keys_are_set_when_their_module_is_there(on: str, means: set[str]) -> None:
    assert {carrier.means for carrier in _every(profile(on)) if carrier.value == "module"} == means


def test_what_counts_at_once_grows_the_table_before_more_may_enter_it() -> None:
    live = [carrier.value for carrier in _every(profile("el9")) if not carrier.at_boot]
    assert live[:2] == ["buckets", "max"]


@pytest.mark.parametrize(
    ("on", "buckets", "told"),
    [
        ("el8", 512, "refuses no entry"),
        ("el9", 512, "before this table is full"),
        ("el9", 4096, "hardly any are"),
        ("debian12", 512, "chain of 50 or more: it does"),
    ],
)
def test_whether_entries_are_refused_is_told(on: str, buckets: int, told: str) -> None:
    assert told in insert_refusals(size_of(buckets, 8192, profile(on)), profile(on))


def _every(known: Profile) -> tuple[Carrier, ...]:
    return advise(known, connections=100_000).carriers


def _carried(known: Profile, means: str) -> list[Carrier]:
    return [carrier for carrier in _every(known) if carrier.means == means]


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


# ---- what a load keeps


@pytest.mark.parametrize(
    ("rates", "lasting", "connections", "entries"),
    [
        pytest.param(["2000"], 0, None, 240_000, id="closed connections stay two minutes"),
        pytest.param(["2000"], 1, None, 242_000, id="and as long as they are open"),
        pytest.param(["tcp=10"], 5, None, 1250, id="named"),
        pytest.param(["udp=1000"], 0, None, 30_000, id="questions and answers"),
        pytest.param(["udp-stream=10"], 0, None, 1200, id="streams"),
        pytest.param(["10", "udp=10"], 0, None, 1500, id="together"),
        pytest.param([], 1, 500, 500, id="open at once"),
        pytest.param(["10"], 100, 500, 1700, id="open ones are counted once"),
        pytest.param([], 1, None, None, id="nothing known"),
    ],
)
def test_entries_are_rate_times_lifetime(
    rates: list[str], lasting: int, connections: int | None, entries: int | None
) -> None:
    load = Load(connections, tuple(map(parse_rate, rates)), lasting)
    assert need(load, profile("el9")).entries == entries


def test_streams_of_old_kernels_stay_longer() -> None:
    assert need(Load(rates=(parse_rate("udp-stream=1"),), lasting=0), profile("el7")).entries == 180


def test_a_time_out_that_is_set_counts() -> None:
    load = Load(rates=(parse_rate("100"),), lasting=0)
    assert need(load, profile("el9"), {"tcp_timeout_time_wait": 30}).entries == 3000


def test_the_formula_is_said() -> None:
    told = need(Load(rates=(parse_rate("2000/s"),)), profile("el9")).arithmetic
    assert told == ("2000 TCP connections that are closed a second × (1 s open + 120 s in TIME_WAIT) = 242000 entries",)


@pytest.mark.parametrize("text", ["", "-5", "0", "many", "sctp=5", "tcp=", "9" * 12, "5/min"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(RateError, match="is no rate"):
        parse_rate(text)


# ---- what a dump tells


def _entry(protocol: str, left: int, state: str, port: int, flags: str = "") -> str:
    forth, back = f"src=192.0.2.1 dst=192.0.2.2 sport=40000 dport={port}", "src=192.0.2.2 dst=192.0.2.1"
    return f"{protocol} {left} {state} {forth} {back} sport={port} dport=40000 {flags} use=1".replace("  ", " ")


def _dump(*lines: str):
    return conntrack_table(parse("dump", "".join(f"{line}\n" for line in lines)))


CLOSED = [_entry("tcp 6", left, "TIME_WAIT", 80, "[ASSURED]") for left in range(1, 121)]
ANSWERED = [_entry("udp 17", left, "", 53) for left in range(1, 31) for _ in range(10)]
OPEN = [_entry("tcp 6", 432000 - 100 * number, "ESTABLISHED", 443, "[ASSURED]") for number in range(100)]


def test_services_and_states_are_counted_the_most_first() -> None:
    found = observed(_dump(*CLOSED, *OPEN, *ANSWERED))
    assert [(str(service), count) for service, count in found.services] == [
        ("udp/53", 300), ("tcp/80", 120), ("tcp/443", 100),
    ]  # fmt: skip
    assert found.states[0] == ("udp", "", 300)


def test_entries_that_only_wait_tell_how_fast_they_come() -> None:
    estimates = observed(_dump(*CLOSED, *ANSWERED)).estimates
    assert [(one.per_second, one.at_most) for one in estimates] == [(1.0, False), (10.0, True)]


def test_open_connections_tell_no_rate() -> None:
    assert observed(_dump(*OPEN)).estimates == ()


def test_few_entries_tell_no_rate() -> None:
    assert observed(_dump(*CLOSED[:20])).estimates == ()


def test_silent_connections_are_counted() -> None:
    assert observed(_dump(*OPEN)).idle == sum(100 * number > 7440 for number in range(100))


def test_a_short_time_out_leaves_none_silent() -> None:
    assert observed(_dump(*[_entry("tcp 6", 600 - n, "ESTABLISHED", 443) for n in range(100)])).idle is None


def test_the_busiest_service_is_named_with_its_share() -> None:
    assert busiest(_dump(*CLOSED[:30], *OPEN[:10])) == (("tcp", 80), 0.75)
    ping = "src=192.0.2.1 dst=192.0.2.2 type=8 code=0 id=1 src=192.0.2.2 dst=192.0.2.1 type=0 code=0 id=1 use=1"
    assert busiest(_dump(f"icmp 1 29 {ping}")) is None


def test_a_dump_is_the_least_that_a_table_has_to_hold() -> None:
    assert need(Load(connections=50, observed=observed(_dump(*OPEN))), profile("el9")).entries == 100
