"""Whether a value reads, and why not. Knows readers, no options."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache

from ruleset_lint.netfilter.name_values import LONGEST_CHAIN, chain, target
from ruleset_lint.netfilter.nat_values import nat_address
from ruleset_lint.netfilter.values import Reader, networks, port_list, port_range, port_span

_BYTE = "(?:1[0-9]{0,2}|2(?:[0-4][0-9]?|5[0-5]?|[6-9])?|[3-9][0-9]?|0)"
_ADDRESS = rf"{_BYTE}\.{_BYTE}\.{_BYTE}\.{_BYTE}"
_PORT = "(?:0|[1-5][0-9]{0,4}|[6-9][0-9]{0,3}|6(?:[0-4][0-9]{3}|5(?:[0-4][0-9]{2}|5(?:[0-2][0-9]|3[0-5]))))"
_NAME = rf"[!-~]{{1,{LONGEST_CHAIN}}}"
_USUAL_NAME = rf"[0-9A-Za-z][!-~]{{0,{LONGEST_CHAIN - 1}}}"
# what most values look like, of those that read beyond doubt
_USUAL: Mapping[tuple[Reader, int], str] = {
    (networks, 4): rf"{_ADDRESS}(?:/(?:3[0-2]|[12]?[0-9]))?",
    (nat_address, 4): rf"{_ADDRESS}(?::{_PORT})?",
    **{(reader, family): _PORT for reader in (port_range, port_span) for family in (4, 6)},
    **{(port_list, family): rf"{_PORT}(?:,{_PORT}){{0,14}}" for family in (4, 6)},
    **{(reader, family): _NAME for reader in (chain, target) for family in (4, 6)},
}
_WORTHWHILE = 100  # characters; below, compiling an expression takes longer than reading them


def odd_ones(reader: Reader, values: str, family: int) -> set[str]:
    """Of values, one a line, those to look at one by one: all but those that read beyond doubt."""
    usual = _USUAL.get((reader, family))
    if usual is not None and len(values) > _WORTHWHILE:
        values = "" if _all(usual).fullmatch(values) else _each(usual).sub("", values)
    return set(values.split("\n")[:-1])


def unusual_names(names: Iterable[str]) -> set[str]:
    """Of names of chains, those to look at one by one: all but those that are right beyond doubt."""
    text = "\n".join((*names, ""))
    return set() if _all(_USUAL_NAME).fullmatch(text) else set(_each(_USUAL_NAME).sub("", text).split("\n")[:-1])


def why_not(reader: Reader, value: str, family: int) -> ValueError | None:
    """What was expected where a value does not read, None where it does."""
    try:
        reader(value, family)
    except ValueError as error:
        return error
    return None


@cache
def _all(expression: str) -> re.Pattern[str]:
    return re.compile(f"(?:{expression}\n)*+")


@cache
def _each(expression: str) -> re.Pattern[str]:
    return re.compile(f"^{expression}\n", re.MULTILINE)
