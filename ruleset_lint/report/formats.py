"""The formats by name. Knows none of them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Literal, cast, get_args

from ruleset_lint.lint.report import Report

Format = Literal["full", "concise", "json", "sarif", "github"]
FORMATS: tuple[Format, ...] = get_args(Format)


def render(report: Report, name: Format, *, color: bool = False, root: str = "") -> str:
    """The report in a format. `color` is for a terminal (full), `root` for relative paths (sarif)."""
    module = "as_json" if name == "json" else name
    # imported when asked for: a run needs one of them
    rendered = cast("Callable[..., str]", import_module(f"{__package__}.{module}").render)
    options: dict[str, object] = {"color": color} if name == "full" else {"root": root} if name == "sarif" else {}
    return rendered(report, **options)
