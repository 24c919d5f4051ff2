"""safety/source-port"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from ruleset_lint.lint import Confidence, Edit, Finding, Fix, Safety, Severity, Span, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape
from ruleset_lint.model.tracking import tracks
from ruleset_lint.model.validity import span_of
from ruleset_lint.packets.roles import TCP, UDP
from ruleset_lint.packets.sketch import Sketch

from . import _shared

_CLOSED = (3306, 22)  # a port that a firewall should keep closed; one that may be open to everybody anyway
_OTHERS = (_shared.UNNAMED_PORT, 7, 79)
_MOST_LOOKED_AT = 64
_EXAMPLE = {4: "203.0.113.7", 6: "[2001:db8:7::7]"}


@rule(Severity.WARNING, yields_to=("notrack/open-source-port",))
def source_port(ruleset: Ruleset) -> Iterator[Finding]:
    """Whoever sends from a certain source port reaches every port

    ## What it does
    Looks in INPUT and FORWARD for accepts that ask for a source port and neither for a destination port nor for a
    source address, and sends a first packet from that port to a closed one (3306, 22). Silent where the same packet is
    accepted from any other source port, and for accepts that take no first packets (`! --syn`, ESTABLISHED).

    ## Why is this bad?
    Source ports prove nothing: everybody may send from port 53 or 80, and has then a whole connection to every service
    behind the rule.

    ## Example
    ```
    :INPUT DROP [0:0]
    # answers of name servers
    -A INPUT -p udp -m udp --sport 53 -j ACCEPT
    ```

    ## Use instead
    ```
    :INPUT DROP [0:0]
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    ```

    ## Fix safety
    Unsafe: only packets of connections that this machine has opened pass; for TCP without connection tracking, only
    packets that open none. Manual for UDP without connection tracking.

    ## Since
    Every kernel.

    ## Source
    Measured on kernel 6.18 with iptables 1.8.9: 203.0.113.77:80 to a closed port 3306, connection established, data
    both ways.
    """
    hooks = ruleset.tables["filter"].hooks if "filter" in ruleset.tables and not ruleset.fragment else {}
    candidates = ruleset.where(lambda shape: _by_source_port(ruleset, shape)) if hooks else iter(())
    for made in islice((made for made in candidates if made.table == "filter"), _MOST_LOOKED_AT):
        for hook in ("INPUT", "FORWARD"):
            confidence = _hole(ruleset, hook, made) if hook in hooks.get(made.chain, ()) else None
            if confidence and _shared.loads(ruleset):
                yield _finding(ruleset, hook, made, confidence)
                break


def _by_source_port(ruleset: Ruleset, shape: Shape) -> bool:
    if shape.target is None or shape.target.name != "ACCEPT":
        return False
    uses = [use for part in shape.matches for use in part.uses]
    names = {use.option.name for use in uses}
    asks = any(use.option.name in ("--sport", "--sports") and not use.negated for use in uses)
    source = shape.parameter("-s")
    by_address = source and (source.negated or "/0" not in ruleset.texts(shape, source.operands[0]))
    return asks and not by_address and not names & {"--dport", "--dports", "--ports"}


def _hole(ruleset: Ruleset, hook: str, made: Rule) -> Confidence | None:
    """How sure it is that a first packet from the rule's port reaches a closed one; None if none does."""
    protocol, ports = made.protocol, made.source_ports
    if protocol is None or protocol.negated or protocol.value not in (TCP, UDP) or ports is None:
        return None
    first = ports.value[0][0]
    other = next((port for port in _OTHERS if not any(low <= port <= high for low, high in ports.value)), None)
    for closed in _CLOSED if other is not None else ():
        sketch = _shared.opening(ruleset.family, protocol.value, closed)
        attack, control = (sketch._replace(source_port=(port, port)) for port in (first, other or 0))
        if _accepts(ruleset, hook, made, attack) and not _shared.may_pass(ruleset, hook, control, _shared.ANYBODY):
            sure = _shared.must_pass(ruleset, hook, attack, _shared.ANYBODY)
            return Confidence.PROVEN if sure else Confidence.LIKELY
    return None


def _accepts(ruleset: Ruleset, hook: str, made: Rule, attack: Sketch) -> bool:
    """Whether the rule may accept the packet."""
    arriving = _shared.in_states(ruleset, hook, attack)
    found = (_shared.outcome(ruleset, hook, sketch, sources=_shared.ANYBODY) for sketch in arriving)
    return any(one.rule == made for outcome in found for one in outcome.decisions)


def _finding(ruleset: Ruleset, hook: str, made: Rule, confidence: Confidence) -> Finding:
    ports = made.source_ports
    port = ports.value[0][0] if ports else 0
    is_tcp = bool(made.protocol and made.protocol.value == TCP)
    name = f"{'tcp' if is_tcp else 'udp'}/{port}"
    where = "this machine" if hook == "INPUT" else "the machines behind this one"
    sender = f"{_EXAMPLE[ruleset.family]}:{port}"
    return Finding(
        at_rule(ruleset, made, "asks for the source port alone"),
        f"whoever sends from source port {name} reaches every {name[:3]} port of {where}",
        help=(f"{sender} to port {_CLOSED[0]}{', SYN' if is_tcp else ''}: accepted; from any other port refused",),
        fix=_fix(ruleset, made, is_tcp),
        confidence=confidence,
    )


def _fix(ruleset: Ruleset, made: Rule, is_tcp: bool) -> Fix:
    """Accept what belongs to a connection, or at least nothing that opens one."""
    target = made.shape.target
    by_state = any(map(tracks, ruleset.by_shape))
    words = "-m conntrack --ctstate ESTABLISHED" if by_state else "! --syn"
    amendable = made.shape.match("state", "conntrack") is None and (by_state or (is_tcp and made.tcp_flags is None))
    if target is None or not amendable:
        return Fix("accept what belongs to connections of this machine only", safety=Safety.MANUAL)
    start = span_of(ruleset.document, made.line, target.item - 1).start
    return Fix(f"add `{words}`", (Edit(Span(start, start), f"{words} "),), Safety.UNSAFE)
