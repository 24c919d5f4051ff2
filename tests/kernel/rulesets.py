"""Rulesets in the kernel: loading, saving, emptying, and what conntrack remembers. Knows nothing of packets."""

from __future__ import annotations

import re
import socket
import struct
import subprocess
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, NamedTuple

from .namespaces import Namespace, attempt, inside, run

Backend = Literal["nft", "legacy"]
BACKENDS: tuple[Backend, ...] = ("nft", "legacy")
TABLES = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "security": ("INPUT", "FORWARD", "OUTPUT"),
}
WAIT = "--wait=20"  # seconds; the legacy tools share one lock file between all namespaces
NETLINK_NETFILTER = 12
IPCTNL_MSG_CT_DELETE = 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK in the upper byte
NLM_F_REQUEST, NLM_F_ACK = 1, 4


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What a restore command answered: its exit code and what it wrote to standard error."""

    returncode: int
    error: str

    def __bool__(self) -> bool:
        return self.returncode == 0


class Entry(NamedTuple):
    """The original direction of one conntrack entry; ports are 0 for protocols without."""

    protocol: str
    source: str
    destination: str
    source_port: int
    destination_port: int

    def __str__(self) -> str:
        return f"{self.protocol} {self.source}:{self.source_port} > {self.destination}:{self.destination_port}"


def tool(family: int, backend: Backend, verb: str) -> str:
    """The name of a command, such as ip6tables-legacy-restore."""
    return f"{'iptables' if family == 4 else 'ip6tables'}-{backend}-{verb}"


def load(place: Namespace, ruleset: str, family: int = 4, backend: Backend = "nft") -> LoadResult:
    """Restore a ruleset in `place`, over whatever is there (see `reset`)."""
    done = attempt(place, tool(family, backend, "restore"), WAIT, text=ruleset)
    return LoadResult(done.returncode, done.stderr.strip())


def loads(ruleset: str, family: int = 4, backend: Backend = "nft") -> LoadResult:
    """Whether the kernel takes a ruleset, tried in a namespace that is thrown away."""
    done = _throw_away(f"{tool(family, backend, 'restore')} {WAIT}", ruleset)
    return LoadResult(done.returncode, done.stderr.strip())


def saved(ruleset: str, family: int = 4, backend: Backend = "nft") -> str:
    """What the save command prints after a ruleset was restored in a namespace that is thrown away.

    Raises ValueError with the restore command's words if it is not taken.
    """
    done = _throw_away(f"{tool(family, backend, 'restore')} {WAIT} && {tool(family, backend, 'save')}", ruleset)
    if done.returncode != 0:
        raise ValueError(done.stderr.strip())
    return done.stdout


def _throw_away(script: str, text: str) -> subprocess.CompletedProcess[str]:
    command = ["unshare", "-n", "sh", "-c", script]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)


def reset(place: Namespace) -> None:
    """Empty every table of both families and both backends, and forget all connections and learned path MTUs."""
    run(place, "nft", "flush", "ruleset")
    for family, names in ((4, "ip_tables_names"), (6, "ip6_tables_names")):
        empty = "".join(_empty(table) for table in _read(place, names).split())
        if empty:
            run(place, tool(family, "legacy", "restore"), WAIT, text=empty)
    forget(place)
    with inside(place):
        for version in ("ipv4", "ipv6"):
            Path("/proc/sys/net", version, "route/flush").write_text("1")


def _empty(table: str) -> str:
    policies = "".join(f":{chain} ACCEPT\n" for chain in TABLES[table])
    return f"*{table}\n{policies}COMMIT\n"


def _read(place: Namespace, name: str) -> str:
    with inside(place):
        path = Path("/proc/thread-self/net", name)
        return path.read_text() if path.exists() else ""


def forget(place: Namespace) -> None:
    """Delete all conntrack entries of `place`, as `conntrack -F` does."""
    request = struct.pack("=IHHIIBBH", 20, IPCTNL_MSG_CT_DELETE, NLM_F_REQUEST | NLM_F_ACK, 1, 0, 0, 0, 0)
    with inside(place):
        netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    with netlink:
        netlink.send(request)
        *_, error = struct.unpack_from("=IHHIIi", netlink.recv(4096))
    if error != 0:
        raise OSError(-error, "conntrack flush")


def entries(place: Namespace) -> frozenset[Entry]:
    """The connections that `place` tracks now, both families."""
    return frozenset(_entry(line) for line in _read(place, "nf_conntrack").splitlines())


def _entry(line: str) -> Entry:
    words = line.split()
    fields = dict(reversed(re.findall(r"(src|dst|sport|dport)=(\S+)", line)))  # reversed: the original direction wins
    source, destination = (str(ip_address(fields[key])) for key in ("src", "dst"))
    return Entry(words[2], source, destination, int(fields.get("sport", 0)), int(fields.get("dport", 0)))
