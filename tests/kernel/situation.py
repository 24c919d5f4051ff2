"""What a situation is: a ruleset, the services it is about, and what the kernel does with it. Holds no situations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .flows import Flow
from .probes import Probe
from .service import Service

HTTP, HTTPS, DNS, FORWARDED = Service("tcp", 80), Service("tcp", 443), Service("udp", 53), Service("tcp", 80, "server")

LOCAL = "-A INPUT -i lo -j ACCEPT"
ESTABLISHED = "-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT"
SSH = "-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT"
WEB = "-A INPUT -p tcp -m state --state NEW -m tcp --dport 80 -j ACCEPT"
REPLY = "-A OUTPUT -m state --state RELATED,ESTABLISHED -j ACCEPT"
LOCAL_OUT = "-A OUTPUT -o lo -j ACCEPT"


@dataclass(frozen=True, slots=True)
class Situation:
    """A ruleset in the form of iptables-save, and what was measured with it.

    The standard flows of each service (`standard_flows`) go well except where `fails` says which step fails;
    `extra` are flows of this situation only, with their outcome. `passes` and `drops` are single packets. `counts`
    says that rules count packets or throw dice, so that no packet-by-packet comparison is fair.
    """

    id: str
    ruleset: str
    services: tuple[Service, ...] = (HTTP,)
    family: int = 4
    fails: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[Flow, str] = field(default_factory=dict)
    passes: tuple[Probe, ...] = ()
    drops: tuple[Probe, ...] = ()
    counts: bool = False

    @property
    def expected(self) -> dict[Flow, str]:
        """The outcome of every flow of the situation."""
        named = {name: flow for service in self.services for name, flow in standard_flows(service)}
        unknown = self.fails.keys() - named.keys()
        if unknown:
            raise ValueError(f"{self.id}: no such flow: {', '.join(sorted(unknown))}")
        return {flow: self.fails.get(name, "ok") for name, flow in named.items()} | dict(self.extra)


def standard_flows(service: Service) -> Iterator[tuple[str, Flow]]:
    """The genuine flows every situation is tried with, by a name such as "in tcp/80"."""
    home, port, protocol = service.homes[0], service.port, service.protocol
    for name, client in (("in", "remote"), ("refused", "refused"), ("asymmetric", "asymmetric"), ("lan", "lan")):
        if not (service.server and client in ("asymmetric", "lan")):
            yield f"{name} {service}", Flow(client, home, port, protocol)
    yield f"closed {service}", Flow("remote", home, port, protocol, ending="closed")
    yield f"error {service}", Flow("remote", home, port, protocol, ending="icmp-error")
    yield f"client {service}", Flow(home, "remote", port, protocol)
    if service.server is None:
        yield f"loop {service}", Flow("host", "host", port, protocol)
    if protocol == "tcp":
        yield f"client-reset {service}", Flow("remote", home, port, ending="client-reset")
        yield f"server-reset {service}", Flow("remote", home, port, ending="server-reset")
        yield f"narrow {service}", Flow("distant", home, port, answer=5000)
    else:
        yield f"fragments {service}", Flow("remote", home, port, protocol, request=2000, answer=2000)
    yield "ssh", Flow("remote", "host", 22)
    yield "ssh from the service's port", Flow("remote", "host", 22, client_port=port)
    yield "echo", Flow("host", "remote", 0, "icmp")


def table(name: str, *rules: str, chains: tuple[str, ...] = (), **policies: str) -> str:
    """One table in the form of iptables-save; policies are given as INPUT="DROP"."""
    declared = [f":{chain} {policy} [0:0]" for chain, policy in policies.items()]
    declared += [f":{chain} - [0:0]" for chain in chains]
    return "\n".join((f"*{name}", *declared, *rules, "COMMIT", ""))


def host(*rules: str, chains: tuple[str, ...] = (), incoming: str = "DROP", outgoing: str = "ACCEPT") -> str:
    """A filter table with these rules and policies, FORWARD dropped."""
    return table("filter", *rules, chains=chains, INPUT=incoming, FORWARD="DROP", OUTPUT=outgoing)


def usual(*rules: str, chains: tuple[str, ...] = (), outgoing: str = "ACCEPT") -> str:
    """`host` that begins as most do: loopback and what is RELATED or ESTABLISHED accepted, and ssh."""
    return host(LOCAL, ESTABLISHED, SSH, *rules, chains=chains, outgoing=outgoing)
