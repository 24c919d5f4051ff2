"""safety/lockout"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Confidence, Configuration, Finding, Fix, Safety, Severity, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.services import ADMINISTRATION, Service, service_name
from ruleset_lint.packets.roles import TCP
from ruleset_lint.packets.sketch import Sketch

from . import _shared

_ANSWER = frozenset({"SYN", "ACK"})


@rule(Severity.ERROR)
def lockout(host: Host, configuration: Configuration) -> Iterator[Finding]:
    """Nobody can log in to administer the machine

    ## What it does
    Looks whether any new connection from outside to the service of administration (`admin-service` in the
    configuration, else tcp/22) may be accepted in INPUT, and the answers to it in OUTPUT. IPv6 counts as a way in.
    Without a configured service it is likely at most, and silent where a port without a well-known name is open to
    TCP, which may be where the service listens.

    ## Why is this bad?
    The next start of the firewall closes the door behind the administrator; connections that are there go on, and
    hide it.

    ## Example
    ```
    :INPUT DROP [0:0]
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 443 -j ACCEPT
    ```

    ## Use instead
    ```
    :INPUT DROP [0:0]
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A INPUT -s 192.0.2.0/24 -p tcp -m tcp --dport 22 -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 443 -j ACCEPT
    ```

    ## Fix safety
    Manual: only the administrator knows where from.

    ## Since
    Every kernel.

    ## Source
    iptables-extensions(8), "conntrack": packets of a connection that is there are ESTABLISHED, whatever let it begin.
    Measured with iptables 1.8.9 (nft and legacy), kernel 6.18: no connection comes about.
    """
    service = configuration.admin_service
    v4, v6 = host.v4, host.v6
    if v4 is None or (hook := _shut_hook(v4, service)) is None:
        return
    if v6 is not None and _shut_hook(v6, service) is None:
        return
    is_said = configuration.source is not None and service != ADMINISTRATION
    if (is_said or not _other_ports(v4)) and _shared.loads(v4):
        yield _finding(v4, hook, service, Confidence.PROVEN if is_said and v6 else Confidence.LIKELY)


def _shut_hook(ruleset: Ruleset, service: Service) -> str | None:
    """The chain that nobody gets past who asks for the service, or that no answer leaves; None if there is none."""
    for hook in ("INPUT", "OUTPUT"):
        if _shared.filters(ruleset, hook) and not _shared.may_pass(ruleset, hook, _sketch(ruleset, hook, service)):
            return hook
    return None


def _sketch(ruleset: Ruleset, hook: str, service: Service) -> Sketch:
    protocol, port = _shared.PROTOCOLS[service.protocol], (service.port, service.port)
    request = _shared.opening(ruleset.family, protocol, service.port)._replace(source_port=None)
    if hook == "INPUT":
        return request
    return Sketch(
        family=ruleset.family,
        protocol=protocol,
        source_port=port,
        not_out="lo",
        state="ESTABLISHED",
        flags_set=_ANSWER if protocol == TCP else frozenset(),
    )


def _other_ports(ruleset: Ruleset) -> bool:
    """Whether a port is open that may be the one that the service listens on instead of its own."""
    request = _shared.opening(ruleset.family, TCP, None)._replace(source_port=None)
    decisions = _shared.outcome(ruleset, "INPUT", request).decisions
    return any(one.verdict in _shared.PASSES and (one.rule is None or _is_odd(one.rule)) for one in decisions)


def _is_odd(made: Rule) -> bool:
    ports = made.destination_ports
    if ports is None or ports.negated:
        return True
    return any(low != high or service_name(Service("tcp", low)) is None for low, high in ports.value)


def _finding(ruleset: Ruleset, hook: str, service: Service, confidence: Confidence) -> Finding:
    decisions = _shared.outcome(ruleset, hook, _sketch(ruleset, hook, service)).decisions
    what = f"no new connection to {service}" if hook == "INPUT" else f"no answer from {service}"
    return Finding(
        _shared.decided(ruleset, hook, _shared.refusal(decisions), "refused here"),
        f"{hook} accepts {what}: nobody can log in to administer this machine",
        help=("connections that are open when the rules are loaded go on, and hide it",) if hook == "INPUT" else (),
        fix=Fix(f"accept {service}, or name the service that is used as `admin-service`", safety=Safety.MANUAL),
        confidence=confidence,
    )
