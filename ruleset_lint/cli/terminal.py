"""Standard output and error: what may go there, in which colours. Knows no command."""

from __future__ import annotations

import os
import sys

from ruleset_lint.cli.requests import Color
from ruleset_lint.text import encode, safe


def is_colored(color: Color) -> bool:
    """Whether to colour standard output (https://no-color.org, https://force-color.org)."""
    if color != "auto":
        return color == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (sys.stdout.isatty() and os.environ.get("TERM") != "dumb")


def put(text: str) -> None:
    """Write a text made here to standard output; what was not UTF-8 in a file shows as an escape."""
    _write(text.encode("utf-8", "backslashreplace"))


def put_verbatim(text: str) -> None:
    """Write the text of a file to standard output: as it is to a pipe or file, made harmless to a terminal."""
    if sys.stdout.isatty():
        put("\n".join(map(_shown, text.split("\n"))))
    else:
        _write(encode(text))


def complain(message: str) -> None:
    """Write one line to standard error."""
    sys.stderr.write(f"ruleset-lint: {safe(message)}\n")


def _write(data: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _shown(line: str) -> str:
    return "\t".join(map(safe, line.split("\t")))
