"""What rules of a shape do to connection tracking: turn it on, or take packets out of it. Knows no packet."""

from __future__ import annotations

from ruleset_lint.model.shape import Part, Shape
from ruleset_lint.netfilter.extension import Tracking


def tracks(shape: Shape) -> bool:
    """Whether a rule of the shape turns connection tracking on (callers of nf_ct_netns_get in the kernel)."""
    return any(map(_part_tracks, shape.parts))


def _part_tracks(part: Part) -> bool:
    tracking = part.entry.tracking if part.entry else Tracking.NEVER
    return tracking is Tracking.ALWAYS or (tracking is Tracking.UNLESS_NOTRACK and part.use("--notrack") is None)


def untracks(shape: Shape) -> bool:
    """Whether a rule of the shape takes packets out of connection tracking."""
    target = shape.target
    return bool(target and (target.name == "NOTRACK" or (target.name == "CT" and target.use("--notrack"))))
