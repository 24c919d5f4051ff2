"""What called chains let come back, drawn when somebody asks for it. Knows no packet on its way."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Table
from ruleset_lint.packets.arrivals_certain import Certain
from ruleset_lint.packets.effect import Assign, Call, Replace
from ruleset_lint.packets.formula import ALWAYS
from ruleset_lint.packets.space import PacketSet
from ruleset_lint.packets.summary import Reading, Summary, summaries


@dataclass(frozen=True)
class Known:
    """A table's chains, callees first, as they are seen by their callers."""

    reading: Reading
    table: Table
    chains: Iterable[str]
    certain: Certain | None = None
    _known: dict[str, Summary] = field(default_factory=dict)

    @cached_property
    def plain(self) -> frozenset[str]:
        """The chains that change no packet and ask nothing that counts, nor do those that they call."""
        found: set[str] = set()
        for name in self.chains:
            if all(self._is_plain(rule, found) for rule in self.table.chains[name].rules):
                found.add(name)
        return frozenset(found)

    def _is_plain(self, rule: Rule, plain: Container[str]) -> bool:
        space = self.reading.space
        asks_nothing = self.certain is not None and self.certain.asks_nothing_opaque(rule)
        if not asks_nothing and space.counts(self.reading.meaning(rule)):
            return False
        for step in self.reading.steps(rule, self.table.chains):
            if step.asks != ALWAYS and space.counts(step.asks):
                return False
            for effect in step.effects:
                if isinstance(effect, Assign | Replace) or (isinstance(effect, Call) and effect.chain not in plain):
                    return False
        return True

    def summary(self, chain: str) -> Summary:
        """What a chain does with every packet that could enter it. Raises NotDecidedError."""
        if chain not in self._known:
            summaries(self.reading, self.table, (chain,), self._known)
        return self._known[chain]

    def onward(self, chain: str) -> PacketSet:
        """The packets that come back from a chain. Raises NotDecidedError."""
        return self.summary(chain).onward
