"""notrack/loopback"""

from collections.abc import Iterator
from typing import NamedTuple

from ruleset_lint.lint import Confidence, Edit, Finding, Fix, Safety, Severity, Span, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset, Table
from ruleset_lint.model.tracking import untracks
from ruleset_lint.model.validity import span_of
from ruleset_lint.packets.asked import asked_on, ways
from ruleset_lint.packets.conditions import ALL_PORTS, ANY_INTERFACE, Conditions, Interfaces, meet, mirrored, sketches
from ruleset_lint.packets.roles import CLIENT_PORTS, answering, may_pass, opening
from ruleset_lint.packets.sketch import Answer
from ruleset_lint.packets.untracked import fate

from . import _shared

_LEAVES, _ARRIVES = Conditions(leaves=Interfaces("lo")), Conditions(arrives=Interfaces("lo"))
_MOST = 64


class _Lost(NamedTuple):
    rule: Rule
    packets: Conditions
    hook: str
    half: bool  # whether the other direction stays tracked
    certain: bool


@rule(Severity.WARNING)
def loopback(ruleset: Ruleset) -> Iterator[Finding]:
    """Loopback packets are untracked, in one direction or without an accept for them

    ## What it does
    Looks for raw OUTPUT rules that untrack packets which leave by lo, where OUTPUT or INPUT then drops them as
    UNTRACKED and accepted them in the state that they had; and for `PREROUTING -i lo` rules, where nothing in OUTPUT
    untracks what they ask for. Silent where all of lo is accepted without a state.

    ## Why is this bad?
    A packet of the loopback passes OUTPUT, and with what it got there PREROUTING and INPUT. `OUTPUT --sport 80` takes
    the replies to local clients too, whose requests are tracked: the SYN,ACK is UNTRACKED where only ESTABLISHED is
    accepted. In PREROUTING it is too late: the packet has its entry.

    ## Example
    ```
    -A PREROUTING ! -i lo -p tcp -m tcp --dport 80 -j NOTRACK
    -A OUTPUT -p tcp -m tcp --sport 80 -j NOTRACK
    ```

    ## Use instead
    ```
    -A PREROUTING ! -i lo -p tcp -m tcp --dport 80 -j NOTRACK
    -A OUTPUT ! -o lo -p tcp -m tcp --sport 80 -j NOTRACK
    ```

    ## Fix safety
    Unsafe: loopback packets are tracked again. Manual where they are untracked in PREROUTING or on purpose.

    ## Since
    Every kernel with the raw table (2.6.6).

    ## Source
    net/netfilter/nf_conntrack_core.c (nf_conntrack_in leaves a packet alone that has an entry or is untracked);
    measured on kernel 6.18 with iptables 1.8.9 (nft and legacy): SYN,ACK of a local server dropped in INPUT.
    """
    table = ruleset.tables.get("raw")
    rules = [made for made in ruleset.where(untracks) if made.table == "raw"][:_MOST] if table else []
    for made in rules if table and not ruleset.fragment else ():
        lost = _lost(ruleset, table, made) if table else None
        if lost:
            yield _finding(ruleset, lost)
        elif table and made.in_interface and _is_late(ruleset, table, made):
            yield Finding(
                at_rule(ruleset, made, "comes too late for packets of lo"),
                "loopback packets are to be untracked in PREROUTING, where they have their entry from OUTPUT",
                fix=Fix("untrack them in OUTPUT, with `-o lo`", safety=Safety.MANUAL),
            )


def _on(table: Table, hook: str, made: Rule, side: Conditions) -> Iterator[Conditions]:
    """What is asked of loopback packets on each way to the rule."""
    for way in ways(table, hook, made) or ():
        asked = asked_on(way)
        met = meet(asked, side) if asked else None
        if met:
            yield met


def _is_late(ruleset: Ruleset, table: Table, made: Rule) -> bool:
    """Whether the rule names lo, and nothing untracks such packets before."""
    test = made.in_interface
    if test is None or test.negated or test.value != "lo":
        return False
    asked = list(_on(table, "PREROUTING", made, _ARRIVES))
    outgoing = [one._replace(arrives=ANY_INTERFACE, leaves=Interfaces("lo")) for one in asked]
    return bool(asked) and all(
        fate(ruleset, "OUTPUT", sketch).untracked is Answer.NO for one in outgoing for sketch in sketches(one)
    )


def _lost(ruleset: Ruleset, table: Table, made: Rule) -> _Lost | None:
    for asked in _on(table, "OUTPUT", made, _LEAVES):
        for part in _shared.each_range(asked) if asked.protocol in _shared.PROTOCOLS else (asked,):
            fates = [fate(ruleset, "OUTPUT", sketch) for sketch in sketches(part)]
            hook = _losing(ruleset, part) if any(made in one.by for one in fates) else None
            if hook:
                certain = asked.exact and all(one.untracked is Answer.YES for one in fates)
                return _Lost(made, part, hook, _is_half(ruleset, _usual(part)), certain)
    return None


def _losing(ruleset: Ruleset, part: Conditions) -> str | None:
    """The chain that drops the packets because they are untracked."""
    usual = _usual(part)
    packets, state = (answering(usual), "ESTABLISHED") if _are_replies(part) else (opening(usual), "NEW")
    inside = packets._replace(leaves=ANY_INTERFACE, arrives=Interfaces("lo"))
    for hook, seen in (("OUTPUT", packets), ("INPUT", inside)):
        if not may_pass(ruleset, hook, seen, "UNTRACKED"):
            return hook if may_pass(ruleset, hook, seen, state) else None
    return None


def _are_replies(part: Conditions) -> bool:
    return part.source_ports != ALL_PORTS and part.destination_ports == ALL_PORTS


def _usual(part: Conditions) -> Conditions:
    """Packets whose other port is one that clients use."""
    return part._replace(destination_ports=CLIENT_PORTS) if _are_replies(part) else part


def _is_half(ruleset: Ruleset, part: Conditions) -> bool:
    """Whether the other direction, which passes OUTPUT too, stays tracked."""
    answers = meet(mirrored(part), _LEAVES)
    return answers is not None and all(
        fate(ruleset, "OUTPUT", sketch).untracked is Answer.NO for sketch in sketches(answers)
    )


def _finding(ruleset: Ruleset, lost: _Lost) -> Finding:
    service = _shared.service_name(lost.packets)
    half = "in one direction only" if lost.half else "both ways"
    return Finding(
        at_rule(ruleset, lost.rule, "untracks packets of lo too"),
        f"{service} over the loopback is untracked {half}, and {lost.hook} drops it",
        related=_shared.chain_place(ruleset, "filter", lost.hook, "nothing here accepts lo UNTRACKED"),
        fix=_fix(ruleset, lost.rule),
        confidence=Confidence.PROVEN if lost.certain else Confidence.LIKELY,
    )


def _fix(ruleset: Ruleset, made: Rule) -> Fix:
    command = made.shape.command
    if made.chain != "OUTPUT" or made.out_interface or command is None:
        return Fix("leave the loopback tracked, or accept `-i lo` and `-o lo`", safety=Safety.MANUAL)
    end = span_of(ruleset.document, made.line, command.item + 1).end
    return Fix("leave the loopback tracked: add `! -o lo`", (Edit(Span(end, end), " ! -o lo"),), Safety.UNSAFE)
