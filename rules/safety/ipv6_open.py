"""safety/ipv6-open"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from ruleset_lint.lint import Confidence, Finding, Fix, Place, Safety, Severity, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape
from ruleset_lint.netfilter.services import Service
from ruleset_lint.packets.roles import TCP
from ruleset_lint.packets.walk import Decision

from . import _shared

_ANY = Service("tcp", _shared.UNNAMED_PORT)
_MOST_LOOKED_AT = 64
_NAMES = {number: name for name, number in _shared.PROTOCOLS.items()}
_OFF = ("net.ipv6.conf.all.disable_ipv6", "net.ipv6.conf.default.disable_ipv6")


@rule(Severity.WARNING)
def ipv6_open(host: Host) -> Iterator[Finding]:
    """IPv6 lets in what IPv4 keeps out

    ## What it does
    Sends first packets from strangers to INPUT of both families: to a port that no rule names, and to each port that an
    accept of ip6tables names. Speaks where IPv6 accepts and IPv4 refuses. On a whole machine it speaks too where there
    are no ip6tables rules at all, and sysctls do not turn IPv6 off.

    ## Why is this bad?
    A machine with an IPv6 address is reached by it, whether anybody thinks of it or not: the restriction is none. Every
    machine has a link-local address at least.

    ## Example
    ```
    # iptables
    :INPUT DROP [0:0]
    -A INPUT -s 192.0.2.0/24 -p tcp -m tcp --dport 22 -j ACCEPT
    # ip6tables
    :INPUT DROP [0:0]
    -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
    ```

    ## Use instead
    ```
    # ip6tables
    :INPUT DROP [0:0]
    -A INPUT -s 2001:db8::/64 -p tcp -m tcp --dport 22 -j ACCEPT
    ```

    ## Fix safety
    Manual: only the administrator knows which IPv6 addresses the others have.

    ## Since
    Every kernel with IPv6.

    ## Source
    ip6tables(8): the tables of the two families are separate.
    """
    v4, v6 = host.v4, host.v6
    if v4 is None or not _shared.filters(v4, "INPUT"):
        return
    if v6 is None:
        if host.complete and not _is_off(host) and not _passes(v4, _ANY) and _shared.loads(v4):
            yield _nothing_there(v4)
    elif _shared.filters(v6, "INPUT") and not _is_off(host):
        found = _open_ports(v4, v6)
        if found and _shared.loads(v4) and _shared.loads(v6):
            yield _finding(v4, v6, found)


def _is_off(host: Host) -> bool:
    settings = filter(None, map(host.sysctl.effective, _OFF)) if host.sysctl else ()
    return any(setting.value == "1" for setting in settings)


def _passes(ruleset: Ruleset, service: Service) -> bool:
    """Whether any stranger may reach the service."""
    sketch = _shared.opening(ruleset.family, _shared.PROTOCOLS[service.protocol], service.port)
    return _shared.may_pass(ruleset, "INPUT", sketch, _shared.ANYBODY)


def _is_open(ruleset: Ruleset, service: Service) -> bool:
    """Whether every stranger reaches the service."""
    sketch = _shared.opening(ruleset.family, _shared.PROTOCOLS[service.protocol], service.port)
    return _shared.must_pass(ruleset, "INPUT", sketch, _shared.ANYBODY)


def _open_ports(v4: Ruleset, v6: Ruleset) -> list[Service]:
    """What IPv6 lets in and IPv4 does not; if that is everything, the one port that stands for it."""
    if _is_open(v6, _ANY):
        return [] if _passes(v4, _ANY) else [_ANY]
    return [one for one in islice(_named(v6), _MOST_LOOKED_AT) if _is_open(v6, one) and not _passes(v4, one)]


def _named(v6: Ruleset) -> Iterator[Service]:
    """The services that accepts of the filter name, each once."""
    seen: set[Service] = set()
    hooks = v6.tables["filter"].hooks
    for made in v6.where(_accepts_port):
        protocol, ports = made.protocol, made.destination_ports
        if made.table != "filter" or "INPUT" not in hooks.get(made.chain, ()) or protocol is None or ports is None:
            continue
        services = {Service(_NAMES[protocol.value], low) for low, _ in ports.value if protocol.value in _NAMES}
        yield from sorted(services - seen)
        seen |= services


def _accepts_port(shape: Shape) -> bool:
    source = shape.parameter("-s")
    names = {use.option.name for part in shape.matches for use in part.uses if not use.negated}
    return bool(shape.target and shape.target.name == "ACCEPT" and not source and names & {"--dport", "--dports"})


def _finding(v4: Ruleset, v6: Ruleset, found: Sequence[Service]) -> Finding:
    first = found[0]
    names = "every port" if first == _ANY else ", ".join(map(str, found))
    return Finding(
        _decision(v6, first, "let in here"),
        f"IPv6 lets everybody in to {names}, IPv4 does not",
        related=(_decision(v4, first, "refused here"),),
        fix=Fix("restrict in ip6tables what iptables restricts", safety=Safety.MANUAL),
    )


def _decision(ruleset: Ruleset, service: Service, note: str) -> Place:
    """The place that decides about strangers who ask for the service."""
    sketch = _shared.opening(ruleset.family, _shared.PROTOCOLS[service.protocol], service.port)
    decisions = _shared.outcome(ruleset, "INPUT", sketch, sources=_shared.ANYBODY).decisions
    accepts = [one for one in decisions if one.verdict in _shared.PASSES]
    found = next((one for one in accepts if one.rule), accepts[0] if accepts else _shared.refusal(decisions))
    return _shared.decided(ruleset, "INPUT", found, note)


def _nothing_there(v4: Ruleset) -> Finding:
    decision: Decision = _shared.refusal(
        _shared.outcome(v4, "INPUT", _shared.opening(4, TCP, _ANY.port), sources=_shared.ANYBODY).decisions
    )
    return Finding(
        _shared.decided(v4, "INPUT", decision, "refuses what no rule names, for IPv4"),
        "IPv4 is filtered and IPv6 is not: this machine has no ip6tables rules",
        help=("every machine has at least a link-local address, by which its neighbours reach it",),
        fix=Fix("write rules for ip6tables, or turn IPv6 off", safety=Safety.MANUAL),
        confidence=Confidence.LIKELY,
        by_absence=True,
    )
