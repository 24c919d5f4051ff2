"""Rules that count packets, in two rulesets: which packets each is asked about, and which two count the same.

    counting_of(reading, *rulesets) -> Counting   its `reading` tells who comes to a place where something counts
    aligned(space, counting, came) -> Names       the places of the second ruleset by those of the first

Two places answer alike if they have the same words and the same packets come to both: then they have counted the same
whenever they are asked. Knows no statement.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets.doing import Step
from ruleset_lint.packets.effect import Note
from ruleset_lint.packets.formula import ALWAYS, All, Formula, Opaque, atoms
from ruleset_lint.packets.meaning_logic import all_of
from ruleset_lint.packets.space import PacketSet, Space
from ruleset_lint.packets.summary import Reading, by_line


class Place(NamedTuple):
    """A rule that counts or calls, by what it is and where: rules that are the same in two rulesets are one place."""

    table: str
    chain: str
    asks: Formula
    does: str
    number: int  # among those of a chain that are the same


class Apart(NamedTuple):
    """A place of the second ruleset that does not answer like that of the first."""

    place: Place


Names = Mapping[Place, Place | Apart]


class Came(NamedTuple):
    """The packets that come to the places of each ruleset, and the packets among which that is compared."""

    first: Mapping[Place, PacketSet]
    second: Mapping[Place, PacketSet]
    among: PacketSet


@dataclass(frozen=True, eq=False, slots=True)
class Counting:
    """How rules are read so that it shows who comes to a place where something counts.

    `words`: what is asked at each such place. `asking`: the place that a note is about. `rules`: those of a place.
    """

    base: Reading
    places: Mapping[Hashable, Place] = field(default_factory=dict)  # by line
    words: Mapping[Place, str] = field(default_factory=dict)
    asking: Mapping[Note, Place] = field(default_factory=dict)
    rules: Mapping[Place, Sequence[Rule]] = field(default_factory=dict)
    _notes: Mapping[Place, Note] = field(default_factory=dict)

    @property
    def reading(self) -> Reading:
        """The reading, with a note for each packet that comes to such a place."""
        if not self.words:
            return self.base
        return self.base._replace(meaning=self._meaning, steps=self._steps, place=self._place)

    def _place(self, rule: Rule) -> Hashable:
        line = by_line(rule)
        return self.places.get(line, line)

    def _note(self, rule: Rule) -> Note | None:
        place = self.places.get(by_line(rule))
        return self._notes.get(place) if place else None

    def _meaning(self, rule: Rule) -> Formula:
        formula = self.base.meaning(rule)
        return _parted(self.base.space, formula)[0] if self._note(rule) else formula

    def _steps(self, rule: Rule, chains: Container[str]) -> tuple[Step, ...]:
        steps, note = self.base.steps(rule, chains), self._note(rule)
        if note is None:
            return steps
        rest = _parted(self.base.space, self.base.meaning(rule))[1]
        return (Step(ALWAYS, (note,)), *(Step(all_of(rest, step.asks), step.effects) for step in steps))


def counting_of(reading: Reading, *rulesets: Ruleset) -> Counting:
    """Find the rules that count. Of rulesets without any, nothing more is asked."""
    if not any(_asks(reading, one, rules[0]) for one in rulesets for rules in one.by_shape.values()):
        return Counting(reading)
    places: dict[Hashable, Place] = {}
    words: dict[Place, str] = {}
    rules: dict[Place, list[Rule]] = {}
    for one in rulesets:
        seen: Counter[Place] = Counter()
        for rule in one.live_rules:
            asked = _asks(reading, one, rule)
            if asked or rule.jump is not None:
                first = Place(rule.table, rule.chain, reading.meaning(rule), f"{rule.jump or rule.target}", 0)
                place = places[by_line(rule)] = first._replace(number=seen[first])
                seen[first] += 1
                rules.setdefault(place, []).append(rule)
                words |= {place: asked} if asked else {}
    notes = {place: Note(f"asked: {asked} ({number})", matters=True)
             for number, (place, asked) in enumerate(words.items())}  # fmt: skip
    return Counting(reading, places, words, {note: place for place, note in notes.items()}, rules, notes)


def _asks(reading: Reading, ruleset: Ruleset, rule: Rule) -> str:
    """The questions of a rule that count; empty if there are none."""
    table = ruleset.tables.get(rule.table)
    steps = reading.steps(rule, table.chains if table else ())
    formulas = (reading.meaning(rule), *(step.asks for step in steps))
    asked = (atom for one in formulas if reading.space.counts(one) for atom in atoms(one))
    return " ".join(sorted({atom.text for atom in asked if isinstance(atom, Opaque) and atom.counts}))


def _parted(space: Space, formula: Formula) -> tuple[Formula, Formula]:
    """What is asked before the first condition that counts, and the rest; conditions are asked in their order."""
    parts = formula.of if isinstance(formula, All) else (formula,)
    first = next((number for number, part in enumerate(parts) if space.counts(part)), len(parts))
    return all_of(*parts[:first]), all_of(*parts[first:])


def looking(
    space: Space, counting: Counting, came: Sequence[Came], broken: frozenset[str]
) -> tuple[frozenset[Place], Callable[[PacketSet], PacketSet]]:
    """Places that only look into a list, which none of the packets change: the same words have the same answer.

    The second value gives their questions one name in a set.
    """
    changing = [place for place, words in counting.words.items() if not _looks_only(words)]
    changed = [place for place in changing if _is_met(space, came, place) or _comes(space, came, place)]
    lists = {_list(counting.words[place]) for place in changed}
    found = frozenset(
        place for place, words in counting.words.items() if _looks_only(words) and _list(words) not in lists | broken
    )
    if not found:
        return found, lambda packets: packets
    return found, _moving(space, lambda key: _anywhere(key, found))


def _anywhere(key: Hashable, places: frozenset[Place]) -> Hashable:
    """The question of a place as one that has no place."""
    asked = key
    while type(asked) is tuple and not isinstance(asked[0], Opaque):
        asked = asked[0]
    if type(asked) is tuple and type(asked[1]) is tuple and asked[1][0] in places:
        return asked[0], "anywhere"
    return key


def aligned(
    space: Space,
    counting: Counting,
    came: Sequence[Came],
    broken: frozenset[str] = frozenset(),
    kept: frozenset[Place] = frozenset(),
) -> tuple[Names, frozenset[str]]:
    """What to call the places of the second ruleset, so that those that answer alike have the same name.

    It proves itself: with these names the same packets come to both places of a pair. The second value are the lists
    that rules of both rulesets share (`recent --name`) and that hold other packets now, with those of `broken`. Places
    that are `kept` have their names already.
    """
    names: Names = {}
    for _ in range(2 * len(counting.words) + 1):
        rename = renaming(space, names)
        renamed = [
            one._replace(second={place: rename(packets) for place, packets in one.second.items()}) for one in came
        ]
        found = _names(space, counting, renamed, broken, kept)
        more = broken | _broken(space, counting, renamed, found)
        if found == names and more == broken:
            return names, broken
        names, broken = found, more
    return {place: Apart(place) for place in counting.words}, frozenset(map(_list, counting.words.values()))


def _names(
    space: Space, counting: Counting, came: Sequence[Came], broken: frozenset[str], kept: frozenset[Place]
) -> Names:
    lost = {place for place, words in counting.words.items() if _list(words) in broken}
    names: dict[Place, Place | Apart] = {
        place: Apart(place)
        for place in counting.words
        if place not in kept and (place in lost or not _alike(space, came, place, place))
    }
    free = [place for place in names if place not in lost and _is_met(space, came, place)]
    for place in [one for one in names if one not in lost]:
        alike = (other for other in free if counting.words[other] == counting.words[place])
        partner = next((other for other in alike if _alike(space, came, other, place)), None)
        if partner:
            names[place] = partner
            free.remove(partner)
    return names


def _broken(space: Space, counting: Counting, came: Sequence[Came], names: Names) -> frozenset[str]:
    """The lists that a rule of one ruleset fills or asks and none of the other."""
    changing = [place for place, words in counting.words.items() if not _looks_only(words)]
    met = {place for place in changing if _is_met(space, came, place)}
    now = {place for place in changing if _comes(space, came, place)}
    partners = {names.get(place, place) for place in now}
    alone = (met - partners) | {place for place in now if isinstance(names.get(place, place), Apart)}
    return frozenset(_list(counting.words[place]) for place in alone) - {""}


def _list(words: str) -> str:
    """The list that a rule shares with others by its name; empty if it counts for itself."""
    found = re.search(r"-m (recent|hashlimit|nfacct) .*--(?:hashlimit-|nfacct-)?name (\S+)", words)
    return " ".join(found.groups()) if found else ""


def _looks_only(words: str) -> bool:
    """Whether a question changes nothing by being asked."""
    return words.startswith("-m recent --rcheck") and words.count("-m ") == 1


def _comes(space: Space, came: Sequence[Came], place: Place) -> bool:
    """Whether packets come to it in the second ruleset."""
    return any(not space.is_empty(_at(space, one, one.second, place)) for one in came)


def _is_met(space: Space, came: Sequence[Came], place: Place) -> bool:
    """Whether packets come to it in the first ruleset."""
    return any(not space.is_empty(_at(space, one, one.first, place)) for one in came)


def _alike(space: Space, came: Sequence[Came], first: Place, second: Place) -> bool:
    return all(_at(space, one, one.first, first) == _at(space, one, one.second, second) for one in came)


def _at(space: Space, came: Came, side: Mapping[Place, PacketSet], place: Place) -> PacketSet:
    return space.both(side.get(place, space.none), came.among)


def renaming(space: Space, names: Names) -> Callable[[PacketSet], PacketSet]:
    """What gives the questions of places other names in a set."""
    if not names:
        return lambda packets: packets
    return _moving(space, lambda key: _called(key, names))


def _moving(space: Space, to: Callable[[Hashable], Hashable]) -> Callable[[PacketSet], PacketSet]:
    moved: dict[int, PacketSet] = {}
    for key, variables in list(space.known().items()):
        new = to(key)
        if new != key:
            others = space.variables(new, len(variables))
            moved |= {old: space.literal(other) for old, other in zip(variables, others, strict=True)}
    if not moved:
        return lambda packets: packets
    replaced = space.replacing(moved)
    return lambda packets: space.substituted(packets, replaced)


def _called(key: Hashable, names: Names) -> Hashable:
    if isinstance(key, Place):
        return names.get(key, key)
    return tuple(_called(part, names) for part in key) if type(key) is tuple else key


def paired(space: Space, counting: Counting, names: Names, came: Sequence[Came]) -> Iterator[tuple[Place, Place]]:
    """The places of both rulesets that are taken to answer alike, and are met."""
    for place in counting.words:
        other = names.get(place, place)
        if isinstance(other, Place) and _is_met(space, came, other):
            yield other, place
