"""A dump of the conntrack table that is named on the command line. Prints nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from ruleset_lint.gather import UnreadableError
from ruleset_lint.gather.files import LARGEST, read, text_of
from ruleset_lint.model.counting import conntrack_table
from ruleset_lint.model.entries import ConntrackTable
from ruleset_lint.syntax.conntrack import parse


def read_dump(path: str) -> ConntrackTable:
    """The entries of a file; - is standard input. Raises UnreadableError."""
    try:
        text = text_of(sys.stdin.buffer.read(LARGEST + 1)) if path == "-" else read(Path(path))
    except UnreadableError as error:
        hint = ": count its lines, and give --connections" if "larger" in str(error) else ""
        raise UnreadableError(f"{path}: {error}{hint}") from None
    table = conntrack_table(parse(path, text))
    if not table.size:
        raise UnreadableError(f"{path}: no entry of a conntrack table in it")
    return table
