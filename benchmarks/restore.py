"""Asking the installed iptables: what restore says to a ruleset, each time in a network namespace of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from typing import Literal, NamedTuple

Backend = Literal["nft", "legacy"]
BACKENDS: tuple[Backend, ...] = ("nft", "legacy")
_SECONDS = 60


class Answer(NamedTuple):
    """Exit code of restore and what it complained of."""

    code: int
    complaint: str


def program(backend: Backend, family: int = 4) -> str:
    """Name of the restore program."""
    return f"ip{'6' if family == 6 else ''}tables-{backend}-restore"


def ask(text: str, backend: Backend, *options: str, family: int = 4) -> Answer:
    """Give restore a ruleset in a namespace that is gone afterwards."""
    command = ["unshare", "-n", program(backend, family), *options]
    data = text.encode("utf-8", "surrogateescape")
    done = subprocess.run(command, input=data, capture_output=True, timeout=_SECONDS, check=False)
    return Answer(done.returncode, done.stderr.decode("utf-8", "replace").strip())


@cache
def missing() -> str | None:
    """Why restore cannot be asked here, None if it can."""
    if os.geteuid() != 0:
        return "needs root for network namespaces"
    for tool in ("unshare", *(program(backend, family) for backend in BACKENDS for family in (4, 6))):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    for backend in BACKENDS:
        if (answer := ask("*filter\nCOMMIT\n", backend)).code:
            return f"{program(backend)} does not work here: {answer.complaint}"
    return None


def version() -> str:
    """Version of the installed iptables."""
    done = subprocess.run(["iptables", "--version"], capture_output=True, text=True, timeout=_SECONDS, check=False)
    return done.stdout.strip()
