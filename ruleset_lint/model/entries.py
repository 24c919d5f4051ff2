"""A dump of the conntrack table as counts. Knows where connections go, not which rules let them."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from ruleset_lint.syntax.conntrack import Entry, Form, Node
from ruleset_lint.syntax.document import Document, Line

_PORT = re.compile(r"[0-9]{1,5}")


class ConntrackTable(NamedTuple):
    """Entries counted: all, by protocol and the port that the first packet went to, by protocol and state.

    `by_port["tcp", 80]` is how many connections somebody opened to port 80, on this host or through it.
    """

    document: Document[Node]
    size: int
    by_port: Counter[tuple[str, int]]
    by_state: Counter[tuple[str, str]]
    unreplied: int

    def share(self, protocol: str, port: int) -> float:
        """Part of the entries (0 to 1) whose first packet went to this port; 0 for an empty table."""
        return self.by_port[protocol, port] / self.size if self.size else 0.0

    def first(self, protocol: str, port: int) -> Line[Node] | None:
        """The first line with an entry whose first packet went to this port, for a finding to point at."""
        lines = (line for line in self.document.lines if isinstance(line.node, Entry))
        return next((line for line in lines if _destination(line.node) == (protocol, port)), None)


def conntrack_table(document: Document[Node]) -> ConntrackTable:
    """The counts of a dump."""
    by_port: Counter[tuple[str, int]] = Counter()
    by_form: Counter[int] = Counter()
    forms: dict[int, Form] = {}
    for line in document.lines:
        node = line.node
        if isinstance(node, Entry):
            forms[id(node.form)] = node.form
            by_form[id(node.form)] += 1
            destination = _destination(node)
            if destination:
                by_port[destination] += 1
    by_state: Counter[tuple[str, str]] = Counter()
    for key, form in forms.items():
        by_state[form.protocol, form.state or ""] += by_form[key]
    unreplied = sum(by_form[key] for key, form in forms.items() if "[UNREPLIED]" in form.flags)
    return ConntrackTable(document, by_form.total(), by_port, by_state, unreplied)


def _destination(node: Node) -> tuple[str, int] | None:
    """Protocol and port that the first packet of an entry went to; None where there is no port."""
    if not isinstance(node, Entry):
        return None
    slot = node.form.destination_port
    port = "" if slot is None else node.value(slot)
    return (node.form.protocol, int(port)) if _PORT.fullmatch(port) else None
