"""Fixes graded by proof: one is safe if the ruleset does the same with every packet afterwards. Applies none.

    Grader(rulesets, deadline)
    grader.graded(hits)      each with the grade that is proven, else with that of its rule
    grader.together(hits)    those that can be made at once: proven alone is not proven together

What a rule calls safe and is not, becomes unsafe, and `objections` says by which packet. What it calls unsafe becomes
safe if nothing but rules that decide no packet goes: chains, logs, rules that count and what turns connection tracking
on stay as they are.
Where nothing is decided in time, or a file is no ruleset that loads, the rule's own grade counts.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from ruleset_lint.lint.engine import Hit
from ruleset_lint.lint.finding import Safety
from ruleset_lint.model.combination import BACKENDS
from ruleset_lint.model.loadability import breaks
from ruleset_lint.model.loading import load
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.tracking import tracks
from ruleset_lint.packets.difference import Proof
from ruleset_lint.packets.equivalence import prove
from ruleset_lint.rewrite.outcome import TELLING
from ruleset_lint.rewrite.proof import in_words
from ruleset_lint.rewrite.specialise import is_pure
from ruleset_lint.syntax.iptables_save import parse, words
from ruleset_lint.syntax.nodes import ChainLine, RuleLine
from ruleset_lint.text import Edit, apply_edits

SECONDS: Final = 5
"""At most so long may the proofs of one run take, all fixes together."""

_Key = tuple[str, str, tuple[Edit, ...]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is proven of edits: `safety` None if nothing is; `objection` says what would be treated otherwise."""

    safety: Safety | None = None
    objection: str = ""


_NOTHING: Final = Verdict()


@dataclass(slots=True)
class Grader:
    """What grades the fixes of one run; `rulesets` gives those that were checked last."""

    rulesets: Callable[[], Sequence[Ruleset]]
    deadline: float
    objections: dict[tuple[str, int, str], str] = field(default_factory=dict)  # by path, place and rule
    _known: dict[_Key, Verdict] = field(default_factory=dict)

    def graded(self, hits: Sequence[Hit]) -> list[Hit]:
        """The hits with the grades of their fixes as they are proven."""
        return [self._graded(hit) for hit in hits]

    def together(self, hits: Sequence[Hit]) -> list[Hit]:
        """All fixes of a document if they are proven at once, else the first alone."""
        found: list[Hit] = []
        for _, group in itertools.groupby(hits, key=lambda hit: hit.finding.place.document.path):
            chosen = list(group)
            edits = [edit for hit in chosen if hit.finding.fix for edit in hit.finding.fix.edits]
            alone = len(chosen) == 1 or self._verdict(chosen[0], edits).safety is not Safety.UNSAFE
            found += chosen if alone else chosen[:1]
        return found

    def _graded(self, hit: Hit) -> Hit:
        fix = hit.finding.fix
        if fix is None or not fix.edits or fix.safety is Safety.MANUAL:
            return hit
        verdict = self._verdict(hit, fix.edits)
        if verdict.safety is None or verdict.safety is fix.safety:
            return hit
        if verdict.objection:
            place = hit.finding.place
            self.objections[place.document.path, place.span.start, hit.rule.id] = verdict.objection
        return hit._replace(finding=hit.finding._replace(fix=fix._replace(safety=verdict.safety)))

    def _verdict(self, hit: Hit, edits: Sequence[Edit]) -> Verdict:
        document = hit.finding.place.document
        ruleset = next((one for one in self.rulesets() if one.document is document), None)
        if ruleset is None:
            return _NOTHING
        key = (document.path, document.text, tuple(edits))
        if key not in self._known:
            self._known[key] = _compared(ruleset, apply_edits(document.text, edits), self.deadline)
        return self._known[key]


def _compared(before: Ruleset, text: str, deadline: float) -> Verdict:
    """What is to be said of a ruleset that gets another text."""
    if before.fragment or not _loads(before):
        return _NOTHING
    after = load(parse(before.document.path, text), before.family, fragment=False)
    if _commands(before) == _commands(after):
        return _NOTHING
    if not _loads(after):
        return Verdict(Safety.UNSAFE, "it would not load afterwards")
    return _of_proof(prove(before, after, deadline=deadline), before, after)


def _of_proof(proof: Proof, before: Ruleset, after: Ruleset) -> Verdict:
    if proof.equal:
        return Verdict(Safety.SAFE) if _besides(before) == _besides(after) else _NOTHING
    if proof.outcome == "different":
        return Verdict(Safety.UNSAFE, in_words(proof.differences[0]))
    return _NOTHING


def _loads(ruleset: Ruleset) -> bool:
    broken = [found.backends for found in breaks(ruleset)]
    return not frozenset().union(*broken) >= BACKENDS


def _commands(ruleset: Ruleset) -> list[list[str]]:
    """What the file says, without remarks and spaces."""
    return list(_words(ruleset))


def _words(ruleset: Ruleset) -> Iterator[list[str]]:
    for block in ruleset.blocks:
        yield [block.table]
        for line in block.lines:
            if isinstance(line.node, RuleLine):
                yield words(line.node)
            elif isinstance(line.node, ChainLine):
                yield [line.node.name, str(line.node.policy)]


def _besides(ruleset: Ruleset) -> tuple[object, ...]:
    """What others than packets may notice: chains, what is told of packets, whether anything is tracked."""
    chains = {(name, chain) for name, table in ruleset.tables.items() for chain in table.chains}
    telling = ruleset.where(lambda shape: bool(shape.target and shape.target.name in TELLING) or not is_pure(shape))
    told = Counter((rule.table, rule.chain, *map(str, rule.values)) for rule in telling)
    return chains, told, any(map(tracks, ruleset.by_shape))
