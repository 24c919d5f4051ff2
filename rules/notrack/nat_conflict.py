"""notrack/nat-conflict"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ruleset_lint.lint import Confidence, Finding, Fix, Safety, Severity, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.netfilter.values import Network, networks
from ruleset_lint.packets.asked import asked_by, asked_on, ways
from ruleset_lint.packets.conditions import ANY_INTERFACE, Conditions, meet, mirrored, sketches
from ruleset_lint.packets.roles import accepting, may_pass, opening
from ruleset_lint.packets.sketch import Answer
from ruleset_lint.packets.untracked import Untracking, untrackings
from ruleset_lint.packets.walk import walk

from . import _shared

_TO = r"([0-9.]{7,15})?(?::([0-9]{1,5})(?:-([0-9]{1,5}))?)?|\[([0-9A-Fa-f:]{2,39})\](?::([0-9]{1,5}))?"
_LOOPBACK = 127
_HOOKS = ("PREROUTING", "OUTPUT", "POSTROUTING")


class _Group(NamedTuple):
    """Rules that untrack, translations that are meant for the same connections, and whether that is certain."""

    untracked: frozenset[Rule]
    translations: tuple[Rule, ...]
    certain: bool


@rule(Severity.ERROR)
def nat_conflict(ruleset: Ruleset) -> Iterator[Finding]:
    """A NAT rule is meant for packets that raw takes out of connection tracking

    ## What it does
    Compares untracked packets with the rules of nat: DNAT and REDIRECT that match them on their way in, MASQUERADE and
    SNAT that match them when FORWARD lets them through, and translations whose answers are untracked (NOTRACK for the
    port that DNAT leads to). NAT looks at first packets only: replies of a server beside MASQUERADE are silent. So is
    what a rule of nat before the translation exempts, and an address that INPUT names and accepts, as that of
    NodeLocal DNSCache.

    ## Why is this bad?
    Untracked packets are never translated. A redirected port is dead, a private address leaves on the outside
    interface, or the request is translated and the answer is not.

    ## Example
    ```
    *raw
    -A PREROUTING -p tcp -m tcp --dport 80 -j NOTRACK
    COMMIT
    *nat
    -A PREROUTING -i eth0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.5:80
    COMMIT
    ```

    ## Use instead
    Leave translated services tracked. Beside MASQUERADE, untrack the machine's own service with
    `-m addrtype --dst-type LOCAL`.

    ## Fix safety
    Manual: only somebody who knows the network can tell which of the two is meant.

    ## Since
    Every kernel with the raw table (2.6.6).

    ## Source
    Measured on kernel 6.18 with iptables 1.8.9 (nft and legacy).
    """
    groups: list[_Group] = []
    concerned = not ruleset.fragment and untrackings(ruleset)
    for made in ruleset.where(_is_translation) if concerned else ():
        found = dict(_conflicts(ruleset, made))
        if found:
            near = [group for group in groups if not group.untracked.isdisjoint(found)]
            groups = [group for group in groups if group not in near]
            groups.append(_joined([*near, _Group(frozenset(found), (made,), all(found.values()))]))
    for group in groups:
        yield _finding(ruleset, group)


def _joined(groups: list[_Group]) -> _Group:
    """Conflicts that share a rule have one cause."""
    untracked = frozenset(untracked for group in groups for untracked in group.untracked)
    translations = tuple(made for group in groups for made in group.translations)
    return _Group(untracked, translations, all(group.certain for group in groups))


def _is_translation(shape: Shape) -> bool:
    return bool(shape.target and shape.target.entry and shape.target.entry.verdict is Verdict.TRANSLATE)


def _conflicts(ruleset: Ruleset, made: Rule) -> Iterator[tuple[Rule, bool]]:
    """The rules that untrack what a translation is for, and whether nothing else is asked."""
    table = ruleset.tables.get("nat") if made.table == "nat" else None
    for hook, way in [(name, way) for name in _HOOKS if table for way in ways(table, name, made) or ()]:
        asked = asked_on(way)
        for untracking in untrackings(ruleset) if asked else ():
            lost = asked and _lost(ruleset, hook, made, asked, untracking)
            translated = _translated(ruleset, hook, made, lost) if lost else Answer.NO
            if asked and translated is not Answer.NO:
                yield untracking.rule, translated is Answer.YES and _is_certain(ruleset, hook, asked, untracking)


def _translated(ruleset: Ruleset, hook: str, made: Rule, packets: Conditions) -> Answer:
    """Whether nat would translate the packets by this rule, if they were tracked: rules before it may take them."""
    outcomes = [walk(ruleset, "nat", hook, sketch) for sketch in sketches(packets, "NEW")]
    if all(decision.rule is not made for outcome in outcomes for decision in outcome.decisions):
        return Answer.NO
    return Answer.YES if all(outcome.must(Verdict.TRANSLATE) for outcome in outcomes) else Answer.MAYBE


def _lost(ruleset: Ruleset, hook: str, made: Rule, asked: Conditions, untracking: Untracking) -> Conditions | None:
    """First packets that a translation is for, and that are untracked, or their answers are."""
    if hook == "POSTROUTING":
        return _unmasked(ruleset, asked, untracking) or _answers_masked(ruleset, asked, untracking)
    if any(network.address >> 24 == _LOOPBACK for network in asked.destination if asked.family == 4):
        return None
    first = untracking.hook == hook and not untracking.by_source_port and meet(asked, untracking.conditions)
    if first:
        return None if _is_served_here(ruleset, untracking.conditions) else first
    return asked if _answers_translated(made, asked, untracking) else None


def _is_served_here(ruleset: Ruleset, packets: Conditions) -> bool:
    """Whether a rule accepts the packets at this machine's own address, which both name: NodeLocal DNSCache does so."""
    accepts = accepting(ruleset, "INPUT", opening(packets), "UNTRACKED") if packets.destination else ()
    return any(asked and asked.destination == packets.destination for asked in map(asked_by, accepts))


def _is_certain(ruleset: Ruleset, hook: str, asked: Conditions, untracking: Untracking) -> bool:
    """Whether there are such packets: nothing is asked that cannot be told, of addresses or in FORWARD."""
    packets = untracking.conditions
    if not asked.exact or not packets.exact or (packets.destination_is_local is not None and asked.destination):
        return False
    if hook != "POSTROUTING":
        return packets.destination_is_local is not False
    plain = packets._replace(arrives=ANY_INTERFACE, destination_is_local=None)
    accepted = [asked_by(made) for made in accepting(ruleset, "FORWARD", plain, None)]
    chain = ruleset.chain("filter", "FORWARD")
    return any(found and found.exact for found in accepted) or bool(chain and chain.policy == "ACCEPT")


def _answers_translated(made: Rule, asked: Conditions, untracking: Untracking) -> bool:
    """Whether the answers to what DNAT or REDIRECT has translated are untracked."""
    answers = _answers(made, asked)
    where = "OUTPUT" if made.target == "REDIRECT" else "PREROUTING"
    if answers is None or untracking.hook != where or untracking.by_destination_port:
        return False
    return meet(answers, untracking.conditions) is not None


def _answers(made: Rule, asked: Conditions) -> Conditions | None:
    """Where answers come from: the address and the port that the target names, if it names one of each."""
    option = {"DNAT": "--to-destination", "REDIRECT": "--to-ports"}.get(made.target or "")
    text = made.option(made.shape.target, option) if option else None
    found = re.fullmatch(_TO, text if made.target == "DNAT" or text is None else f":{text}") if text else None
    if option is None or (text and not found):
        return None
    low, high, address = (found[2] or found[5], found[3], found[1] or found[4]) if found else (None, None, None)
    ports = ((int(low), int(high or low)),) if low else asked.destination_ports
    source = _known(address, made.family)
    plain = mirrored(asked)._replace(source=source, source_ports=ports, source_is_local=None)
    return plain if all(first <= last for first, last in ports) else None


def _known(address: str | None, family: int) -> tuple[Network, ...]:
    try:
        return networks(address, family) if address else ()
    except ValueError:
        return ()


def _unmasked(ruleset: Ruleset, asked: Conditions, untracking: Untracking) -> Conditions | None:
    """Packets that are routed untracked past a rule that would have given them another source."""
    packets = untracking.conditions
    if untracking.hook != "PREROUTING" or untracking.by_source_port or packets.destination_is_local:
        return None
    met = meet(packets, asked._replace(arrives=ANY_INTERFACE))
    if met is None or (met.arrives.pattern and met.arrives.pattern == met.leaves.pattern):
        return None
    served_here = bool(packets.destination) and (
        accepting(ruleset, "INPUT", opening(packets), "UNTRACKED") or _answers_here(ruleset, packets)
    )
    return met if not served_here and may_pass(ruleset, "FORWARD", opening(met), "UNTRACKED") else None


def _answers_here(ruleset: Ruleset, packets: Conditions) -> bool:
    """Whether answers from the address that the packets go to are untracked as this machine's own."""
    answers = (found.conditions for found in untrackings(ruleset) if found.hook == "OUTPUT" and found.by_source_port)
    return any(found.source == packets.destination for found in answers)


def _answers_masked(ruleset: Ruleset, asked: Conditions, untracking: Untracking) -> Conditions | None:
    """Connections with another source whose answers are untracked: they never find their way back."""
    answers = untracking.conditions
    applies = (
        untracking.hook == "PREROUTING" and untracking.by_source_port and answers.destination_is_local is not False
    )
    if not applies or answers.source or answers.destination or meet(answers, Conditions(arrives=asked.leaves)) is None:
        return None
    met = meet(mirrored(answers), asked._replace(arrives=ANY_INTERFACE))
    return met if met and may_pass(ruleset, "FORWARD", opening(met), "NEW") else None


def _finding(ruleset: Ruleset, group: _Group) -> Finding:
    untracked = sorted(group.untracked, key=lambda made: made.line.number)
    conditions = next(found.conditions for found in untrackings(ruleset) if found.rule is untracked[0])
    targets = " and ".join(sorted({made.target or "" for made in group.translations}))
    return Finding(
        at_rule(ruleset, untracked[0], "untracked here"),
        f"{_shared.service_name(conditions)} is untracked, and {targets} needs its connections tracked",
        related=(
            *_shared.places(ruleset, group.translations, "never sees these packets, or not their answers"),
            *_shared.places(ruleset, untracked[1:], "untracked here too"),
        ),
        help=("untracked packets are never translated",),
        fix=Fix("leave what is translated tracked", safety=Safety.MANUAL),
        confidence=Confidence.PROVEN if group.certain else Confidence.LIKELY,
    )
