"""What rules ask of a packet, as formulas: exact where the fields carry it, else a question. Knows no target, no chain.

What the rules of a shape have in common is read once, and what a value makes of it once a value; equal formulas are
the same object, whichever ruleset they come from.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.shape import Shape, Use, is_skipped
from ruleset_lint.packets.formula import NEVER, Formula
from ruleset_lint.packets.meaning_logic import all_of
from ruleset_lint.packets.meaning_matches import depends_on, match_reader
from ruleset_lint.packets.meaning_parameters import parameter_formula

_Read = Callable[[Rule], Formula]


def formula_of(rule: Rule) -> Formula:
    """All that a rule's parameters and matches ask; never, for a rule that restore passes over."""
    return Meanings().of(rule)


class _Condition(NamedTuple):
    """A condition of a shape: which values it depends on, how it is read, and what was read so far."""

    values: Callable[[tuple[str, ...]], object]
    read: _Read
    known: dict[object, Formula]


class Meanings:
    """Formulas of many rules, of one ruleset or several."""

    def __init__(self) -> None:
        """Nothing read so far."""
        self.shapes: dict[tuple[Shape, int], tuple[_Condition, ...]] = {}
        self.same: dict[Formula, Formula] = {}  # one object for all that are equal
        self.wholes: dict[tuple[int, ...], Formula] = {}  # by the identity of the conditions
        self.parameters: dict[tuple[str, bool, int], dict[object, Formula]] = {}

    def of(self, rule: Rule) -> Formula:
        """The same as `formula_of`, faster."""
        conditions = self.shapes.get((rule.shape, rule.family))
        if conditions is None:
            conditions = self.shapes[rule.shape, rule.family] = tuple(_conditions(rule, self.parameters))
        found = []
        for values, read, known in conditions:
            key = values(rule.values)
            formula = known.get(key)
            if formula is None:
                formula = known[key] = self._kept(read(rule))
            found.append(formula)
        return self._whole(found)

    def _whole(self, conditions: Sequence[Formula]) -> Formula:
        key = tuple(map(id, conditions))
        whole = self.wholes.get(key)
        if whole is None:
            whole = self.wholes[key] = self._kept(all_of(*conditions))
        return whole

    def _kept(self, formula: Formula) -> Formula:
        return self.same.setdefault(formula, formula)


def _conditions(rule: Rule, parameters: dict[tuple[str, bool, int], dict[object, Formula]]) -> Iterator[_Condition]:
    if is_skipped(rule.shape, rule.family):
        yield _Condition(_values(()), lambda _: NEVER, {})
        return
    for use in sorted(rule.shape.parameters, key=lambda use: use.option.name):
        holes, alike = _holes([use]), (use.option.name, use.negated, rule.family)
        known = parameters.setdefault(alike, {}) if len(holes) == len(use.operands) else {}
        yield _Condition(_values(holes), _parameter(use), known)
    for part in rule.shape.matches:
        holes = _holes(depends_on(part, rule)) + tuple(hole for hole in part.opaque if isinstance(hole, int))
        yield _Condition(_values(holes), match_reader(part), {})


def _values(holes: tuple[int, ...]) -> Callable[[tuple[str, ...]], object]:
    """What tells those of a rule's values from others."""
    return itemgetter(*holes) if holes else lambda _: None


def _holes(uses: Iterable[Use]) -> tuple[int, ...]:
    return tuple(operand for use in uses for operand in use.operands if isinstance(operand, int))


def _parameter(use: Use) -> _Read:
    return lambda rule: parameter_formula(rule, use)
