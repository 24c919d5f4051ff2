"""What the rules about connection state have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import product

from ruleset_lint.lint import Place, at_rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset, Table
from ruleset_lint.model.shape import Part, Shape, Use
from ruleset_lint.model.tracking import tracks
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS
from ruleset_lint.netfilter.values import STATES

ALL_STATES = frozenset(STATES)
STATE_OPTIONS = ("--state", "--ctstate")
WITHOUT_ENTRY = ("INVALID", "UNTRACKED")
_MOST_PLACES = 20

Status = frozenset[str]
"""What a state test sees of one packet: its state, with SNAT or DNAT if its connection is translated."""

_TRANSLATIONS = [frozenset[str](), frozenset({"SNAT"}), frozenset({"DNAT"}), frozenset({"SNAT", "DNAT"})]
EVERY_STATUS: frozenset[Status] = frozenset(
    frozenset({state}) | translated
    for state, translated in product(STATES, _TRANSLATIONS)
    if state not in WITHOUT_ENTRY or not translated
)


def family_name(ruleset: Ruleset) -> str:
    """`IPv4` or `IPv6`"""
    return f"IPv{ruleset.family}"


@lru_cache(maxsize=8)
def tracking_rules(ruleset: Ruleset) -> Sequence[Rule]:
    """The rules that turn connection tracking on, in the file's order."""
    return tuple(ruleset.where(tracks))


def is_state_test(shape: Shape) -> bool:
    """Whether a rule asks for the state of a connection."""
    part = shape.match("state", "conntrack")
    return bool(part and (part.use("--state") or part.use("--ctstate")))


def matched_states(rule: Rule) -> frozenset[str] | None:
    """The states that pass the rule's test; None if they cannot be told (SNAT and DNAT are bits of their own)."""
    test = rule.states
    if test is None or not test.value <= ALL_STATES:
        return None
    return ALL_STATES - test.value if test.negated else test.value


def only_states(rule: Rule) -> bool:
    """Whether nothing but the list of states needs connection tracking."""
    for part in rule.shape.parts:
        if part.name in ("state", "conntrack"):
            if len(part.uses) != 1 or not is_state_test(rule.shape):
                return False
        elif part.entry and part.entry.tracking.value == "always":
            return False
    return rule.target != "CT"


def what_tracks(shape: Shape) -> str:
    """The matches and the target of a shape that need connection tracking, for a message."""
    parts = (part for part in shape.parts if part.entry and part.entry.tracking.value != "never")
    return " and ".join(dict.fromkeys(part.name for part in parts))


def state_uses(shape: Shape) -> list[tuple[Part, Use]]:
    """The state tests of a rule: usually one."""
    parts = (part for part in shape.matches if part.name in ("state", "conntrack"))
    return [(part, use) for part in parts for use in part.uses if use.option.name in STATE_OPTIONS and use.operands]


def statuses(made: Rule) -> frozenset[Status]:
    """The statuses of which a packet may be to pass all state tests of a rule; all, where a list does not read.

    A list holds for a packet that has one of its words (conntrack_mt in net/netfilter/xt_conntrack.c).
    """
    found = EVERY_STATUS
    for _, use in state_uses(made.shape):
        try:
            wanted = made.read(use)
        except ValueError:
            continue
        if isinstance(wanted, frozenset):
            found = frozenset(status for status in found if status.isdisjoint(wanted) is use.negated)
    return found


def arriving(table: Table) -> dict[str, frozenset[Status]]:
    """The statuses of packets that may come to each chain, as the state tests of the jumps to it say.

    Before connection tracking, in raw, rules give packets a state: not for that table.
    """
    found = dict.fromkeys(table.chains, frozenset[Status]())
    found |= {name: EVERY_STATUS for name in BUILTIN_CHAINS.get(table.name, ()) if name in found}
    jumps: dict[str, list[tuple[Rule, str]]] = {}
    callers = table.callers if any(table.callees.values()) else {}  # many chains call none, and that is known before
    for called, rules in callers.items():
        for made in rules if called in found else ():
            jumps.setdefault(made.chain, []).append((made, called))
    waiting = [name for name, arrived in found.items() if arrived]
    while waiting:
        chain = waiting.pop()
        for made, called in jumps.get(chain, ()):
            more = found[chain] & statuses(made)
            if not more <= found[called]:
                found[called] |= more
                waiting.append(called)
    return found


def names(found: Iterable[Status]) -> str:
    """The states among some statuses, in the order of iptables: `NEW, RELATED`; nothing for none."""
    seen = frozenset[str]().union(*found)
    return ", ".join(state for state in STATES if state in seen)


def places(ruleset: Ruleset, rules: Iterable[Rule], note: str) -> tuple[Place, ...]:
    """The places of the first of some rules."""
    return tuple(at_rule(ruleset, made, note) for made in tuple(rules)[:_MOST_PLACES])
