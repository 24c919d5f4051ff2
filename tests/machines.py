"""Machines that are made of a few files, and what is planned for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ruleset_lint.gather import gather_root
from ruleset_lint.packets.endpoints import Endpoint, parse_endpoint
from ruleset_lint.rewrite.plan import Plan, Wishes, plan

V4, V6 = "etc/sysconfig/iptables", "etc/sysconfig/ip6tables"
RELEASES = {
    "el5": "CentOS release 5.11 (Final)",
    "el6": "CentOS release 6.10 (Final)",
    "el7": "CentOS Linux release 7.4.1708 (Core)",
    "el7.7": "CentOS Linux release 7.9.2009 (Core)",
    "el8": "Rocky Linux release 8.10 (Green Obsidian)",
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
LOAD = "etc/modules-load.d/nf_conntrack.conf"
GIB = 1 << 30

Planner = Callable[..., Plan]


@pytest.fixture
def planned(tmp_path: Path) -> Planner:
    """The plan of a machine of a release, of which these files are known."""

    def make(release: str, files: Mapping[str, str], services: tuple[Endpoint, ...] = (), **wishes: object) -> Plan:
        write(tmp_path, {"etc/redhat-release": RELEASES[release] + "\n", **files})
        return plan(gather_root(tmp_path).host, Wishes(services, **wishes))

    return make


@pytest.fixture
def for_http(planned: Planner) -> Planner:
    """The same for tcp/80, unless other services are named."""

    def make(release: str, files: Mapping[str, str], services: tuple[Endpoint, ...] = HTTP, **wishes: object) -> Plan:
        return planned(release, files, services, **wishes)

    return make


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def files_after(made: Plan) -> dict[str, str]:
    return {file.path: file.after for file in made.files}


def dump(*ports: int) -> str:
    """A dump of the conntrack table: an entry for each port that somebody came to."""
    entry = "ipv4 2 tcp 6 99 TIME_WAIT src=192.0.2.1 dst=192.0.2.2 sport={0} dport={1} src=192.0.2.2 dst=192.0.2.1 "
    lines = (entry.format(40000 + number, port) for number, port in enumerate(ports))
    return "".join(f"{line}sport={port} dport=40000 [ASSURED] use=1\n" for line, port in zip(lines, ports, strict=True))
