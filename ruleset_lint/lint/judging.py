"""What holds on all of several releases, or on some. Knows no rule."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ruleset_lint.lint.finding import Confidence
from ruleset_lint.netfilter.profiles import Profile


class Judgement(NamedTuple):
    """On which profiles something holds; `where` says so in words, and is empty when it holds on all."""

    holds: tuple[Profile, ...]
    confidence: Confidence
    where: str


def judge(profiles: Sequence[Profile], test: Callable[[Profile], bool]) -> Judgement | None:
    """On which profiles a test holds; None if on none."""
    holds = tuple(profile for profile in profiles if test(profile))
    if not holds:
        return None
    if len(holds) == len(profiles):
        return Judgement(holds, Confidence.PROVEN, "")
    return Judgement(holds, Confidence.LIKELY, "on " + ", ".join(profile.title for profile in holds))
