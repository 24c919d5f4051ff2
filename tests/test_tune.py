"""The goal `tune`: the table and its time-outs fit the load, and are set in time; rules stay."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from bundle_hosts import CASES, Case
from machines import (
    GIB,
    LOAD,
    MAX,
    PLAIN,
    RULES,
    V4,
    V6,
    Planner,
    dump,
    files_after,
    write,
)

from ruleset_lint.gather import gather_root
from ruleset_lint.rewrite.bundle import bundle
from ruleset_lint.rewrite.plan import Wishes, plan
from ruleset_lint.rewrite.sizes.demand import parse_rate

SYSCTL, MODPROBE = "etc/sysctl.d/90-conntrack.conf", "etc/modprobe.d/nf_conntrack.conf"
UDEV = "etc/udev/rules.d/90-nf_conntrack.rules"


@pytest.mark.parametrize("broken", [False, True], ids=["good", "would not load"])
def test_tune_leaves_rules_alone(broken: bool, planned: Planner):
    rules = RULES.replace("--dport 80", "--dport no-such") if broken else RULES
    made = planned("el9", {V4: rules, V6: rules}, goal="tune", ram=16 * GIB)
    assert set(files_after(made)) == {SYSCTL, MODPROBE, LOAD}
    assert [file.path for file in bundle(made) if file.path.startswith("live/")] == []


@pytest.mark.parametrize(
    ("wishes", "maximum"),
    [
        pytest.param({"ram": 16 * GIB}, 1 << 20, id="memory"),
        pytest.param({"connections": 400_000}, 500_224, id="connections"),
        pytest.param({"rates": (parse_rate("4000"),), "lasting": 0}, 600_064, id="rate"),
        pytest.param({"rates": (parse_rate("udp=4000"),), "lasting": 0, "connections": 100_000}, 275_456, id="both"),
    ],
)
def test_tune_fits_the_table_to_the_load(wishes: dict[str, object], maximum: int, planned: Planner):
    made = planned("el9", {V4: RULES}, goal="tune", **wishes)
    assert f"{MAX} = {maximum}\n" in files_after(made)[SYSCTL]
    assert f"hashsize={maximum}\n" in files_after(made)[MODPROBE]


def test_memory_of_a_machine_that_says_it_counts(planned: Planner):
    told = {"proc/meminfo": f"MemTotal: {16 * GIB >> 10} kB\n"}
    assert planned("el9", {V4: RULES, **told}).table == planned("el9", {V4: RULES}, ram=16 * GIB).table


def test_dump_of_the_table_must_have_room(planned: Planner):
    full = {"proc/net/nf_conntrack": dump(*[80] * 2000)}
    made = planned("el9", {V4: RULES, **full, "etc/sysctl.conf": f"{MAX} = 2000\n"})
    assert "2000 entries in the dump of the table" in made.table.arithmetic
    assert made.table.size
    assert made.table.size.maximum >= 2500


def test_few_entries_in_a_dump_are_no_reason_for_a_small_table(planned: Planner):
    made = planned("el9", {V4: RULES, "proc/net/nf_conntrack": dump(*[80] * 50)})
    assert made.table.size
    assert made.table.size.maximum == 65536


def test_few_entries_are_no_reason_for_less_than_what_runs(planned: Planner):
    running = {"proc/sys/net/netfilter/nf_conntrack_max": "524288\n", "proc/net/nf_conntrack": dump(*[80] * 50)}
    made = planned("el9", {V4: RULES, **running})
    assert made.table.size
    assert made.table.size.maximum == 524288


def test_count_of_the_running_kernel_must_have_room(planned: Planner):
    made = planned("el9", {V4: RULES, "proc/sys/net/netfilter/nf_conntrack_count": "400000\n"})
    assert "400000 entries in the running kernel" in made.table.arithmetic


def test_time_out_that_is_set_counts_for_the_rate(planned: Planner):
    set_shorter = {SYSCTL: "net.netfilter.nf_conntrack_tcp_timeout_time_wait = 30\n"}
    made = planned("el9", {V4: RULES, **set_shorter}, rates=(parse_rate("1000"),), lasting=0)
    told = "1000 TCP connections that are closed a second × 30 s in TIME_WAIT = 30000 entries"
    assert made.table.arithmetic[0] == told


@pytest.mark.parametrize(("seconds", "warned"), [(7440, False), (7439, True)])
def test_time_out_below_the_standard_is_set_and_told(seconds: int, warned: bool, planned: Planner):
    made = planned("el9", {V4: RULES}, goal="tune", established=seconds)
    assert f"nf_conntrack_tcp_timeout_established = {seconds}\n" in files_after(made)[SYSCTL]
    assert any("RFC 5382 wants 7440" in warning.text for warning in made.warnings) is warned


@pytest.mark.parametrize("case", CASES, ids=[case.host for case in CASES])
def test_tuning_twice_changes_nothing(case: Case, tmp_path: Path):
    shutil.copytree(case.root, tmp_path / "host")
    wishes = Wishes(goal="tune", ram=64 * GIB, rates=(parse_rate("5000"),))
    made = plan(gather_root(tmp_path / "host").host, wishes)
    assert made.files
    write(tmp_path / "host", files_after(made))
    assert plan(gather_root(tmp_path / "host").host, wishes).files == ()


def test_nothing_tracked_leaves_sizes_alone(planned: Planner):
    assert planned("el9", {V4: PLAIN}, ram=16 * GIB).files == ()


def test_nothing_tracked_and_asked_for_gets_a_size(planned: Planner):
    assert SYSCTL in files_after(planned("el9", {V4: PLAIN}, goal="tune", ram=16 * GIB))


def test_left_settings_are_brought_in_order(planned: Planner):
    made = planned("el9", {V4: PLAIN, "etc/sysctl.d/1.conf": "net.ipv4.netfilter.ip_conntrack_max = 900000\n"})
    assert files_after(made)["etc/sysctl.d/1.conf"] == f"{MAX} = 900000\n"


# ---- udev, where modules-load.d does not do

BLACKLIST = {"etc/modprobe.d/no.conf": "blacklist nf_conntrack\nblacklist nf_conntrack_ipv4\n"}


@pytest.mark.parametrize(
    ("release", "rules", "more", "expected"),
    [
        ("el9", RULES, {}, {LOAD}),
        ("el9", PLAIN, {}, {LOAD}),
        ("el9", RULES, BLACKLIST, {UDEV}),
        ("el7", RULES, {}, {LOAD}),
        ("el7.7", PLAIN, {}, {UDEV}),
        ("el7.7", RULES, BLACKLIST, {UDEV}),
        ("el7.7", PLAIN, {"etc/modules-load.d/mine.conf": "nf_conntrack_ipv4\n"}, set()),
        ("el9", RULES, {"etc/modules-load.d/mine.conf": "nf_conntrack\n", **BLACKLIST}, {UDEV}),
        ("el6", PLAIN, BLACKLIST, set()),
    ],
)
def test_keys_are_set_when_their_module_is_there(
    release: str, rules: str, more: Mapping[str, str], expected: set[str], planned: Planner
):
    made = planned(release, {V4: rules, **more}, goal="tune", ram=16 * GIB)
    assert set(files_after(made)) & {LOAD, UDEV} == expected


def test_udev_has_the_sysctls_set(planned: Planner):
    made = planned("el7.7", {V4: PLAIN}, goal="tune", ram=16 * GIB)
    assert files_after(made)[UDEV] == (
        "# written by ruleset-lint\n"
        'ACTION=="add", SUBSYSTEM=="module", KERNEL=="nf_conntrack_ipv4", '
        'RUN+="/usr/lib/systemd/systemd-sysctl --prefix=/net/netfilter"\n'
    )
    assert any("before 5.11 udev may hear" in warning.text for warning in made.warnings)


def test_udev_is_told_once(planned: Planner):
    made = planned("el9", {V4: RULES, **BLACKLIST}, goal="tune", ram=16 * GIB)
    again = planned("el9", files_after(made), goal="tune", ram=16 * GIB)
    assert again.files == ()
