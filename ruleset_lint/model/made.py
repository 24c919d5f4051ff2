"""What a rewrite made: chains by their names, rules by the comments that say where they are from. Knows no rewrite."""

from __future__ import annotations

import re

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.tracking import untracks

PREFIX = "NT-"
"""What the names of chains for services that have left connection tracking begin with."""

_CHAIN = re.compile(r"NT-(?:tcp|udp)-[0-9]+(?:@[0-9a-f.:]+)?(?:-.*)?")
_COMMENT = re.compile(r"ruleset-lint (tcp|udp)/[0-9]+(@[0-9a-f.:]+)?: ")


def is_own_chain(name: str) -> bool:
    """Whether a chain was made by an earlier rewrite."""
    return bool(_CHAIN.fullmatch(name))


def is_own_rule(rule: Rule) -> bool:
    """Whether a rule was made by an earlier rewrite: its comment says so, and it is about untracked packets only.

    A rule that someone gave such a comment and that decides more is none: it would be taken out unproven.
    """
    return bool(_COMMENT.match(rule.comment)) and (is_own_chain(rule.chain) or _is_about_untracked(rule))


def _is_about_untracked(rule: Rule) -> bool:
    """Whether it untracks, or asks for untracked packets, or for errors about them, which are INVALID."""
    if rule.table == "raw":
        return untracks(rule.shape)
    states = rule.states
    return states is not None and not states.negated and states.value <= {"UNTRACKED", "INVALID"}
