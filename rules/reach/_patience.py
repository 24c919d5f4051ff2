"""How much may be asked to explain what is proven already. Knows no rule."""

from __future__ import annotations

_STEPS = 100_000  # rules that are looked at for the sake of all dead ones
_QUESTIONS = 500  # dead rules that are explained


class Patience:
    """What is left of it for a ruleset."""

    def __init__(self) -> None:
        """As much as a ruleset gets."""
        self.steps = _STEPS
        self.questions = _QUESTIONS

    def asks(self) -> bool:
        """Whether one more dead rule may be explained."""
        self.questions -= 1
        return self.questions >= 0
