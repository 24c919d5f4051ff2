"""notrack/not-accepted"""

from collections.abc import Iterator
from typing import NamedTuple

from ruleset_lint.lint import Confidence, Edit, Finding, Fix, Safety, Severity, Span, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.validity import span_of
from ruleset_lint.netfilter.extension import Memory
from ruleset_lint.packets.conditions import ALL_PORTS, Conditions, mirrored, sketches
from ruleset_lint.packets.roles import CLIENT_PORTS, accepting, answering, later, may_pass, opening
from ruleset_lint.packets.untracked import Untracking, fate, untrackings

from . import _shared


class _Loss(NamedTuple):
    """Packets that `hook` drops as UNTRACKED, and the rules that accept them as `state`."""

    untracking: Untracking
    packets: Conditions
    hook: str
    state: str
    accepts: tuple[Rule, ...]


@rule(
    Severity.ERROR,
    yields_to=(
        "conntrack/negated-state",
        "notrack/drops-clients",
        "notrack/first-packet-rule",
        "notrack/position",
        "notrack/synproxy",
    ),
)
def not_accepted(ruleset: Ruleset) -> Iterator[Finding]:
    """Packets are untracked, and the filter accepts them only in a state that they no longer have

    ## What it does
    Follows the packets that raw untracks through INPUT, FORWARD and OUTPUT. Fires where a rule accepts them as NEW (or
    answers as ESTABLISHED) and nothing accepts them as UNTRACKED; for TCP, where the SYN is accepted and what follows
    is not. What no rule would accept in any state is meant to be dropped: silent.

    ## Why is this bad?
    An untracked packet is UNTRACKED and nothing else, neither NEW nor ESTABLISHED. The service is dead.

    ## Example
    ```
    *raw
    -A PREROUTING -p tcp -m tcp --dport 80 -j NOTRACK
    -A OUTPUT -p tcp -m tcp --sport 80 -j NOTRACK
    COMMIT
    *filter
    :INPUT DROP [0:0]
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW -j ACCEPT
    COMMIT
    ```

    ## Use instead
    ```
    -A INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW,UNTRACKED -j ACCEPT
    ```

    ## Fix safety
    Unsafe: packets are accepted that are dropped today. Manual where no accept is near that could take them.

    ## Since
    Every kernel with the raw table (2.6.6).

    ## Source
    net/netfilter/xt_conntrack.c and xt_state.c; measured on kernel 6.18 with iptables 1.8.9 (nft and legacy).
    """
    spoken: set[Rule] = set()
    for untracking in () if ruleset.fragment else untrackings(ruleset):
        if untracking.rule in spoken or _shared.only_first_packets(untracking.conditions):
            continue
        parts = map(_usual, _shared.each_range(untracking.conditions))
        losses = [loss for part in parts for loss in _losses(ruleset, untracking, part)]
        if losses:
            spoken.add(untracking.rule)
            yield _finding(ruleset, losses)


def _usual(part: Conditions) -> Conditions:
    """Packets whose other port is one that clients use."""
    if part.destination_ports == ALL_PORTS and part.source_ports != ALL_PORTS:
        return part._replace(destination_ports=CLIENT_PORTS)
    if part.source_ports == ALL_PORTS and part.destination_ports != ALL_PORTS:
        return part._replace(source_ports=CLIENT_PORTS)
    return part


def _losses(ruleset: Ruleset, untracking: Untracking, part: Conditions) -> Iterator[_Loss]:
    if not any(untracking.rule in fate(ruleset, untracking.hook, sketch).by for sketch in sketches(part)):
        return
    if untracking.hook == "PREROUTING" and not untracking.by_source_port:
        yield from _requests(ruleset, untracking, part)
    elif untracking.hook == "PREROUTING":
        yield from _routed_answers(ruleset, untracking, part)
    elif untracking.by_source_port:
        yield from _refused(ruleset, _Loss(untracking, answering(part), "OUTPUT", "ESTABLISHED", ()))
    else:
        yield from _refused(ruleset, _Loss(untracking, opening(part), "OUTPUT", "NEW", ()))


def _requests(ruleset: Ruleset, untracking: Untracking, part: Conditions) -> Iterator[_Loss]:
    local = part.destination_is_local
    for hook in ("INPUT",) if local else ("FORWARD",) if local is False else ("INPUT", "FORWARD"):
        lost = list(_refused(ruleset, _Loss(untracking, opening(part), hook, "NEW", ())))
        if not lost and accepting(ruleset, hook, opening(part), "UNTRACKED"):
            lost += _refused(ruleset, _Loss(untracking, later(part), hook, "ESTABLISHED", ()))
        yield from lost


def _routed_answers(ruleset: Ruleset, untracking: Untracking, part: Conditions) -> Iterator[_Loss]:
    """Answers through a router whose requests pass; a request that is lost itself is another finding."""
    asked = opening(mirrored(part))
    states = {fate(ruleset, "PREROUTING", sketch).untracked.value for sketch in sketches(asked)}
    state = {"yes": "UNTRACKED", "no": "NEW"}.get(states.pop()) if len(states) == 1 else None
    if part.destination_is_local is not True and accepting(ruleset, "FORWARD", asked, state):
        yield from _refused(ruleset, _Loss(untracking, answering(part), "FORWARD", "ESTABLISHED", ()))


def _refused(ruleset: Ruleset, loss: _Loss) -> Iterator[_Loss]:
    """The loss, if a rule accepts the packets in their state and none does, nor the policy, when they are UNTRACKED."""
    if not may_pass(ruleset, loss.hook, loss.packets, "UNTRACKED"):
        accepts = accepting(ruleset, loss.hook, loss.packets, loss.state)
        if accepts:
            yield loss._replace(accepts=accepts)


def _finding(ruleset: Ruleset, losses: list[_Loss]) -> Finding:
    loss = losses[0]
    packets = _shared.together(other.packets for other in losses if other.hook == loss.hook)
    unsure = not loss.untracking.conditions.exact or (
        loss.hook == "FORWARD" and may_pass(ruleset, "INPUT", loss.packets, "UNTRACKED")
    )
    what = {"NEW": "requests", "ESTABLISHED": "packets"}[loss.state]
    return Finding(
        at_rule(ruleset, loss.untracking.rule, "untracked here"),
        f"{what} of {_name(loss, packets)} are untracked, and {loss.hook} accepts them only as {loss.state}",
        related=_shared.places(ruleset, loss.accepts, f"accepts {loss.state}, not UNTRACKED"),
        help=("an untracked packet is UNTRACKED, never NEW or ESTABLISHED: it is dropped",),
        fix=_fix(ruleset, loss, packets),
        confidence=Confidence.LIKELY if unsure else Confidence.PROVEN,
    )


def _name(loss: _Loss, packets: Conditions) -> str:
    """The service, by the port that the rule names."""
    by_source = loss.untracking.by_source_port
    return _shared.service_name(packets._replace(destination_ports=ALL_PORTS) if by_source else packets)


def _fix(ruleset: Ruleset, loss: _Loss, packets: Conditions) -> Fix:
    listed = next((made for made in loss.accepts if _takes_another_state(made)), None)
    if loss.state == "NEW" and listed:
        return Fix("accept UNTRACKED too", (_with_untracked(ruleset, listed),), Safety.UNSAFE)
    name = _shared.PROTOCOLS.get(packets.protocol or 0)
    ports = packets.source_ports
    if loss.hook == "OUTPUT" and loss.untracking.by_source_port and name and len(ports) == 1:
        flags = " --tcp-flags ACK ACK" if name == "tcp" else ""
        port = f"{ports[0][0]}:{ports[0][1]}" if ports[0][0] != ports[0][1] else str(ports[0][0])
        test = "-m conntrack --ctstate UNTRACKED"
        line = f"-A {loss.accepts[0].chain} -p {name} -m {name} --sport {port}{flags} {test} -j ACCEPT"
        return Fix(f"add `{line}`", (_shared.insert_after(ruleset, loss.accepts[0], line),), Safety.UNSAFE)
    return Fix("accept these packets without a state, or untrack nothing here", safety=Safety.MANUAL)


def _takes_another_state(accepted: Rule) -> bool:
    """Whether one more state in the rule's list lets in what follows too: no counting, no test of SYNs."""
    test = accepted.states
    parts = accepted.shape.matches
    counts = any(
        part.entry is None or part.entry.first_packet or part.entry.memory is not Memory.NONE for part in parts
    )
    return bool(test and not test.negated and not counts and not accepted.tcp_flags)


def _with_untracked(ruleset: Ruleset, accepted: Rule) -> Edit:
    part = accepted.shape.match("state", "conntrack")
    uses = part.uses if part else ()
    item = next(use.item + 1 for use in uses if use.option.name in ("--state", "--ctstate"))
    span = span_of(ruleset.document, accepted.line, item)
    end = span.end - 1 if ruleset.document.source(span).endswith('"') else span.end
    return Edit(Span(end, end), ",UNTRACKED")
