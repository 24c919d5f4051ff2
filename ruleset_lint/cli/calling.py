"""From a command's options to the module that does it, which is imported only then. Knows no command."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module


def call(name: str, request: object) -> int:
    """Hand a request to the function that is called like its command."""
    do: Callable[[object], int] = import_module(f"ruleset_lint.cli.{name}").run
    return do(request)


def paths_of(given: list[str] | None) -> tuple[str, ...]:
    """The paths that are given, else the current folder."""
    return tuple(given or ["."])


def names_of(given: list[str] | None) -> tuple[str, ...]:
    """Names given one by one or with commas."""
    return tuple(name.strip() for text in given or () for name in text.split(",") if name.strip())
