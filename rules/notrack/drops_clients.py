"""notrack/drops-clients"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Confidence, Edit, Finding, Fix, Safety, Severity, at_rule, rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets.conditions import Conditions, meet, mirrored, sketches
from ruleset_lint.packets.roles import CLIENT_PORTS, TCP, UDP, accepting, answering, may_pass, opening
from ruleset_lint.packets.sketch import Answer
from ruleset_lint.packets.untracked import NOT_LOOPBACK, Untracking, fate, untrackings

from . import _shared


@rule(Severity.ERROR)
def drops_clients(ruleset: Ruleset) -> Iterator[Finding]:
    """Answers to the host's own clients are untracked and then dropped

    ## What it does
    Looks for `PREROUTING --sport P -j NOTRACK` where INPUT accepts the answers from port P as ESTABLISHED and nothing
    there accepts them as UNTRACKED, while OUTPUT lets the host ask. Likely only where FORWARD accepts the untracked
    packets: the machine is a router that may ask nobody itself; silent there if the rule names addresses.

    ## Why is this bad?
    The host itself is cut off from every remote port P: updates, APIs, name servers. The accept that repairs it lets
    everybody in who binds his source port to P.

    ## Example
    ```
    *raw
    -A PREROUTING -p tcp -m tcp --dport 80 -j NOTRACK
    -A PREROUTING -p tcp -m tcp --sport 80 -j NOTRACK
    COMMIT
    *filter
    :INPUT DROP [0:0]
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW,UNTRACKED -j ACCEPT
    COMMIT
    ```

    ## Use instead
    ```
    *raw
    -A PREROUTING ! -i lo -p tcp -m tcp --dport 80 -j NOTRACK
    -A OUTPUT ! -o lo -p tcp -m tcp --sport 80 -j NOTRACK
    COMMIT
    ```

    ## Fix safety
    Unsafe: the host's own connections to port P are tracked again. Manual on routers, and where
    more rules untrack them.

    ## Since
    Every kernel with the raw table (2.6.6).

    ## Source
    Measured on kernel 6.18 with iptables 1.8.9 (nft and legacy): the SYN,ACK of a remote port 80 is dropped in INPUT.
    """
    for untracking in () if ruleset.fragment else untrackings(ruleset):
        asked = untracking.conditions
        applies = (
            untracking.hook == "PREROUTING" and untracking.by_source_port and asked.destination_is_local is not False
        )
        if applies and asked.protocol in (TCP, UDP):
            dropped = [part for part in _shared.each_range(asked) if _is_dropped(ruleset, untracking, part)]
            if dropped:
                yield _finding(ruleset, untracking, dropped)


def _is_dropped(ruleset: Ruleset, untracking: Untracking, part: Conditions) -> bool:
    answers = answering(part._replace(destination_ports=CLIENT_PORTS))
    if not any(untracking.rule in fate(ruleset, "PREROUTING", sketch).by for sketch in sketches(answers)):
        return False
    if may_pass(ruleset, "INPUT", answers, "UNTRACKED") or not may_pass(ruleset, "INPUT", answers, "ESTABLISHED"):
        return False
    return not ((part.source or part.destination) and _is_routed(ruleset, part)) and _can_ask(ruleset, part)


def _is_routed(ruleset: Ruleset, part: Conditions) -> bool:
    """Whether FORWARD lets through what is untracked, or the requests that it answers."""
    answers = answering(part._replace(destination_ports=CLIENT_PORTS))
    requests = opening(mirrored(part)._replace(source_ports=CLIENT_PORTS))
    lets_pass = may_pass if _is_router(ruleset) else accepting
    asked = (lets_pass(ruleset, "FORWARD", requests, state) for state in ("NEW", "UNTRACKED"))
    return bool(lets_pass(ruleset, "FORWARD", answers, "UNTRACKED")) or any(asked)


def _is_router(ruleset: Ruleset) -> bool:
    """Whether the source of some packets is translated, so that a FORWARD that accepts by policy is meant."""
    chain = ruleset.chain("nat", "POSTROUTING")
    return bool(chain and chain.rules)


def _can_ask(ruleset: Ruleset, part: Conditions) -> bool:
    """Whether OUTPUT may let the host's requests out, in the state that raw gives them."""
    requests = meet(opening(mirrored(part)._replace(source_ports=CLIENT_PORTS)), NOT_LOOPBACK["OUTPUT"])
    if requests is None:
        return False
    untracked = {fate(ruleset, "OUTPUT", sketch).untracked for sketch in sketches(requests)}
    state = {Answer.YES: "UNTRACKED", Answer.NO: "NEW"}.get(untracked.pop()) if len(untracked) == 1 else None
    return may_pass(ruleset, "OUTPUT", requests, state)


def _finding(ruleset: Ruleset, untracking: Untracking, dropped: list[Conditions]) -> Finding:
    conditions = _shared.together(dropped)
    answers = answering(conditions._replace(destination_ports=CLIENT_PORTS))
    routed = _is_routed(ruleset, conditions)
    sure = not routed and all(
        fate(ruleset, "PREROUTING", sketch).untracked is Answer.YES for sketch in sketches(answers)
    )
    return Finding(
        at_rule(ruleset, untracking.rule, "the answers are untracked here"),
        f"answers of {_shared.service_name(conditions)} to the host's own clients are untracked, and INPUT drops them",
        related=_shared.chain_place(ruleset, "filter", "INPUT", "nothing here accepts them as UNTRACKED"),
        help=(_example(conditions),),
        fix=_fix(ruleset, untracking, routed=routed),
        confidence=Confidence.PROVEN if sure else Confidence.LIKELY,
    )


def _example(conditions: Conditions) -> str:
    port = conditions.source_ports[0][0]
    server = _shared.address(conditions.family, 2, conditions.source)
    flow = f"{server}:{port} > {_shared.address(conditions.family, 1, conditions.destination)}:40000"
    kind = " SYN,ACK" if conditions.protocol == TCP else ""
    return f"{flow}{kind}: UNTRACKED where it was ESTABLISHED, dropped"


def _fix(ruleset: Ruleset, untracking: Untracking, *, routed: bool) -> Fix:
    requests = mirrored(untracking.conditions)._replace(source_ports=CLIENT_PORTS)
    asks_untracked = any(
        fate(ruleset, "OUTPUT", sketch).untracked is not Answer.NO for sketch in sketches(opening(requests))
    )
    if routed:
        return Fix("name the addresses of the servers behind the router with -s and -d", safety=Safety.MANUAL)
    if asks_untracked or len(untracking.way) > 1:
        return Fix("untrack the replies of a service in OUTPUT, never answers in PREROUTING", safety=Safety.MANUAL)
    edit = Edit(untracking.rule.line.span, "")
    return Fix("delete the rule: what the host's clients ask stays tracked", (edit,), Safety.UNSAFE)
