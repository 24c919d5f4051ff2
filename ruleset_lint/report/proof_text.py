"""A proof for people: what was compared, and what is treated differently, packet by packet. Prints nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ruleset_lint.packets.difference import Decision, Difference, Proof
from ruleset_lint.packets.fate import VERDICT
from ruleset_lint.packets.packet_text import packet_text
from ruleset_lint.text import safe

_EXACT = 100_000  # packets; above, a power of two will do


def proof_lines(proof: Proof, before: str, after: str) -> Iterator[str]:
    """The lines of a report on a proof; `before` and `after` are the paths of the two rulesets."""
    head = f"{safe(before)} > {safe(after)}, IPv{proof.family}"
    match proof.outcome:
        case "equal":
            yield f"{head}: equal"
        case "not decided":
            yield f"{head}: not decided: {proof.reason}"
        case _:
            yield f"{head}: {_number(proof)}"
    for found in proof.differences:
        yield from difference_lines(found)
    yield from _notes(proof.notes)
    if proof.packets:
        amounts = ", ".join(f"{amount_text(amount)} {course}" for course, amount in proof.packets)
        yield f"  = compared: {amounts}; by protocol, addresses and ports, in every state"
    yield from (f"  = taken for granted: {safe(one)}" for one in proof.assumptions)
    if proof.reason and proof.differences:
        yield f"  = there may be more: {proof.reason}"


def _number(proof: Proof) -> str:
    number = len(proof.differences)
    return f"{number}{' or more' if proof.more else ''} difference{'s' if number > 1 or proof.more else ''}"


def difference_lines(found: Difference) -> Iterator[str]:
    """What the packet is, the packet, and what becomes of it before and after."""
    what = "" if found.what == VERDICT else f": {safe(found.what)} differs"
    yield f"{found.clause} {found.role}, {found.course}{what}"
    yield f"  {packet_text(found.packet)}"
    yield f"  before  {_decision(found.before)}"
    yield f"  after   {_decision(found.after)}"
    whole = "all" if found.packets == found.of else f"{amount_text(found.packets)} of {amount_text(found.of)}"
    yield f"  = {whole} such packets"


def _notes(notes: Sequence[Difference]) -> Iterator[str]:
    if notes:
        yield "  = no rewrite can keep these as they are:"
    for found in notes:
        what = "" if found.what == VERDICT else f" ({safe(found.what)})"
        yield f"    {found.role}{what}: {found.before.verdict} > {found.after.verdict}"
        yield f"      {packet_text(found.packet)}"


def _decision(made: Decision) -> str:
    rule = made.rule
    by = f"{rule.number}: {safe(rule.home.document.content(rule.line).strip())}" if rule else "no rule"
    return f"{made.verdict:<8} {made.state:<11} {by}"


def amount_text(amount: int) -> str:
    """A number; a large one as a power of two, in whole bits."""
    return str(amount) if amount < _EXACT else f"2^{amount.bit_length() - 1}"
