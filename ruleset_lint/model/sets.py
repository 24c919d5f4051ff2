"""Sets of addresses that files define for ipset. Knows their names, not what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterable

# as `ipset save` prints it, and the spellings that `ipset restore` takes besides (ipset(8))
_CREATE = re.compile(
    r"^[ \t]*(?:ipset[ \t]+)?(?:create|--create|-N|n|new)[ \t]+(?:-(?:exist|!)[ \t]+)?(\S{1,31})[ \t]", re.MULTILINE
)


def defined_sets(texts: Iterable[str]) -> frozenset[str]:
    """The names of the sets that these texts define."""
    return frozenset(name for text in texts for name in _CREATE.findall(text))
