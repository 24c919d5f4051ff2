"""Changes of a file as a unified diff."""

from __future__ import annotations

import difflib

from ruleset_lint.text import safe


def diff(path: str, before: str, after: str) -> str:
    """What `diff -u` says, to `patch -p1` in the root folder if the path is absolute; a new file was empty."""
    name = safe(path).lstrip("/")
    lines = difflib.unified_diff(_lines(before), _lines(after), f"a/{name}", f"b/{name}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str) -> list[str]:
    """Lines as the formats have them: only newlines end one."""
    pieces = text.split("\n")
    return [*(piece + "\n" for piece in pieces[:-1]), *filter(None, pieces[-1:])]
