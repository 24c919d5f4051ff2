"""Tables, the hooks their built-in chains hang on, and the order in which a packet meets them. Knows no rule.

Order: include/uapi/linux/netfilter_ipv4.h (raw -300, conntrack -200, mangle -150, nat dst -100, filter 0, security 50,
nat src 100). The nat INPUT chain is there from kernel 2.6.36.
"""

from __future__ import annotations

BUILTIN_CHAINS: dict[str, tuple[str, ...]] = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "security": ("INPUT", "FORWARD", "OUTPUT"),
}

# (table, hook) in the order in which a packet meets them
INCOMING = (
    ("raw", "PREROUTING"), ("mangle", "PREROUTING"), ("nat", "PREROUTING"),
    ("mangle", "INPUT"), ("filter", "INPUT"), ("security", "INPUT"), ("nat", "INPUT"),
)  # fmt: skip
OUTGOING = (
    ("raw", "OUTPUT"), ("mangle", "OUTPUT"), ("nat", "OUTPUT"), ("filter", "OUTPUT"), ("security", "OUTPUT"),
    ("mangle", "POSTROUTING"), ("nat", "POSTROUTING"),
)  # fmt: skip
FORWARDED = (
    ("raw", "PREROUTING"), ("mangle", "PREROUTING"), ("nat", "PREROUTING"),
    ("mangle", "FORWARD"), ("filter", "FORWARD"), ("security", "FORWARD"),
    ("mangle", "POSTROUTING"), ("nat", "POSTROUTING"),
)  # fmt: skip

# hooks whose packets have (or have not yet) the interface
WITHOUT_INPUT = frozenset({"OUTPUT", "POSTROUTING"})
WITHOUT_OUTPUT = frozenset({"PREROUTING", "INPUT"})


def is_builtin(table: str, chain: str) -> bool:
    """Whether the chain is one that the kernel calls."""
    return chain in BUILTIN_CHAINS.get(table, ())
