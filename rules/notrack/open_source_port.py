"""notrack/open-source-port"""

from collections.abc import Iterator
from typing import NamedTuple

from ruleset_lint.lint import Confidence, Edit, Finding, Fix, Safety, Severity, Span, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.validity import span_of
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.netfilter.values import Network
from ruleset_lint.packets.conditions import Conditions, sketches
from ruleset_lint.packets.roles import TCP, UDP, may_pass, must_pass, opening
from ruleset_lint.packets.sketch import Answer, Sketch
from ruleset_lint.packets.untracked import Untracking, fate, untrackings
from ruleset_lint.packets.walk import walk

from . import _shared

_PORTS = (3306, 22)  # a port that a firewall should keep closed; one that may be open to everybody anyway
_ANOTHER_PORT = ((40001, 40001),)
_STRANGERS = {4: (0x5DB8D822, 0xCB00714D), 6: (0x2A000001000200030000000000000077,)}


class _Hole(NamedTuple):
    rule: Rule
    untracking: Untracking
    hook: str
    confidence: Confidence


@rule(Severity.ERROR)
def open_source_port(ruleset: Ruleset) -> Iterator[Finding]:
    """Whoever binds his source port to an untracked one reaches ports that are closed to everybody else

    ## What it does
    Plays a first packet from an untracked source port to a closed port (3306, 22), from an address that no rule knows,
    and looks whether the filter accepts it only because it is UNTRACKED or comes from that port. An accept for
    `! --syn`, or one that names its destination ports, lets no such packet in.

    ## Why is this bad?
    Source ports prove nothing. Anybody who sends from port 80 has a whole connection to every service behind the rule.

    ## Example
    ```
    *raw
    -A PREROUTING -p tcp -m tcp --sport 80 -j NOTRACK
    COMMIT
    *filter
    :INPUT DROP [0:0]
    -A INPUT -p tcp -m tcp --sport 80 -m conntrack --ctstate UNTRACKED -j ACCEPT
    COMMIT
    ```

    ## Use instead
    Leave the host's own clients tracked: no `PREROUTING --sport` rule, and no accept for it.

    ## Fix safety
    Unsafe: SYNs from that port are refused; strays with ACK still pass. Manual for UDP, which has no SYN.

    ## Since
    Every kernel with the raw table (2.6.6).

    ## Source
    Measured on kernel 6.18 with iptables 1.8.9 (nft and legacy): 203.0.113.77:80 to a closed port 3306, connection
    established, data both ways.
    """
    found: dict[Rule, _Hole] = {}
    for untracking in () if ruleset.fragment else untrackings(ruleset):
        asked = untracking.conditions
        if untracking.hook == "PREROUTING" and untracking.by_source_port and not asked.source:
            for part in _shared.each_range(asked) if asked.protocol in (TCP, UDP) else ():
                for hole in _holes(ruleset, untracking, part):
                    found.setdefault(hole.rule, hole)
    for hole in found.values():
        yield _finding(ruleset, hole)


def _holes(ruleset: Ruleset, untracking: Untracking, part: Conditions) -> Iterator[_Hole]:
    local = part.destination_is_local
    for hook in ("INPUT",) if local else ("FORWARD",) if local is False else ("INPUT", "FORWARD"):
        for stranger in _STRANGERS[part.family]:
            hole = next(
                (hole for port in _PORTS if (hole := _hole(ruleset, untracking, hook, _attack(part, stranger, port)))),
                None,
            )
            if hole:
                yield hole
                break


def _attack(part: Conditions, stranger: int, port: int) -> Conditions:
    whole = (1 << (32 if part.family == 4 else 128)) - 1
    return opening(part._replace(source=(Network(stranger, whole),), destination_ports=((port, port),)))


def _hole(ruleset: Ruleset, untracking: Untracking, hook: str, attack: Conditions) -> _Hole | None:
    if may_pass(ruleset, hook, attack._replace(source_ports=_ANOTHER_PORT), "NEW"):
        return None
    for sketch in sketches(attack, "UNTRACKED"):
        untracked = fate(ruleset, "PREROUTING", sketch).untracked
        accepted = _accept(ruleset, hook, sketch) if untracked is not Answer.NO else None
        if accepted:
            sure = untracked is Answer.YES and must_pass(ruleset, hook, sketch)
            return _Hole(accepted, untracking, hook, Confidence.PROVEN if sure else Confidence.LIKELY)
    return None


def _accept(ruleset: Ruleset, hook: str, sketch: Sketch) -> Rule | None:
    decisions = walk(ruleset, "filter", hook, sketch).decisions
    return next((made.rule for made in decisions if made.rule and made.verdict is Verdict.ACCEPT), None)


def _finding(ruleset: Ruleset, hole: _Hole) -> Finding:
    untracking = hole.untracking
    ports = _shared.service_name(untracking.conditions)
    where = "this host" if hole.hook == "INPUT" else "the hosts behind this one"
    asked = untracking.conditions
    remote = _shared.address(asked.family, 2, asked.source)
    host = _shared.address(asked.family, 1, asked.destination)
    port = asked.source_ports[0][0]
    kind = " SYN" if asked.protocol == TCP else ""
    return Finding(
        at_rule(ruleset, hole.rule, "accepted here"),
        f"whoever sends from source port {ports} reaches closed ports of {where}",
        related=(at_rule(ruleset, untracking.rule, "untracked here by source port"),),
        help=(
            f"{remote}:{port} > {host}:{_PORTS[0]}{kind}: UNTRACKED and accepted, from any other source port refused",
        ),
        fix=_fix(ruleset, hole.rule),
        confidence=hole.confidence,
    )


def _fix(ruleset: Ruleset, accepted: Rule) -> Fix:
    """Keep SYNs out, where the rule can say so."""
    protocol, target = accepted.protocol, accepted.shape.target
    if protocol and protocol.value == TCP and not protocol.negated and not accepted.tcp_flags and target:
        start = span_of(ruleset.document, accepted.line, target.item - 1).start
        return Fix("accept no SYNs: add `! --syn`", (Edit(Span(start, start), "! --syn "),), Safety.UNSAFE)
    return Fix("untrack no packets by source port, and take this accept away", safety=Safety.MANUAL)
