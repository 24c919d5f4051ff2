"""A dump of the conntrack table as counts. Knows where connections go, not which rules let them."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from ruleset_lint.syntax.document import Document, Line


class ConntrackTable(NamedTuple):
    """Entries counted: all, by protocol and the port that the first packet went to, by protocol and state.

    `by_port["tcp", 80]` is how many connections somebody opened to port 80, on this host or through it; `firsts` has
    the first line of each, for a finding to point at.
    """

    document: Document[object]
    size: int
    by_port: Counter[tuple[str, int]]
    by_state: Counter[tuple[str, str]]
    unreplied: int
    firsts: Mapping[tuple[str, int], Line[object]]

    def share(self, protocol: str, port: int) -> float:
        """Part of the entries (0 to 1) whose first packet went to this port; 0 for an empty table."""
        return self.by_port[protocol, port] / self.size if self.size else 0.0
