"""Whether a rewritten ruleset treats connections as the old one does: proven, or why not. Knows no sets of packets.

What an earlier rewrite made is no part of what is compared: a rewrite stands for the rules that were there before any.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ruleset_lint.model.loading import load
from ruleset_lint.packets.difference import Decision, Difference, Proof
from ruleset_lint.packets.equivalence import prove
from ruleset_lint.packets.packet_text import packet_text
from ruleset_lint.rewrite.notrack import Rewritten
from ruleset_lint.rewrite.reasons import Reason
from ruleset_lint.syntax.iptables_save import parse

SECONDS = 60
"""At most so long may the proofs of one host take, of both families together."""

CODE = "P"
_SHOWN = 5


class Compared(NamedTuple):
    """How many packets a proof is about, as a power of two, which way they go, and what is counted in them."""

    course: str
    power: int


def proof_of(rewritten: Rewritten, *, deadline: float) -> Proof:
    """Compare what the services were before and are now; `deadline` is a time of `time.monotonic`."""
    path, family = rewritten.ruleset.document.path, rewritten.ruleset.family
    after = load(parse(path, rewritten.text), family, fragment=False)
    return prove(rewritten.base, after, rewritten.services, deadline=deadline)


def objections(path: str, proof: Proof) -> Iterator[Reason]:
    """Why nothing is written, if it is not proven: a packet for each difference."""
    if proof.outcome == "not decided":
        yield Reason(CODE, f"it is not decided whether packets are treated as before: {proof.reason}", "", path)
    elif not proof.equal:
        for difference in proof.differences[:_SHOWN]:
            yield Reason(CODE, f"not treated as before ({difference.clause}): {in_words(difference)}", "", path)
        more = len(proof.differences) - _SHOWN
        if more > 0 or proof.more:
            yield Reason(CODE, "there are more packets that are not treated as before", "", path)


def in_words(difference: Difference) -> str:
    """A difference on one line: what packets it is about, one of them, what was done with it and what would be."""
    before, after = (_decided(decision) for decision in (difference.before, difference.after))
    differs = f"{before} before, {after} after" if difference.what == "verdict" else f"other {difference.what}"
    return f"{difference.role}: {packet_text(difference.packet)}: {differs}"


def _decided(decision: Decision) -> str:
    return f"{decision.verdict} by line {decision.rule.line.number}" if decision.rule else decision.verdict


def compared(proof: Proof) -> tuple[Compared, ...]:
    """How many packets were compared, course by course."""
    return tuple(Compared(course, number.bit_length() - 1) for course, number in proof.packets if number)
