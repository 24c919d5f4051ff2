"""What a live machine or a snapshot of its /proc and /sys says, and files that nothing reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from running import Put

from ruleset_lint.gather import gather_root, gather_text, load_host
from ruleset_lint.model.running import running

PROC = "proc/sys/net/netfilter/nf_conntrack_"
HASHSIZE = "sys/module/nf_conntrack/parameters/hashsize"
EL5, EL6, EL8 = "CentOS release 5.11\n", "CentOS release 6.10 (Final)\n", "Rocky Linux release 8.9 (x)\n"
RULES = "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"


@pytest.mark.parametrize(
    ("path", "text", "key", "value"),
    [
        (f"/{PROC}max", "262144\n", "net.netfilter.nf_conntrack_max", 262144),
        (f"web/{PROC}udp_timeout", "30\n", "net.netfilter.nf_conntrack_udp_timeout", 30),
        ("proc/sys/net/ipv4/netfilter/ip_conntrack_max", "65536", "net.ipv4.netfilter.ip_conntrack_max", 65536),
        (f"{PROC}max", "many\n", "net.netfilter.nf_conntrack_max", None),
        (f"{PROC}max", "", "net.netfilter.nf_conntrack_max", None),
        ("proc/sys/net/core/somaxconn", "128\n", "net.core.somaxconn", None),
    ],
)
def test_a_file_of_proc_is_a_variable(path: str, text: str, key: str, value: int | None) -> None:
    found = running({path: text, "proc/meminfo": "MemTotal: 1 kB\n"})
    assert found
    assert found.value(key) == value


def test_a_variable_knows_its_place() -> None:
    found = running({f"{PROC}max": " 262144\n"})
    assert found
    setting = found.variables["net.netfilter.nf_conntrack_max"]
    assert setting.document.source(setting.span) == "262144"


@pytest.mark.parametrize(
    ("texts", "buckets"),
    [
        ({HASHSIZE: "512\n"}, 512),
        ({f"{PROC}buckets": "1024\n"}, 1024),
        ({f"{PROC}buckets": "1024\n", HASHSIZE: "512\n"}, 512),
        ({f"{PROC}max": "1024\n"}, None),
    ],
)
def test_buckets_are_those_of_the_parameter_else_of_the_sysctl(texts: dict[str, str], buckets: int | None) -> None:
    found = running(texts)
    assert found
    assert found.buckets == buckets


def test_what_sysctl_printed_is_running_and_set_nowhere() -> None:
    listing = "kernel.ostype = Linux\nnet.netfilter.nf_conntrack_count = 3\nnet.netfilter.nf_conntrack_max = 4096\n"
    host = gather_text(listing, "sysctl-a.txt")
    assert host.running
    assert host.running.value("net.netfilter.nf_conntrack_max") == 4096
    assert host.sysctl is None


def test_modules_that_lsmod_printed_are_loaded() -> None:
    listing = "Module                  Size  Used by\nnf_conntrack  139224  1 xt_state\nxt_state  12578  1\n"
    assert gather_text(listing, "lsmod").loaded_modules == {"nf_conntrack", "xt_state"}


def test_memory_is_in_bytes() -> None:
    found = running({"proc/meminfo": "MemTotal:        4025856 kB\nMemFree: 1 kB\n"})
    assert found
    assert found.memory == 4025856 * 1024


def test_nothing_seen_is_nothing_known() -> None:
    assert running({}) is None
    assert running({"proc/meminfo": "x\n"}) is None


def test_a_plain_tree_does_not_run(put: Put, tmp_path: Path) -> None:
    put("etc/sysconfig/iptables", RULES)
    assert load_host(tmp_path).running is None


def test_a_snapshot_is_read_from_the_tree(put: Put, tmp_path: Path) -> None:
    for name, text in {
        "etc/sysconfig/iptables": RULES,
        f"{PROC}max": "5\n",
        f"{PROC}count": "4\n",
        HASHSIZE: "9\n",
    }.items():
        put(name, text)
    found = load_host(tmp_path).running
    assert found
    assert (found.value("net.netfilter.nf_conntrack_max"), found.buckets) == (5, 9)
    assert set(found.variables) == {"net.netfilter.nf_conntrack_max", "net.netfilter.nf_conntrack_count"}


def test_what_cannot_be_read_there_is_no_problem(put: Put, tmp_path: Path) -> None:
    put("etc/sysconfig/iptables", RULES)
    (tmp_path / HASHSIZE).mkdir(parents=True)
    gathered = gather_root(tmp_path)
    assert gathered.host.running is None
    assert gathered.problems == ()


def test_running_values_are_no_files_of_the_report(put: Put, tmp_path: Path) -> None:
    put("etc/sysconfig/iptables", RULES)
    put(f"{PROC}max", "5\n")
    assert [Path(document.path).name for document in load_host(tmp_path).documents] == ["iptables"]


@pytest.mark.parametrize(
    ("release", "name", "expected"),
    [
        (EL8, "etc/sysctl.d/a", True),
        (EL8, "etc/sysctl.d/a.conf", False),
        (EL8, "etc/modprobe.d/a", True),
        (EL8, "etc/modules-load.d/a", True),
        (EL8, "etc/sysctl.d/a.conf~", False),
        (EL6, "etc/sysctl.d/a", False),
        (EL6, "etc/modprobe.d/a", False),
        (EL6, "etc/modules-load.d/a", False),
        (EL5, "etc/sysctl.d/a.conf", True),
        (EL5, "etc/modprobe.d/a", False),
    ],
)
def test_a_file_that_no_release_reads_is_passed_over(
    put: Put, tmp_path: Path, release: str, name: str, *, expected: bool
) -> None:
    put("etc/redhat-release", release)
    put(name, "# c\n")
    host = load_host(tmp_path)
    assert [one.document.path for one in host.passed_over] == [str(tmp_path / name)] * expected
    assert str(tmp_path / name) not in [document.path for document in host.documents] or not expected


@pytest.mark.parametrize(
    ("name", "text", "family"),
    [
        ("iptables-config", "IPTABLES_MODULES=\n", 4),
        ("iptables-config", "IP6TABLES_MODULES=\n", 4),
        ("ip6tables-config", "IPTABLES_MODULES=\n", 6),
    ],
)
def test_the_name_of_a_service_file_tells_its_family(
    put: Put, tmp_path: Path, name: str, text: str, family: int
) -> None:
    put(f"etc/sysconfig/{name}", text)
    services = load_host(tmp_path).services
    assert services
    assert [service.family for service in services] == [family]
