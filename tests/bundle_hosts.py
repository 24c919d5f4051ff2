from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ruleset_lint.gather import gather_root
from ruleset_lint.model.host import Host
from ruleset_lint.netfilter.services import Service, parse_service
from ruleset_lint.rewrite.plan import Plan, Wishes, plan

HOSTS = Path(__file__).parent.parent / "fixtures/hosts"


class Case(NamedTuple):
    """A fixture machine, the release it is, and what its bundle is asked for."""

    host: str
    profile: str
    services: tuple[Service, ...]
    ram: int | None = None

    @property
    def root(self) -> Path:
        return HOSTS / self.host

    def gathered(self) -> Host:
        return gather_root(self.root).host

    def plan(self) -> Plan:
        return plan(self.gathered(), self.wishes)

    @property
    def wishes(self) -> Wishes:
        return Wishes(self.services, ram=self.ram)


def _case(host: str, profile: str, services: str, gibibytes: int | None = None) -> Case:
    named = tuple(map(parse_service, services.split()))
    return Case(host, profile, named, gibibytes << 30 if gibibytes else None)


CASES = (
    _case("busy-web", "el7.7", "tcp/80 tcp/443", 16),
    _case("el5-web", "el5", "tcp/80"),
    _case("el6-web", "el6", "tcp/80 tcp/443", 4),
    _case("el7-web", "el7", "tcp/80", 4),
    _case("el8-web", "el8", "tcp/443", 4),
    _case("el9-dns", "el9", "udp/53 tcp/53", 8),
    _case("debian12-dns", "debian12", "udp/53 tcp/53"),
    _case("ubuntu24.04-web", "ubuntu24.04", "tcp/80 tcp/443", 64),
)
