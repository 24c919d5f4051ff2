"""What the rules about connection state have in common."""

from __future__ import annotations

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape
from ruleset_lint.model.tracking import tracks
from ruleset_lint.netfilter.values import STATES

ALL_STATES = frozenset(STATES)


def family_name(ruleset: Ruleset) -> str:
    """`IPv4` or `IPv6`"""
    return f"IPv{ruleset.family}"


def tracking_rules(ruleset: Ruleset) -> list[Rule]:
    """The rules that turn connection tracking on, in the file's order."""
    return list(ruleset.where(tracks))


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
