"""notrack/shared-port"""

from collections.abc import Iterator
from typing import NamedTuple

from ruleset_lint.lint import Confidence, Finding, Fix, Place, Safety, Severity, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape
from ruleset_lint.netfilter.services import SENDS_FROM_OWN_PORT, Service
from ruleset_lint.packets.asked import asked_by
from ruleset_lint.packets.conditions import ALL_PORTS, Conditions, meet, mirrored, sketches
from ruleset_lint.packets.roles import TCP, UDP, accepting, answering, may_pass, must_pass
from ruleset_lint.packets.untracked import Untracking, fate, untrackings

from . import _shared

_PRIVILEGED = 1024


class _Clash(NamedTuple):
    message: str
    related: tuple[Place, ...]
    confidence: Confidence


@rule(Severity.ERROR, yields_to=("notrack/not-accepted",))
def shared_port(ruleset: Ruleset) -> Iterator[Finding]:
    """An untracked port is also one that clients send from, and their answers are lost

    ## What it does
    Looks for untracked `PREROUTING --dport P` where the program that serves P also asks from P (NTP, IKE, WireGuard …)
    or an OUTPUT rule accepts NEW connections from it, and the filter does not accept the untracked answers from
    everywhere; and where MASQUERADE or SNAT keeps source port P for the clients behind a router (UDP, and TCP from port
    1024 on; not where the rule picks ports of its own with `--to-ports`, a port behind the address, or
    `--random-fully`).

    ## Why is this bad?
    The answer to what was sent from P has P as its destination port: it is untracked like a request. No ESTABLISHED
    accept takes it, and no translation is undone.

    ## Example
    ```
    *raw
    -A PREROUTING -p udp -m udp --dport 123 -j NOTRACK
    COMMIT
    *filter
    :INPUT DROP [0:0]
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A INPUT -s 10.0.0.0/8 -p udp -m udp --dport 123 -j ACCEPT
    COMMIT
    ```

    ## Use instead
    Leave the port tracked, or accept its packets from everywhere.

    ## Fix safety
    Manual: only somebody who knows the program can tell.

    ## Since
    Every kernel with the raw table (2.6.6).

    ## Source
    Measured on kernel 6.18 with iptables 1.8.9 (nft and legacy): answers lost for udp/123, udp/53 and tcp/3128 beside
    MASQUERADE, which keeps the source port where it is free (nf_nat_core.c, get_unique_tuple).
    """
    for untracking in () if ruleset.fragment else untrackings(ruleset):
        asked = untracking.conditions
        if untracking.hook != "PREROUTING" or not untracking.by_destination_port or asked.destination_is_local is False:
            continue
        for part in _shared.each_range(asked) if asked.protocol in (TCP, UDP) else ():
            clash = _own(ruleset, part) or _masqueraded(ruleset, part)
            if clash and _reached(ruleset, untracking, part):
                fix = Fix("leave the port tracked", safety=Safety.MANUAL)
                place = at_rule(ruleset, untracking.rule, "untracked here")
                yield Finding(place, clash.message, clash.related, fix=fix, confidence=clash.confidence)
                break


def _reached(ruleset: Ruleset, untracking: Untracking, part: Conditions) -> bool:
    return any(untracking.rule in fate(ruleset, "PREROUTING", sketch).by for sketch in sketches(part))


def _own(ruleset: Ruleset, part: Conditions) -> _Clash | None:
    """The host's own program asks from the port, and not all answers are accepted as UNTRACKED."""
    low, high = part.destination_ports[0]
    if low != high:
        return None
    senders = _senders(ruleset, part)
    known = Service(_shared.PROTOCOLS[part.protocol or UDP], low) in SENDS_FROM_OWN_PORT
    answers = answering(part)
    served = accepting(ruleset, "INPUT", answers, "UNTRACKED") if senders or known else ()
    if not (senders or served) or not may_pass(ruleset, "INPUT", answers, "ESTABLISHED"):
        return None
    if all(must_pass(ruleset, "INPUT", sketch) for sketch in sketches(answers, "UNTRACKED")):
        return None
    message = f"{_shared.service_name(part)} is untracked, and the host also asks from that port: answers are lost"
    related = _shared.places(ruleset, senders or served, "asks from the port" if senders else "accepts some of them")
    return _Clash(message, related, Confidence.LIKELY)


def _senders(ruleset: Ruleset, part: Conditions) -> tuple[Rule, ...]:
    """Rules of OUTPUT that accept NEW from this very source port."""
    requests = mirrored(part)._replace(destination_ports=ALL_PORTS)
    found = accepting(ruleset, "OUTPUT", requests, "NEW")
    return tuple(made for made in found if _names_source_port(made, part.destination_ports[0]))


def _names_source_port(made: Rule, port: tuple[int, int]) -> bool:
    asked = asked_by(made)
    new = made.states is not None and not made.states.negated and "NEW" in made.states.value
    return bool(new and asked and asked.source_ports == (port,))


def _masqueraded(ruleset: Ruleset, part: Conditions) -> _Clash | None:
    """Clients behind the machine have their source port kept, and it may be the untracked one."""
    low, high = part.destination_ports[0]
    if part.destination or (part.protocol == TCP and high < _PRIVILEGED) or low != high:
        return None
    flows = mirrored(part)._replace(destination_ports=ALL_PORTS, source_is_local=None)
    rules = [made for made in ruleset.where(_keeps_ports) if made.table == "nat" and _translates(made, flows, part)]
    if not rules or not may_pass(ruleset, "FORWARD", flows, "NEW"):
        return None
    message = (
        f"{_shared.service_name(part)} is untracked, and those behind NAT may send from that port: answers are lost"
    )
    related = _shared.places(ruleset, rules, "keeps source ports where it can")
    return _Clash(message, related, Confidence.LIKELY)


def _translates(made: Rule, flows: Conditions, part: Conditions) -> bool:
    asked = asked_by(made)
    met = meet(asked, flows) if asked else None
    # answers come in where the flows went out
    return bool(asked and met and meet(part._replace(leaves=asked.arrives), Conditions(arrives=asked.leaves)))


def _keeps_ports(shape: Shape) -> bool:
    target = shape.target
    if target is None or target.name not in ("MASQUERADE", "SNAT"):
        return False
    return not any(target.use(name) for name in ("--to-ports", "--random-fully", "--random"))
