"""How texts are written by iptables-save 1.8.9: names as they are, comments in quotes. Knows no option by name."""

from __future__ import annotations

import re
from collections.abc import Callable

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_BARE = re.compile(r"[^\s\"]+")  # backslashes and single quotes are plain outside of double quotes


def verbatim(value: str, family: int) -> str:
    """The text as it is, quoted only where restore would not read it back otherwise (save never quotes these)."""
    return value if _BARE.fullmatch(value) else '"' + re.sub(r"([\"\\])", r"\\\1", value) + '"'


def cut_off(most: int) -> Callable[[str, int], str | None]:
    """A writer of names that are cut off after so many bytes; nothing for none."""

    def write(value: str, family: int) -> str | None:
        data = value.encode("utf-8", "surrogateescape")[:most]
        return verbatim(data.decode("utf-8", "surrogateescape"), family) if data else None

    return write


def quoted(value: str) -> str:
    """A text as libxtables prints it (xtables_save_string): bare if it has letters, digits, `_` and `-` only."""
    if _PLAIN.fullmatch(value):
        return value
    return '"' + re.sub(r"([\"\\'])", r"\\\1", value) + '"'


def quoted_up_to(most: int) -> Callable[[str, int], str]:
    """A writer of texts that are cut off after so many bytes."""

    def write(value: str, family: int) -> str:
        data = value.encode("utf-8", "surrogateescape")[:most]
        return quoted(data.decode("utf-8", "surrogateescape"))

    return write
