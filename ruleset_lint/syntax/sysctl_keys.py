"""How the key of a sysctl is spelled. Knows not which keys there are."""

from __future__ import annotations

import re

_SWAP = str.maketrans("./", "/.")
_SEPARATORS = re.compile(r"\.{2,}")


def normal_key(key: str) -> str:
    """The dotted spelling of a key, as sysctl.d(5) reads it: slashes and dots change places if a slash comes first.

    `net/ipv4/conf/eth0.100/forwarding` and `net.ipv4.conf.eth0/100.forwarding` are one key.
    """
    slashes_first = "/" in key.partition(".")[0]
    dotted = key.translate(_SWAP) if slashes_first else key
    return _SEPARATORS.sub(".", dotted).strip(".")
