"""safety/loopback"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Confidence, Finding, Fix, Safety, Severity, at_rule, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape
from ruleset_lint.netfilter.values import Network
from ruleset_lint.packets.roles import TCP, UDP
from ruleset_lint.packets.sketch import Sketch

from . import _shared

_OWN = {4: Network(0x7F000001, 0xFFFFFFFF), 6: Network(1, (1 << 128) - 1)}
_ROUTED = ("net.ipv4.conf.all.route_localnet", "net.ipv4.conf.default.route_localnet")


@rule(Severity.WARNING)
def loopback(host: Host, ruleset: Ruleset) -> Iterator[Finding]:
    """What a machine says to itself is dropped, or others may speak in its name

    ## What it does
    Looks whether INPUT and OUTPUT may accept a new connection over `lo` from the loopback address to a port that nobody
    names. Looks for accepts of 127.0.0.0/8 in INPUT that do not ask for `-i lo`: information, and a warning
    where sysctls let such packets in (`route_localnet`).

    ## Why is this bad?
    Programs of one machine talk over `lo`: databases, resolvers, mail. Dropped, they wait for time-outs that nobody
    thinks of the firewall for. The address alone proves nothing: it is the interface that is the machine's own.

    ## Example
    ```
    :INPUT DROP [0:0]
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    ```

    ## Use instead
    ```
    :INPUT DROP [0:0]
    -A INPUT -i lo -j ACCEPT
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    ```

    ## Fix safety
    Unsafe: packets are accepted that are dropped today. Manual for accepts of loopback addresses.

    ## Since
    Every kernel; `route_localnet` from Linux 3.6 on.

    ## Source
    Measured with iptables 1.8.9, kernel 6.18. ip_route_input_slow of net/ipv4/route.c drops packets from outside with
    loopback addresses unless `route_localnet` is set, ip6_rcv_core of net/ipv6/ip6_input.c those with ::1.
    """
    for hook in ("INPUT", "OUTPUT"):
        if _shared.filters(ruleset, hook) and (found := _dropped(ruleset, hook)):
            yield found
    # nothing lets ::1 in from outside
    for made in _by_address(ruleset) if ruleset.family == 4 and _shared.filters(ruleset, "INPUT") else ():
        yield _open_finding(host, ruleset, made)


def _sketch(family: int, hook: str, protocol: int) -> Sketch:
    own = _OWN[family]
    asked = _shared.opening(family, protocol, _shared.UNNAMED_PORT)._replace(not_in=None, source=own, destination=own)
    local = asked._replace(source_is_local=True, destination_is_local=True)
    return local._replace(out_interface="lo") if hook == "OUTPUT" else local._replace(in_interface="lo")


def _dropped(ruleset: Ruleset, hook: str) -> Finding | None:
    for protocol in (TCP, UDP):
        sketch = _sketch(ruleset.family, hook, protocol)
        if _shared.may_pass(ruleset, hook, sketch, _shared.LOOPBACK) or not _shared.loads(ruleset):
            return None
    found = _shared.refusal(_shared.outcome(ruleset, hook, sketch, sources=_shared.LOOPBACK).decisions)
    side = "-o" if hook == "OUTPUT" else "-i"
    line = f"-A {hook} {side} lo -j ACCEPT"
    edits = _shared.put_first(ruleset, hook, line)
    return Finding(
        _shared.decided(ruleset, hook, found, "drops it"),
        f"{hook} accepts nothing over lo: programs of this machine do not reach each other",
        fix=Fix(f"add `{line}`", edits, Safety.UNSAFE if edits else Safety.MANUAL),
    )


def _by_address(ruleset: Ruleset) -> Iterator[Rule]:
    """Accepts of INPUT for loopback sources, on whatever interface."""
    hooks = ruleset.tables["filter"].hooks
    for made in ruleset.where(lambda shape: _accepts_source(ruleset, shape)):
        source = made.source
        in_input = made.table == "filter" and "INPUT" in hooks.get(made.chain, ())
        if in_input and source and all(map(_is_loopback, source.value)) and _shared.loads(ruleset):
            sketch = _sketch(made.family, "INPUT", TCP)._replace(in_interface=None, not_in="lo")
            decisions = _shared.outcome(ruleset, "INPUT", sketch, sources=_shared.LOOPBACK).decisions
            if any(one.rule is made for one in decisions):
                yield made


def _accepts_source(ruleset: Ruleset, shape: Shape) -> bool:
    use = shape.parameter("-s")
    if not (shape.target and shape.target.name == "ACCEPT") or use is None or use.negated or shape.parameter("-i"):
        return False
    texts = f"\n{ruleset.texts(shape, use.operands[0])}" if use.operands else ""
    return "\n127." in texts


def _is_loopback(network: Network) -> bool:
    return network.mask >> 24 == 0xFF and network.address >> 24 == 127 and not network.name


def _open_finding(host: Host, ruleset: Ruleset, made: Rule) -> Finding:
    routed = host.sysctl and next(filter(None, map(host.sysctl.effective, _ROUTED)), None)
    is_open = bool(ruleset.family == 4 and routed and routed.value == "1")
    return Finding(
        at_rule(ruleset, made),
        "accepts loopback addresses on every interface: `-i lo` is what tells the machine's own packets",
        help=(
            f"{routed.key} = 1: a neighbour that sends from 127.0.0.1 gets in"
            if is_open and routed
            else "the kernel drops such packets from outside unless route_localnet is set",
        ),
        fix=Fix("accept `-i lo` instead", safety=Safety.MANUAL),
        severity=None if is_open else Severity.INFO,
        confidence=Confidence.PROVEN if is_open else Confidence.LIKELY,
    )
