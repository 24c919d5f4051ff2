"""Counting the entries of a dump of the conntrack table. Knows not what the counts are for."""

from __future__ import annotations

import re
from collections import Counter

from ruleset_lint.model.entries import ConntrackTable
from ruleset_lint.syntax.conntrack import Entry, Form, Node
from ruleset_lint.syntax.document import Document, Line

_PORT = re.compile(r"[0-9]{1,5}")


def conntrack_table(document: Document[Node]) -> ConntrackTable:
    """The counts of a dump."""
    by_port: Counter[tuple[str, int]] = Counter()
    firsts: dict[tuple[str, int], Line[object]] = {}
    by_form: Counter[int] = Counter()
    forms: dict[int, Form] = {}
    for line in document.lines:
        node = line.node
        if isinstance(node, Entry):
            forms[id(node.form)] = node.form
            by_form[id(node.form)] += 1
            destination = _destination(node)
            if destination:
                firsts.setdefault(destination, line)
                by_port[destination] += 1
    by_state: Counter[tuple[str, str]] = Counter()
    for key, form in forms.items():
        by_state[form.protocol, form.state or ""] += by_form[key]
    unreplied = sum(by_form[key] for key, form in forms.items() if "[UNREPLIED]" in form.flags)
    return ConntrackTable(document, by_form.total(), by_port, by_state, unreplied, firsts)


def _destination(node: Entry) -> tuple[str, int] | None:
    """Protocol and port that the first packet of an entry went to; None where there is no port."""
    slot = node.form.destination_port
    port = "" if slot is None else node.value(slot)
    return (node.form.protocol, int(port)) if _PORT.fullmatch(port) else None
