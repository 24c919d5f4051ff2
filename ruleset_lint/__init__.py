"""Linter and rewriter for iptables rulesets, and for the settings that belong to them.

For programs: `check_text` and `check_host` give a `Report`, `normalise` the text that `iptables-save` would, `trace`
the way of a packet, `query` what becomes of all packets of a kind, `prove` whether two rulesets do the same; what they
are, `ruleset_lint.api` says.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ruleset_lint.api import (
        InputError,
        NotLoadedError,
        Report,
        check_host,
        check_text,
        normalise,
        prove,
        query,
        trace,
    )

__version__ = "0.1.0"
__all__ = [
    "InputError",
    "NotLoadedError",
    "Report",
    "__version__",
    "check_host",
    "check_text",
    "normalise",
    "prove",
    "query",
    "trace",
]


def __getattr__(name: str) -> object:
    """Import what belongs to the interface when it is first asked for: `--version` needs none of it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("ruleset_lint.api"), name)
