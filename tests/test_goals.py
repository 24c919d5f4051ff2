"""What a rewrite is for: chosen from the host and explained, and what each goal touches."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from bundle_hosts import CASES, HOSTS, Case

from ruleset_lint.gather import gather_root
from ruleset_lint.model.counting import conntrack_table
from ruleset_lint.packets.endpoints import Endpoint, parse_endpoint
from ruleset_lint.rewrite.bundle import BundledFile, bundle
from ruleset_lint.rewrite.demand import parse_rate
from ruleset_lint.rewrite.folders import write_bundle
from ruleset_lint.rewrite.goals import choose
from ruleset_lint.rewrite.plan import Plan, Wishes, plan
from ruleset_lint.syntax.conntrack import parse

V4, V6 = "etc/sysconfig/iptables", "etc/sysconfig/ip6tables"
RELEASES = {
    "el6": "CentOS release 6.10 (Final)",
    "el7": "CentOS Linux release 7.4.1708 (Core)",
    "el7.7": "CentOS Linux release 7.9.2009 (Core)",
    "el9": "AlmaLinux release 9.4 (Seafoam Ocelot)",
}
RULES = """\
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT
-A INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW -j ACCEPT
COMMIT
"""
PLAIN = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
HTTP = (parse_endpoint("tcp/80"),)
MAX = "net.netfilter.nf_conntrack_max"
SYSCTL, MODPROBE = "etc/sysctl.d/90-conntrack.conf", "etc/modprobe.d/nf_conntrack.conf"
LOAD, UDEV = "etc/modules-load.d/nf_conntrack.conf", "etc/udev/rules.d/90-nf_conntrack.rules"
GIB = 1 << 30

Planner = Callable[..., Plan]


@pytest.fixture
def planned(tmp_path: Path) -> Planner:
    """The plan of a machine of a release, of which these files are known."""

    def make(release: str, files: Mapping[str, str], **wishes: object) -> Plan:
        for path, text in {"etc/redhat-release": RELEASES[release] + "\n", **files}.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        return plan(gather_root(tmp_path).host, Wishes(**wishes))

    return make


def _after(made: Plan) -> dict[str, str]:
    return {file.path: file.after for file in made.files}


def _dump(*ports: int) -> str:
    entry = "ipv4 2 tcp 6 99 TIME_WAIT src=192.0.2.1 dst=192.0.2.2 sport={0} dport={1} src=192.0.2.2 dst=192.0.2.1 "
    lines = (entry.format(40000 + number, port) for number, port in enumerate(ports))
    return "".join(f"{line}sport={port} dport=40000 [ASSURED] use=1\n" for line, port in zip(lines, ports, strict=True))


# ---- chosen


@pytest.mark.parametrize(
    ("files", "services", "goal", "reason"),
    [
        ({V4: RULES}, HTTP, "notrack", "services are named that can leave connection tracking: tcp/80"),
        ({V4: RULES}, (), "tune", "no service is named, and rules need connection tracking"),
        ({V4: PLAIN}, (), "tune", "there is nothing to do for rules"),
        ({V4: PLAIN}, HTTP, "tune", "there is nothing to do for rules"),
        ({}, (), "tune", "no ruleset is given"),
    ],
    ids=["services", "no service", "nothing tracked", "nothing that could leave", "no ruleset"],
)
def test_goal_is_chosen_from_the_host(
    files: Mapping[str, str], services: tuple[Endpoint, ...], goal: str, reason: str, planned: Planner
):
    made = planned("el9", files, services=services)
    assert (made.goal, made.refusals) == (goal, ())
    assert reason in made.goal_reason


def test_goal_that_is_asked_for_is_taken(planned: Planner):
    made = planned("el9", {V4: RULES}, goal="tune", services=HTTP)
    assert (made.goal, made.goal_reason) == ("tune", "as asked for")


@pytest.mark.parametrize(
    ("ports", "told"),
    [
        ([80] * 83 + [25] * 17, "(http) has 83 % of the entries in the dump: --service tcp/80 would take them out"),
        ([22] * 9 + [80], "tcp/22 (ssh) has 90 % of the entries in the dump, the most of all"),
        (range(1, 101), "tcp/1 has 1 % of the entries in the dump, the most of all"),
        ([], "a service with many short connections leaves it with --service tcp/80"),
    ],
    ids=["busy", "administration", "spread", "no entries"],
)  # fmt: skip
def test_dump_of_the_table_names_the_service_that_fills_it(ports: list[int], told: str, planned: Planner):
    made = planned("el9", {V4: RULES, "proc/net/nf_conntrack": _dump(*ports)})
    assert made.goal_reason.endswith(told)


def test_choice_knows_what_the_administration_service_is():
    host = gather_root(HOSTS / "busy-web").host
    table = conntrack_table(parse("dump", _dump(*[8022] * 10)))
    host = type(host)(rulesets=host.rulesets, conntrack=table)
    assert "would take them out" in choose(host, host.rulesets, (), None, Endpoint(HTTP[0].service).service).reason


# ---- tune


@pytest.mark.parametrize("broken", [False, True], ids=["good", "would not load"])
def test_tune_leaves_rules_alone(broken: bool, planned: Planner):
    rules = RULES.replace("--dport 80", "--dport no-such") if broken else RULES
    made = planned("el9", {V4: rules, V6: rules}, goal="tune", ram=16 * GIB)
    assert set(_after(made)) == {SYSCTL, MODPROBE, LOAD}
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
    assert f"{MAX} = {maximum}\n" in _after(made)[SYSCTL]
    assert f"hashsize={maximum}\n" in _after(made)[MODPROBE]


def test_memory_of_a_machine_that_says_it_counts(planned: Planner):
    told = {"proc/meminfo": f"MemTotal: {16 * GIB >> 10} kB\n"}
    assert planned("el9", {V4: RULES, **told}).table == planned("el9", {V4: RULES}, ram=16 * GIB).table


def test_dump_of_the_table_must_have_room(planned: Planner):
    full = {"proc/net/nf_conntrack": _dump(*[80] * 2000)}
    made = planned("el9", {V4: RULES, **full, "etc/sysctl.conf": f"{MAX} = 2000\n"})
    assert "2000 entries in the dump of the table" in made.table.arithmetic
    assert made.table.size
    assert made.table.size.maximum >= 2500


def test_few_entries_in_a_dump_are_no_reason_for_a_small_table(planned: Planner):
    made = planned("el9", {V4: RULES, "proc/net/nf_conntrack": _dump(*[80] * 50)})
    assert made.table.size
    assert made.table.size.maximum == 65536


def test_few_entries_are_no_reason_for_less_than_what_runs(planned: Planner):
    running = {"proc/sys/net/netfilter/nf_conntrack_max": "524288\n", "proc/net/nf_conntrack": _dump(*[80] * 50)}
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
    assert f"nf_conntrack_tcp_timeout_established = {seconds}\n" in _after(made)[SYSCTL]
    assert any("RFC 5382 wants 7440" in warning.text for warning in made.warnings) is warned


@pytest.mark.parametrize("case", CASES, ids=[case.host for case in CASES])
def test_tuning_twice_changes_nothing(case: Case, tmp_path: Path):
    shutil.copytree(case.root, tmp_path / "host")
    wishes = Wishes(goal="tune", ram=64 * GIB, rates=(parse_rate("5000"),))
    made = plan(gather_root(tmp_path / "host").host, wishes)
    assert made.files
    for file in made.files:
        (tmp_path / "host" / file.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "host" / file.path).write_text(file.after)
    assert plan(gather_root(tmp_path / "host").host, wishes).files == ()


def test_nothing_tracked_leaves_sizes_alone(planned: Planner):
    assert planned("el9", {V4: PLAIN}, ram=16 * GIB).files == ()


def test_nothing_tracked_and_asked_for_gets_a_size(planned: Planner):
    assert SYSCTL in _after(planned("el9", {V4: PLAIN}, goal="tune", ram=16 * GIB))


def test_left_settings_are_brought_in_order(planned: Planner):
    made = planned("el9", {V4: PLAIN, "etc/sysctl.d/1.conf": "net.ipv4.netfilter.ip_conntrack_max = 900000\n"})
    assert _after(made)["etc/sysctl.d/1.conf"] == f"{MAX} = 900000\n"


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
    assert set(_after(made)) & {LOAD, UDEV} == expected


def test_udev_has_the_sysctls_set(planned: Planner):
    made = planned("el7.7", {V4: PLAIN}, goal="tune", ram=16 * GIB)
    assert _after(made)[UDEV] == (
        "# written by ruleset-lint\n"
        'ACTION=="add", SUBSYSTEM=="module", KERNEL=="nf_conntrack_ipv4", '
        'RUN+="/usr/lib/systemd/systemd-sysctl --prefix=/net/netfilter"\n'
    )
    assert any("before 5.11 udev may hear" in warning.text for warning in made.warnings)


def test_udev_is_told_once(planned: Planner):
    made = planned("el9", {V4: RULES, **BLACKLIST}, goal="tune", ram=16 * GIB)
    again = planned("el9", _after(made), goal="tune", ram=16 * GIB)
    assert again.files == ()


# ---- stateless


def test_stateless_is_refused_with_what_it_exposes(planned: Planner):
    made = planned("el9", {V4: RULES}, goal="stateless")
    assert [refusal.code for refusal in made.refusals] == ["X"]
    assert made.files == ()
    assert made.exposed[0].exposure.opened


def test_stateless_is_written_if_that_is_accepted(planned: Planner):
    made = planned("el9", {V4: RULES, SYSCTL: f"{MAX} = 1000\n"}, goal="stateless", accept_exposure=True, ram=16 * GIB)
    assert list(_after(made)) == [V4]
    assert "state" not in _after(made)[V4].replace("stateless", "")
    assert made.keys == ()


def test_stateless_twice_changes_nothing(planned: Planner):
    made = planned("el9", {V4: RULES, V6: RULES}, goal="stateless", accept_exposure=True)
    again = planned("el9", _after(made), goal="stateless", accept_exposure=True)
    assert (again.files, again.refusals) == ((), ())


def test_stateless_cannot_be_where_nat_is(planned: Planner):
    nat = "*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -o eth0 -j MASQUERADE\nCOMMIT\n"
    made = planned("el9", {V4: nat + RULES}, goal="stateless", accept_exposure=True)
    assert made.refusals
    assert made.files == ()


def test_stateless_knows_the_ports_from_which_the_machine_asks(planned: Planner):
    ports = {"etc/sysctl.d/1.conf": "net.ipv4.ip_local_port_range = 20000 29999\n"}
    made = planned("el9", {V4: RULES, **ports}, goal="stateless", accept_exposure=True)
    assert "20000:29999" in _after(made)[V4]


# ---- what the report says


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        ({"goal": "tune", "ram": GIB}, ["Goal: tune", "as asked for", "byte for byte", "No rule is loaded"]),
        ({"services": HTTP}, ["Goal: notrack", "services are named", "**Proven**", "## Services"]),
        (
            {"goal": "stateless", "accept_exposure": True},
            ["Goal: stateless", "## What it exposes", "lets in what it refused before", "keeps out"],
        ),
    ],
    ids=["tune", "notrack", "stateless"],
)
def test_report_says_what_for(wishes: dict[str, object], told: list[str], planned: Planner):
    report = _report(planned("el9", {V4: RULES}, **wishes))
    assert [part for part in told if part not in report] == []


def test_servers_behind_the_machine_are_named(planned: Planner):
    forward = "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
    forward += "-A FORWARD -d 10.0.0.5/32 -p tcp -m tcp --dport 443 -m conntrack --ctstate NEW -j ACCEPT\nCOMMIT"
    made = planned("el9", {V4: RULES.replace("COMMIT", forward)}, services=(parse_endpoint("tcp/443@10.0.0.5"),))
    files = {file.path: file.text for file in bundle(made)}
    assert "tcp/443@10.0.0.5: requests and replies are untracked" in files["REPORT.md"]
    assert "forget_entries ipv4 tcp 443 10.0.0.5\n" in files["apply.sh"]
    assert "$(addresses" not in files["apply.sh"]


@pytest.mark.parametrize("goal", ["tune", "stateless", "notrack"])
def test_names_that_are_mark_up_stay_text(goal: str, planned: Planner):
    hostile = "`<b>[x](y)*"
    rules = RULES.replace("COMMIT", f"-N f2b-{hostile}\nCOMMIT").replace("eth0", hostile)
    services = HTTP if goal == "notrack" else ()
    made = planned("el9", {V4: rules}, goal=goal, ram=16 * GIB, accept_exposure=True, services=services)
    assert made.refusals == ()
    assert f"f2b-{hostile}" not in _report(made)
    assert "f2b-\\`\\<b\\>\\[x\\](y)\\*" in _report(made)


def _report(made: Plan) -> str:
    return next(file.text for file in bundle(made) if file.path == "REPORT.md")


# ---- the scripts, in a network namespace of their own


def _can_make_namespaces() -> bool:
    wanted = ("unshare", "iptables-nft-restore", "iptables-legacy-restore", "ip")
    if os.geteuid() != 0 or not all(map(shutil.which, wanted)):
        return False
    return subprocess.run(["unshare", "-nm", "true"], check=False, capture_output=True).returncode == 0


needs_namespaces = pytest.mark.skipif(not _can_make_namespaces(), reason="wants root, iptables and network namespaces")
needs_shellcheck = pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
EACH = pytest.mark.parametrize(
    "wishes",
    [
        pytest.param({"goal": "tune", "ram": GIB}, id="tune"),
        pytest.param({"goal": "tune", "established": 9000}, id="a time-out"),
        pytest.param({"goal": "stateless", "accept_exposure": True}, id="stateless"),
    ],
)
_PREPARE = """
set -eu
mkdir bin
for tool in iptables-restore iptables-save ip6tables-restore ip6tables-save; do
    ln -s "$(command -v "${tool%-*}-$1-${tool#*-}")" "bin/$tool"
done
PATH=$PWD/bin:$PATH
RULESET_LINT_ROOT=$PWD/root
export PATH RULESET_LINT_ROOT
snapshot() { { iptables-save; ip6tables-save; } | sed '/^#/d; s/ \\[[0-9:]*\\]$//' | sort; }
iptables-restore root/etc/sysconfig/iptables
snapshot > 0
echo yes | sh out/apply.sh
snapshot > 1
sh out/rollback.sh
snapshot > 2
grep -v '^[*:]\\|^COMMIT' 0 > 0.rules
grep -v '^[*:]\\|^COMMIT' 2 > 2.rules
cmp 0.rules 2.rules
"""


@needs_namespaces
@pytest.mark.parametrize("backend", ["nft", "legacy"])
@EACH
def test_bundle_is_applied_and_rolled_back(wishes: dict[str, object], backend: str, planned: Planner, tmp_path: Path):
    files = bundle(planned("el9", {V4: RULES}, **wishes))
    work = tmp_path / "work"
    write_bundle(work / "out", files)
    shutil.copytree(tmp_path / "etc", work / "root/etc")
    command = ["unshare", "-nm", "sh", "-c", _PREPARE, "sh", backend]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    tracked = "--ctstate" in (work / "1").read_text() or "--state" in (work / "1").read_text()
    assert tracked is (wishes["goal"] == "tune")


@needs_shellcheck
@EACH
def test_scripts_are_clean(wishes: dict[str, object], planned: Planner, tmp_path: Path):
    write_bundle(tmp_path / "out", bundle(planned("el9", {V4: RULES}, **wishes)))
    scripts = [tmp_path / "out" / name for name in ("apply.sh", "rollback.sh")]
    assert (
        subprocess.run(["shellcheck", "-s", "sh", *scripts], check=False, capture_output=True, text=True).stdout == ""
    )


def test_no_rule_is_loaded_where_none_changes(planned: Planner):
    files: tuple[BundledFile, ...] = bundle(planned("el9", {V4: RULES}, goal="tune", ram=GIB))
    scripts = "".join(file.text for file in files if file.path.endswith(".sh"))
    assert "tables-restore" not in scripts
