from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ruleset_lint.gather import gather_root
from ruleset_lint.model.host import Host
from ruleset_lint.packets.endpoints import Endpoint, parse_endpoint
from ruleset_lint.rewrite.plan import Goal, Plan, Wishes, plan

HOSTS = Path(__file__).parent.parent / "fixtures/hosts"


class Case(NamedTuple):
    """A fixture machine, the release it is, and what its bundle is asked for; `goal` None: what fits."""

    host: str
    profile: str
    services: tuple[Endpoint, ...]
    ram: int | None = None
    goal: Goal | None = None

    @property
    def name(self) -> str:
        return self.host if self.goal is None else f"{self.host}-{self.goal}"

    @property
    def root(self) -> Path:
        return HOSTS / self.host

    def gathered(self) -> Host:
        return gather_root(self.root).host

    def plan(self) -> Plan:
        return plan(self.gathered(), self.wishes)

    @property
    def wishes(self) -> Wishes:
        return Wishes(self.services, ram=self.ram, goal=self.goal, accept_exposure=self.goal == "stateless")


def _case(host: str, profile: str, services: str, gibibytes: int | None = None, goal: Goal | None = None) -> Case:
    named = tuple(map(parse_endpoint, services.split()))
    return Case(host, profile, named, gibibytes << 30 if gibibytes else None, goal)


CASES = (
    _case("busy-web", "el7.7", "tcp/80 tcp/443", 16),
    _case("el5-web", "el5", "tcp/80"),
    _case("el6-web", "el6", "tcp/80 tcp/443", 4),
    _case("el7-web", "el7", "tcp/80", 4),
    _case("el8-web", "el8", "tcp/443", 4),
    _case("el9-dns", "el9", "udp/53 tcp/53", 8),
    _case("debian12-dns", "debian12", "udp/53 tcp/53"),
    _case("ubuntu24.04-web", "ubuntu24.04", "tcp/80 tcp/443", 64),
    _case("el10-web", "el10", "tcp/443", 8),
    _case("amazon2-web", "amazon2", "tcp/80 tcp/443", 4),
    _case("amazon2023-web", "amazon2023", "tcp/443", 8),
    _case("debian10-dns", "debian10", "udp/53 tcp/53", 2),
    _case("debian11-mail", "debian11", "tcp/25 tcp/465 tcp/993"),
    _case("debian13-web", "debian13", "tcp/80 tcp/443", 16),
    _case("ubuntu18.04-web", "ubuntu18.04", "tcp/80", 4),
    _case("ubuntu20.04-web", "ubuntu20.04", "tcp/80 tcp/443", 8),
    _case("ubuntu22.04-proxy", "ubuntu22.04", "tcp/3128", 16),
    _case("ubuntu26.04-api", "ubuntu26.04", "tcp/443", 32),
)

LOADED = tuple(
    case for case in CASES if case.host not in {"debian10-dns", "debian13-web", "ubuntu26.04-api", "el10-web"}
)
"""Those whose rules are loaded into kernels of their own; the others have the same kinds of rules."""

OTHER_GOALS = (
    _case("el7-web", "el7", "", 4, "tune"),
    _case("debian12-dns", "debian12", "", goal="stateless"),
)
"""What else a machine is asked for."""
