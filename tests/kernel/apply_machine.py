"""A machine on which apply.sh is run: its firewall, its files, and two connections that are held open through it.

Knows what a whole ruleset and a whole set of files are, old and new. Knows nothing of steps and of killing.
"""

from __future__ import annotations

import re
import shutil
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from ruleset_lint.gather import gather_root
from ruleset_lint.packets.endpoints import parse_endpoint
from ruleset_lint.rewrite.bundle import BundledFile, bundle
from ruleset_lint.rewrite.folders import write_bundle
from ruleset_lint.rewrite.plan import Wishes, plan

from .namespaces import inside, run
from .rulesets import Backend, load, reset, tool
from .topology import PARTIES, Site, site

SSH, WEB = 22, 80
_RESET = struct.pack("ii", 1, 0)  # close sends RST: a FIN that is sent again would be tracked anew in the next trial
PATIENCE = 5.0  # seconds until a connection counts as dead; a lost segment is sent again after 0.2
_FIXTURE = Path(__file__).parents[2] / "fixtures/hosts/busy-web"
_PATHS = {4: "etc/sysconfig/iptables", 6: "etc/sysconfig/ip6tables"}
_TIMEOUTS = {"established": "432000", "time_wait": "120"}  # those that the bundle changes, as a kernel begins
_EMPTY = re.compile(r"\*\w+\n(?::\w+ ACCEPT\n)*COMMIT\n")
_RULES = """\
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -m state --state INVALID -j DROP
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p %s -j ACCEPT
-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT
-A INPUT -p tcp -m state --state NEW -m tcp --dport 80 -j ACCEPT
COMMIT
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """A firewall with neighbours; `home` is the folder below which each trial has one of its own."""

    site: Site
    backend: Backend
    home: Path


@dataclass(frozen=True, slots=True)
class Held:
    """A connection: the two sockets of it."""

    client: socket.socket
    server: socket.socket

    def echoes(self) -> bool:
        """Whether a word still goes there and back."""
        try:
            self.client.sendall(b"ping")
            if self.server.recv(4, socket.MSG_WAITALL) != b"ping":
                return False
            self.server.sendall(b"pong")
            return self.client.recv(4, socket.MSG_WAITALL) == b"pong"
        except OSError:
            return False


@dataclass(slots=True)
class Trial:
    """A machine as it is before apply.sh, with both connections open. `root` has its files, `out` the bundle."""

    machine: Machine
    folder: Path
    connections: dict[int, Held]
    old_rules: str
    old_values: str
    old_files: dict[str, str]
    new_files: Mapping[str, str] = field(default_factory=dict)

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def alive(self) -> str:
        """Which connections live: "both", or those that do not."""
        dead = [f"{port} is dead" for port, held in self.connections.items() if not held.echoes()]
        return ", ".join(dead) or "both"

    def rules(self) -> str:
        """ "old", "new", or "mixed", as loaded now; all tables of both families."""
        return _which(rules_of(self.machine), self.old_rules, new_rules(self.machine))

    def values(self) -> str:
        """The same of the numbers of the running kernel."""
        now = values_of(self.machine)
        return "old" if now == self.old_values else "new"

    def files(self) -> str:
        """The same of the files below the root; a file that should not be there is "mixed"."""
        return _which(files_of(self.root), self.old_files, {**self.old_files, **self.new_files})

    def left(self) -> tuple[str, ...]:
        """What a run has left beside the bundle: rollback, running."""
        known = {Path(file.path).parts[0] for file in made_bundle()}
        return tuple(sorted({entry.name for entry in self.out.iterdir()} - known))


def _which(now: object, old: object, new: object) -> str:
    return "old" if now == old else "new" if now == new else "mixed"


@cache
def made_host() -> dict[str, str]:
    """The files of the machine, by path."""
    files = {str(path.relative_to(_FIXTURE)): path.read_text() for path in _FIXTURE.rglob("*") if path.is_file()}
    return {**files, _PATHS[4]: _RULES % "icmp", _PATHS[6]: _RULES % "ipv6-icmp"}


@cache
def made_bundle() -> tuple[BundledFile, ...]:
    """What `rewrite` makes of the machine when tcp/80 is to leave connection tracking."""
    return bundle_of(made_host())


def bundle_of(files: Mapping[str, str]) -> tuple[BundledFile, ...]:
    """The same of a machine with these files, of 4 GiB."""
    with TemporaryDirectory() as folder:
        write_files(Path(folder), files)
        return bundle(plan(gather_root(Path(folder)).host, Wishes((parse_endpoint("tcp/80"),), ram=4 << 30)))


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Files below a folder, by their paths there."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


@contextmanager
def machine(backend: Backend) -> Iterator[Machine]:
    """A machine of its own. Takes a few tenths of a second."""
    with site() as made, TemporaryDirectory(prefix="apply-") as folder:
        home = Path(folder)
        (home / "bin").mkdir()
        (home / "bin/sync").symlink_to("/bin/true")  # the disks of whoever runs this have other things to do
        for family in (4, 6):
            for verb in ("restore", "save"):
                name = tool(family, backend, verb)
                (home / "bin" / name.replace(f"-{backend}", "")).symlink_to(shutil.which(name) or name)
        yield Machine(made, backend, home)


@contextmanager
def trial(made: Machine) -> Iterator[Trial]:
    """The machine fresh: old rules loaded, old files in place, both connections open."""
    with TemporaryDirectory(dir=made.home) as folder, ExitStack() as stack:
        load_rules(made, made_host())
        _set_values(made)
        one = Trial(made, Path(folder), {}, rules_of(made), values_of(made), {})
        write_files(one.root, made_host())
        write_bundle(one.out, made_bundle())
        one.old_files.update(files_of(one.root))
        one.new_files = {file.path: file.text for file in made_bundle() if file.path.startswith("etc/")}
        for port in (SSH, WEB):
            one.connections[port] = stack.enter_context(_held(made.site, port))
        assert one.alive() == "both"
        yield one


def load_rules(made: Machine, files: Mapping[str, str]) -> None:
    """What a restart of the firewall does: the rules of the files, and no others."""
    reset(made.site.host)
    for family in (4, 6):
        result = load(made.site.host, files[_PATHS[family]], family, made.backend)
        assert result, result.error


@contextmanager
def _held(made: Site, port: int) -> Iterator[Held]:
    with ExitStack() as stack:
        with inside(made.host):
            listener = stack.enter_context(socket.create_server(("0.0.0.0", port)))
        with inside(made.home("remote")):
            source = (PARTIES["remote"].v4, 0)
            client = stack.enter_context(socket.create_connection((PARTIES["host"].v4, port), PATIENCE, source))
        server = stack.enter_context(listener.accept()[0])
        server.settimeout(PATIENCE)
        for end in (client, server):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        yield Held(client, server)


def rules_of(made: Machine) -> str:
    """All tables of both families without counters; empty ones are left out, as reading them may make them."""
    saved = (run(made.site.host, tool(family, made.backend, "save")) for family in (4, 6))
    return "\n".join(_plain(text) for text in saved)


def _plain(saved: str) -> str:
    text = re.sub(r" \[\d+:\d+\]$", "", re.sub(r"^#.*\n", "", saved, flags=re.MULTILINE), flags=re.MULTILINE)
    blocks: Sequence[str] = re.findall(r"^\*.*?^COMMIT\n", text, re.MULTILINE | re.DOTALL)
    return "".join(sorted(block for block in blocks if not _EMPTY.fullmatch(block)))


_NEW_RULES: dict[Backend, str] = {}


def new_rules(made: Machine) -> str:
    """What is loaded when a machine with this backend starts with the new files, learned once."""
    if made.backend not in _NEW_RULES:
        with machine(made.backend) as other:
            load_rules(other, {file.path: file.text for file in made_bundle()})
            _NEW_RULES[made.backend] = rules_of(other)
    return _NEW_RULES[made.backend]


def values_of(made: Machine) -> str:
    """The timeouts that the bundle changes: a namespace has its own."""
    with inside(made.site.host):
        return " ".join(_timeout(name).read_text().strip() for name in _TIMEOUTS)


def _set_values(made: Machine) -> None:
    with inside(made.site.host):
        for name, value in _TIMEOUTS.items():
            _timeout(name).write_text(value)


def _timeout(name: str) -> Path:
    return Path("/proc/sys/net/netfilter", f"nf_conntrack_tcp_timeout_{name}")


def files_of(root: Path) -> dict[str, str]:
    """All files below a root, and the folders that are empty."""
    found = {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}
    empty = {f"{path.relative_to(root)}/": "" for path in root.rglob("*") if path.is_dir() and not any(path.iterdir())}
    return found | empty
