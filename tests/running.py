"""Running commands inside the test's own process, in a folder of their own."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from ruleset_lint.cli.app import run

GOOD = """\
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -s 192.0.2.1/32 -j DROP
COMMIT
"""
UNUSED = "# ruleset-lint: ignore[service/assignment] none\n"  # a warning with a safe fix: take the line out
CONFIG = "IPTABLES_SAVE_ON_STOP=no\n"


class Ran(NamedTuple):
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


Command = Callable[..., Ran]
Put = Callable[..., Path]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in the test's folder: `command("check", "-", stdin=b"")`."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def run_command(*words: str, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = run(list(words))
        return Ran(code, *capsys.readouterr())

    return run_command


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Write a file and the folders above it."""

    def put_file(name: str, content: str | bytes = GOOD) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape"))
        return path

    return put_file
