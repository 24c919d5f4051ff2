"""A proof for programs. Prints nothing."""

from __future__ import annotations

from ruleset_lint.packets.difference import Decision, Difference, Proof
from ruleset_lint.packets.packet_text import packet_text


def proof_content(proof: Proof, before: str, after: str) -> dict[str, object]:
    """A proof as data for JSON; numbers of packets are texts, since they have more digits than floats hold."""
    return {
        "before": before,
        "after": after,
        "family": proof.family,
        "outcome": proof.outcome,
        "reason": proof.reason or None,
        "differences": [_difference(one) for one in proof.differences],
        "more": proof.more,
        "notes": [_difference(one) for one in proof.notes],
        "assumptions": list(proof.assumptions),
        "packets": {course: str(amount) for course, amount in proof.packets},
    }


def _difference(found: Difference) -> dict[str, object]:
    return {
        "statement": found.clause,
        "role": found.role,
        "course": found.course,
        "what": found.what,
        "packet": packet_text(found.packet),
        "before": _decision(found.before),
        "after": _decision(found.after),
        "packets": str(found.packets),
        "of": str(found.of),
    }


def _decision(made: Decision) -> dict[str, object]:
    rule = made.rule
    return {
        "verdict": made.verdict,
        "state": made.state,
        "line": rule.number if rule else None,
        "rule": rule.home.document.content(rule.line).strip() if rule else None,
    }
