"""notrack/synproxy"""

from collections.abc import Iterator
from typing import NamedTuple

from ruleset_lint.lint import Confidence, Edit, Finding, Fix, Safety, Severity, Span, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape
from ruleset_lint.model.validity import span_of
from ruleset_lint.packets.asked import asked_on, ways
from ruleset_lint.packets.conditions import Conditions, meet, mirrored
from ruleset_lint.packets.roles import TCP
from ruleset_lint.packets.untracked import Untracking, untrackings

from . import _shared

_HOOKS = ("INPUT", "FORWARD")


class _TooMuch(NamedTuple):
    untracking: Untracking
    requests: bool  # else replies


@rule(Severity.ERROR)
def synproxy(ruleset: Ruleset) -> Iterator[Finding]:
    """More than SYNs is untracked in front of SYNPROXY

    ## What it does
    Compares what raw untracks with the connections that a SYNPROXY rule answers: requests of which more than the SYN is
    untracked, and replies.

    ## Why is this bad?
    SYNPROXY answers the SYN itself, and the ACK that completes the handshake opens the connection behind. That ACK and
    all that follows must be tracked: untracked, no connection comes about.

    ## Example
    ```
    *raw
    -A PREROUTING -p tcp -m tcp --dport 80 -j CT --notrack
    COMMIT
    *filter
    -A INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate INVALID,UNTRACKED -j SYNPROXY --sack-perm --timestamp
    COMMIT
    ```

    ## Use instead
    ```
    *raw
    -A PREROUTING -p tcp -m tcp --dport 80 --syn -j CT --notrack
    COMMIT
    ```

    ## Fix safety
    Unsafe: packets are tracked that are untracked today.

    ## Since
    Linux 3.12, which brought SYNPROXY.

    ## Source
    iptables-extensions(8), "SYNPROXY"; measured on kernel 6.18 with iptables 1.8.9 (nft and legacy): with `--syn`
    connections work, with the whole port untracked none does.
    """
    answered = [] if ruleset.fragment else list(_answered(ruleset))
    found: dict[Rule, list[_TooMuch]] = {}
    for untracking in untrackings(ruleset) if answered else ():
        for proxy, asked in answered:
            if not _shared.only_first_packets(untracking.conditions):
                requests = _takes_requests(untracking, asked)
                if requests or _takes_replies(untracking, asked):
                    found.setdefault(proxy, []).append(_TooMuch(untracking, requests))
    for proxy, too_much in found.items():
        yield _finding(ruleset, proxy, too_much)


def _is_synproxy(shape: Shape) -> bool:
    return bool(shape.target and shape.target.name == "SYNPROXY")


def _answered(ruleset: Ruleset) -> Iterator[tuple[Rule, Conditions]]:
    """The rules with SYNPROXY and the packets that they are asked for."""
    table = ruleset.tables.get("filter")
    for made in ruleset.where(_is_synproxy):
        for hook in _HOOKS if table and made.table == "filter" else ():
            for way in (table and ways(table, hook, made)) or ():
                asked = asked_on(way)
                if asked:
                    yield made, asked


def _requests(asked: Conditions) -> Conditions:
    """The connection's packets from the client, whatever their flags; the port is what counts."""
    return Conditions(
        asked.family,
        TCP,
        destination_ports=asked.destination_ports,
        source=asked.source,
        destination=asked.destination,
        arrives=asked.arrives,
    )


def _takes_requests(untracking: Untracking, asked: Conditions) -> bool:
    if untracking.hook != "PREROUTING" or untracking.by_source_port:
        return False
    return meet(untracking.conditions, _requests(asked)) is not None


def _takes_replies(untracking: Untracking, asked: Conditions) -> bool:
    replies = mirrored(_requests(asked))
    return untracking.by_source_port and meet(untracking.conditions, replies) is not None


def _finding(ruleset: Ruleset, proxy: Rule, found: list[_TooMuch]) -> Finding:
    first = found[0]
    what = "more than SYNs" if first.requests else "replies"
    rules = list(dict.fromkeys(one.untracking.rule for one in found))
    service = _shared.service_name(first.untracking.conditions)
    return Finding(
        at_rule(ruleset, rules[0], "untracked here"),
        f"{what} of {service} are untracked in front of SYNPROXY: no connection comes about",
        related=(
            *_shared.places(ruleset, rules[1:], "untracked here too"),
            at_rule(ruleset, proxy, "needs the ACK and all that follows tracked"),
        ),
        fix=_fix(ruleset, found),
        confidence=Confidence.PROVEN if first.untracking.conditions.exact else Confidence.LIKELY,
    )


def _fix(ruleset: Ruleset, found: list[_TooMuch]) -> Fix:
    """`--syn` in rules for requests; rules for replies go."""
    edits = {one.untracking.rule: _edit(ruleset, one) for one in found}
    if None in edits.values():
        return Fix("untrack the SYNs alone", safety=Safety.MANUAL)
    made = tuple(edit for edit in edits.values() if edit)
    return Fix("untrack the SYNs alone: add `--syn`, and leave replies tracked", made, Safety.UNSAFE)


def _edit(ruleset: Ruleset, one: _TooMuch) -> Edit | None:
    made, target = one.untracking.rule, one.untracking.rule.shape.target
    plain = len(one.untracking.way) == 1 and one.untracking.conditions.protocol == TCP
    if not plain or made.tcp_flags or target is None:
        return None
    if not one.requests:
        return Edit(made.line.span, "")
    start = span_of(ruleset.document, made.line, target.item - 1).start
    return Edit(Span(start, start), "--syn ")
