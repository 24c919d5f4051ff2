"""How much may be asked to explain what is proven already. Knows no rule."""

from __future__ import annotations

from dataclasses import dataclass

_STEPS = 100_000  # rules that are looked at for the sake of all dead ones
_QUESTIONS = 500  # dead rules that are explained


@dataclass(eq=False, slots=True)
class Patience:
    """What is left of it for a ruleset."""

    steps: int = _STEPS
    questions: int = _QUESTIONS

    def asks(self) -> bool:
        """Whether one more dead rule may be explained."""
        self.questions -= 1
        return self.questions >= 0
