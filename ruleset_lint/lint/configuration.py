"""What a configuration file says. Knows how it reads, not where it lies."""

from __future__ import annotations

from dataclasses import dataclass

from ruleset_lint.lint.finding import Severity
from ruleset_lint.netfilter.services import ADMINISTRATION, Service


@dataclass(frozen=True, slots=True)
class Configuration:
    """Settings of a run; all of them have a default. `ram` is in bytes. `source` is the file they come from, if any."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    severity: tuple[tuple[str, Severity], ...] = ()
    profile: str | None = None
    complete: bool = False
    services: tuple[Service, ...] = ()
    ram: int | None = None
    admin_service: Service = ADMINISTRATION
    source: str | None = None
