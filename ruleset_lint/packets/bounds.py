"""What says that a question was given up: it takes more time or memory than it may. Knows no sets."""

from __future__ import annotations

import time


class NotDecidedError(RuntimeError):
    """The question takes more memory or time than it may; the text says which."""


def deadline(seconds: float) -> float:
    """The time of `time.monotonic` that is so many seconds from now."""
    return time.monotonic() + seconds


def hold_to(until: float | None) -> None:
    """Raise NotDecidedError if a time of `time.monotonic` is past."""
    if until is not None and time.monotonic() > until:
        raise NotDecidedError("it takes too long")


def seconds_left(until: float) -> float:
    """The seconds until a time of `time.monotonic`, none if it is past."""
    return max(until - time.monotonic(), 0.0)
