"""All situations, by name."""

from __future__ import annotations

from .situation import Situation
from .situations_hard import HARD
from .situations_plain import PLAIN

SITUATIONS: dict[str, Situation] = {situation.id: situation for situation in (*PLAIN, *HARD)}
