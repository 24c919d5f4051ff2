"""Whether a value reads, and why not. Knows readers, no options."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet

from ruleset_lint.netfilter.values import Reader, networks, port_range, port_span

_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_USUAL_NETWORK = re.compile(rf"^(?:{_BYTE}\.){{3}}{_BYTE}(?:/(?:3[0-2]|[12]?[0-9]))?\n", re.MULTILINE)
_USUAL_PORT = re.compile(r"^(?:0|[1-9][0-9]{0,3}|[1-5][0-9]{4})\n", re.MULTILINE)


def odd_ones(reader: Reader, values: AbstractSet[str], family: int) -> AbstractSet[str]:
    """The values that are to be looked at one by one: all but those that read beyond doubt, taken out in one step."""
    if reader is networks and family == 4:
        usual = _USUAL_NETWORK
    elif reader in (port_range, port_span):
        usual = _USUAL_PORT
    else:
        return values
    return set(usual.sub("", "\n".join((*values, ""))).split("\n")[:-1])


def why_not(reader: Reader, value: str, family: int) -> ValueError | None:
    """What was expected where a value does not read, None where it does."""
    try:
        reader(value, family)
    except ValueError as error:
        return error
    return None
