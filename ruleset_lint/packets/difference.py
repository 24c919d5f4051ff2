"""What a proof says: that two rulesets are equal, or packets that they treat differently. Finds nothing itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from ruleset_lint.model.rule import Rule
from ruleset_lint.packets.formula import Packet

Clause = Literal["E1", "E2", "E3", "E4"]
"""The statement that does not hold: genuine connections (E1), all other packets (E2; without services: any packet),
strays of the services (E3), what is tracked (E4)."""
Outcome = Literal["equal", "different", "not decided"]

LISTED = 10
"""At most so many differences are shown."""


class Decision(NamedTuple):
    """What one ruleset does with a packet: its verdict, the rule that decides, and the state in which the packet is.

    The rule is None where a policy decides, where nothing does, or where one packet does not tell which.
    """

    verdict: str
    rule: Rule | None
    state: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A packet that two rulesets treat differently, and all that differ as it does.

    `role` says in words what the packet is; `what` what differs: `verdict`, `tracking`, the name of a field, or the
    words of a target. `packets` tells how many protocols, addresses and ports, taken together, differ for the same
    reason, `of` how many the statement is about.
    """

    clause: Clause
    role: str
    course: str
    what: str
    packet: Packet
    before: Decision
    after: Decision
    packets: int
    of: int


@dataclass(frozen=True, slots=True)
class Proof:
    """What became of comparing two rulesets of one family.

    `reason` says why nothing is decided. `notes` are differences that no rewrite of the services can avoid; they are
    listed apart and make no proof fail. `packets`: by course, how many protocols, addresses and ports, taken together,
    were compared, each in all states and with all other fields.
    """

    family: int
    outcome: Outcome
    differences: tuple[Difference, ...] = ()
    notes: tuple[Difference, ...] = ()
    assumptions: tuple[str, ...] = ()
    packets: tuple[tuple[str, int], ...] = ()
    more: bool = False  # there are differences that are not shown
    reason: str = ""

    @property
    def equal(self) -> bool:
        """Whether it is proven that the rulesets do the same."""
        return self.outcome == "equal"
