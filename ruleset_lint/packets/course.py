"""Courses: the hooks and tables that a packet passes, in the kernel's order. Knows no rule.

Source: priorities of include/uapi/linux/netfilter_ipv4.h: raw -300, conntrack -200, mangle -150, destination nat -100,
filter 0, security 50, source nat 100.
"""

from __future__ import annotations

from typing import NamedTuple

CONNTRACK = "conntrack"
"""In place of a table: here a packet that is not untracked gets its state."""


class Step(NamedTuple):
    """A table at a hook; or CONNTRACK."""

    hook: str
    table: str


def _steps(hook: str, *tables: str) -> tuple[Step, ...]:
    return tuple(Step(hook, table) for table in tables)


INCOMING = (
    *_steps("PREROUTING", "raw", CONNTRACK, "mangle", "nat"),
    *_steps("INPUT", "mangle", "filter", "security", "nat"),
)
FORWARDED = (
    *_steps("PREROUTING", "raw", CONNTRACK, "mangle", "nat"),
    *_steps("FORWARD", "mangle", "filter", "security"),
    *_steps("POSTROUTING", "mangle", "nat"),
)
OUTGOING = (
    *_steps("OUTPUT", "raw", CONNTRACK, "mangle", "nat", "filter", "security"),
    *_steps("POSTROUTING", "mangle", "nat"),
)
COURSES = {"incoming": INCOMING, "forwarded": FORWARDED, "outgoing": OUTGOING}
