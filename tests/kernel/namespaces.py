"""Network namespaces without names: made, entered, gone with their last descriptor. Knows nothing of addresses."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

CLONE_NEWNET = 0x40000000
OWN = "/proc/thread-self/ns/net"  # /proc/self is the namespace of the main thread, whichever thread asks


@dataclass(frozen=True, slots=True)
class Namespace:
    """One network namespace, held open by a descriptor: it is gone when the process ends, however it ends."""

    name: str
    descriptor: int

    @property
    def path(self) -> str:
        """A path by which other processes (ip link … netns PATH) reach the namespace."""
        return f"/proc/{os.getpid()}/fd/{self.descriptor}"


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, call: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{call}: {os.strerror(code)}")


@contextmanager
def namespace(name: str) -> Iterator[Namespace]:
    """A new empty namespace with its loopback up; the calling thread stays where it is. Raises OSError without root."""
    own = os.open(OWN, os.O_RDONLY)
    try:
        _checked(_libc().unshare(CLONE_NEWNET), "unshare")
        try:
            made = Namespace(name, os.open(OWN, os.O_RDONLY))
        finally:
            _checked(_libc().setns(own, CLONE_NEWNET), "setns")
    finally:
        os.close(own)
    try:
        run(made, "ip", "link", "set", "lo", "up")
        yield made
    finally:
        os.close(made.descriptor)


@contextmanager
def inside(place: Namespace) -> Iterator[None]:
    """The calling thread is in `place`: sockets opened here stay there, child processes start there."""
    own = os.open(OWN, os.O_RDONLY)
    try:
        _checked(_libc().setns(place.descriptor, CLONE_NEWNET), "setns")
        yield
    finally:
        _checked(_libc().setns(own, CLONE_NEWNET), "setns")
        os.close(own)


def attempt(place: Namespace, *command: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command in `place` with `text` on its standard input; a failure is the caller's to read."""
    with inside(place):
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=30, check=False)


def run(place: Namespace, *command: str, text: str = "") -> str:
    """Standard output of a command that has to succeed in `place`; raises RuntimeError with what it said otherwise."""
    done = attempt(place, *command, text=text)
    if done.returncode != 0:
        raise RuntimeError(f"{place.name}: {' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


@cache
def missing() -> str | None:
    """Why this machine cannot play the kernel tests, or None if it can."""
    if os.geteuid() != 0:
        return "needs root for network namespaces"
    tools = [f"{tool}-{backend}-restore" for tool in ("iptables", "ip6tables") for backend in ("nft", "legacy")]
    for tool in (*tools, "ip", "nft", "conntrack", "unshare"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    try:
        with namespace("trial"):
            return None
    except (OSError, RuntimeError) as error:
        return f"no network namespace: {error}"
