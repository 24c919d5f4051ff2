"""What a chain does with every packet that could enter it: summed up once, used wherever the chain is called.

    Reading(space, meaning, steps, place)             how rules are read
    reading_of(*rulesets, deadline=None) -> Reading   the usual way, with a space of its own
    summaries(reading, table, hooks) -> {chain: Summary}

Knows no hook's place on a packet's way. Sets are of packets as they enter the chain.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Hashable, Iterable, Mapping
from functools import partial
from typing import NamedTuple

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Chain, Ruleset, Table
from ruleset_lint.packets.bounds import NotDecidedError
from ruleset_lint.packets.decisions import COMES_BACK, Decisions
from ruleset_lint.packets.doing import Step, steps_of
from ruleset_lint.packets.effect import Assign, Call, Decide, Effect, Note, Replace, Return, Translate
from ruleset_lint.packets.formula import ALWAYS, STATE, Formula, Opaque, atoms
from ruleset_lint.packets.meaning import Meanings
from ruleset_lint.packets.remaining import Remaining
from ruleset_lint.packets.space import Afterwards, PacketSet, Space, question
from ruleset_lint.packets.store import TYPES, Store
from ruleset_lint.packets.walk import bottom_up


def by_line(rule: Rule) -> Hashable:
    """The place of a rule: its line in its document."""
    return rule.home, rule.number


class Reading(NamedTuple):
    """How rules become sets; `place` says which rules are the same place for what counts."""

    space: Space
    meaning: Callable[[Rule], Formula]
    steps: Callable[[Rule, Container[str]], tuple[Step, ...]]
    place: Callable[[Rule], Hashable] = by_line

    def matched(self, rule: Rule) -> PacketSet:
        """The packets that a rule matches, as they are when they reach it."""
        return self.space.of(self.meaning(rule), self.place(rule))

    def asks(self, rule: Rule, step: Step) -> PacketSet:
        """The packets that a step of the rule's target is for, as they are then."""
        return self.space.of(step.asks, (self.place(rule), step.asks))


def reading_of(*rulesets: Ruleset, deadline: float | None = None, meanings: Meanings | None = None) -> Reading:
    """How the rules of rulesets of one family are read, in a space made for them; each line is a place of its own."""
    patterns = {text for ruleset in rulesets for text in interface_patterns(ruleset)}
    space = Space(rulesets[0].family, patterns, deadline=deadline)
    return Reading(space, _remembering((meanings or Meanings()).of), _remembering_steps())


def _remembering(meaning: Callable[[Rule], Formula]) -> Callable[[Rule], Formula]:
    """The same, each rule read once; kept with its rule, so that no other can have its identity."""
    known: dict[int, tuple[Rule, Formula]] = {}

    def remembered(rule: Rule) -> Formula:
        found = known.get(id(rule))
        if found is None:
            found = known[id(rule)] = rule, meaning(rule)
        return found[1]

    return remembered


def _remembering_steps() -> Callable[[Rule, Container[str]], tuple[Step, ...]]:
    """`steps_of`, asked once for a rule and the chains of its table; both are kept, as above."""
    known: dict[tuple[int, int], tuple[Rule, Container[str], tuple[Step, ...]]] = {}

    def remembered(rule: Rule, chains: Container[str]) -> tuple[Step, ...]:
        key = (id(rule), id(chains))
        found = known.get(key)
        if found is None:
            found = known[key] = rule, chains, steps_of(rule, chains)
        return found[2]

    return remembered


def interface_patterns(ruleset: Ruleset) -> set[str]:
    """All patterns of `-i` and `-o`."""
    found: set[str] = set()
    for shape, rules in ruleset.by_shape.items():
        for use in map(shape.parameter, ("-i", "-o")):
            if use and use.operands:
                found.update(rule.text(use.operands[0]) for rule in rules)
    return found


class Summary(NamedTuple):
    """Packets by their verdict, those that come back, what has become of all of them, and what happened on the way.

    `asked` is all that the sets depend on, `counted` the variables of questions that are asked anew each time.
    """

    space: Space
    decisions: Decisions
    onward: PacketSet
    store: Store
    events: Mapping[Note | Translate, PacketSet]
    asked: frozenset[Hashable]
    counted: frozenset[int]

    @property
    def verdicts(self) -> Mapping[str, PacketSet]:
        """The packets that leave the chain for good, by verdict."""
        return self.decisions.whole(self.space)


class _Flow:
    """The packets of a chain between two of its rules, and the chains that it may call."""

    def __init__(self, reading: Reading, chains: Container[str], known: Mapping[str, Summary], here: Remaining) -> None:
        self.reading = reading
        self.chains = chains
        self.known = known
        self.here = here
        self.store = Store()
        self.returned: list[PacketSet] = []
        self.decisions = Decisions()
        self.events: defaultdict[Note | Translate, list[PacketSet]] = defaultdict(list)
        self.asked: set[Hashable] = set()
        self.counted: set[int] = set()


def summaries(
    reading: Reading, table: Table, hooks: Iterable[str], known: dict[str, Summary] | None = None
) -> dict[str, Summary]:
    """A summary of each chain that these chains are, or that is below them; those that are known are not made again.

    Raises NotDecidedError, also for chains that call each other in a loop, which no kernel loads.
    """
    known = {} if known is None else known
    for hook in hooks:
        for name in bottom_up(table, hook) if hook in table.chains else ():
            if name not in known:
                known[name] = _summary(reading, table.chains[name], known, table.chains)
    return known


def _summary(reading: Reading, chain: Chain, known: Mapping[str, Summary], chains: Container[str]) -> Summary:
    space = reading.space
    flow = _Flow(reading, chains, known, Remaining(space, space.all))
    for rule in chain.rules:
        _pass(flow, rule)
    return Summary(
        space,
        flow.decisions,
        space.any_of([*flow.returned, flow.here.whole()]),
        flow.store,
        {event: space.any_of(sets) for event, sets in flow.events.items()},
        frozenset(flow.asked),
        frozenset(flow.counted),
    )


def _pass(flow: _Flow, rule: Rule) -> None:
    """Lead the packets past a rule."""
    reading, space = flow.reading, flow.reading.space
    formula, place = reading.meaning(rule), reading.place(rule)
    steps = reading.steps(rule, flow.chains)
    if len(steps) == 1 and steps[0].asks == ALWAYS and len(steps[0].effects) == 1:
        effect = steps[0].effects[0]
        if isinstance(effect, Decide):  # which of them are still here is not asked, what is taken is taken
            _leave(flow, _asked(flow, formula, lambda asked: asked, place), effect.verdict)
            return
    matched = _asked(flow, formula, flow.here.among, place)
    for step in steps if not space.is_empty(matched) else ():
        concerned = _asked(flow, step.asks, partial(space.both, matched), (place, step.asks))
        for effect in step.effects:
            _meet(flow, rule, concerned, effect)
        if isinstance(step.effects[-1], Decide):
            matched = space.without(matched, concerned)


def _asked(flow: _Flow, formula: Formula, among: Callable[[PacketSet], PacketSet], place: Hashable) -> PacketSet:
    """Those of some packets for which a formula holds by now."""
    space = flow.reading.space
    asked = space.asked(formula)
    holding = among(flow.store.now(space, space.of(formula, place), asked))
    if not space.is_empty(holding):
        flow.asked |= asked
        if space.counts(formula):
            flow.counted |= counted(space, formula, place)
    return holding


def counted(space: Space, formula: Formula, place: Hashable) -> set[int]:
    """The variables of a formula's questions that count."""
    keys = {question(atom, place) for atom in atoms(formula) if isinstance(atom, Opaque) and atom.counts}
    return {number for key in keys for number in space.variables(key, 1)}


def _meet(flow: _Flow, rule: Rule, matched: PacketSet, effect: Effect) -> None:
    """Do to the matched packets what an effect says."""
    space = flow.reading.space
    match effect:
        case Decide(verdict):
            _leave(flow, matched, verdict)
        case Return():
            _leave(flow, matched, COMES_BACK)
        case Translate():
            flow.events[effect].append(matched)
            _leave(flow, matched, "ACCEPT")
        case Note():
            if effect.matters:
                flow.events[effect].append(matched)
        case Assign(of):
            flow.asked.add(of)
            flow.store.assign(space, matched, effect, seen=of != STATE)
        case Replace(of, text):
            flow.asked |= {one for old in (of, *TYPES.get(of, ())) for one in (old, Afterwards(old, text))}
            flow.store.replace(space, matched, effect)
        case Call(chain, goto):
            if chain not in flow.known:
                raise NotDecidedError(f"the chain {chain} calls itself")
            called = once_more(space, flow.known[chain], flow.counted, flow.reading.place(rule))
            _call(flow, matched, called, goto=goto)


def _leave(flow: _Flow, packets: PacketSet, verdict: str) -> None:
    flow.decisions.append(packets, verdict)
    flow.here.take(packets)
    if verdict == COMES_BACK:
        flow.returned.append(packets)


def _call(flow: _Flow, matched: PacketSet, called: Summary, *, goto: bool) -> None:
    """Lead the matched packets through a chain."""
    space, store = flow.reading.space, flow.store
    for verdict, packets in called.verdicts.items():
        _leave(flow, space.both(matched, store.now(space, packets, called.asked)), verdict)
    for event, packets in called.events.items():
        flow.events[event].append(space.both(matched, store.now(space, packets, called.asked)))
    back = store.now(space, called.onward, called.asked)
    if goto:
        _leave(flow, space.both(matched, back), COMES_BACK)
    store.follow(space, matched, called.store, called.asked)
    flow.asked |= called.asked
    flow.counted |= called.counted


def once_more(space: Space, called: Summary, spent: set[int], site: Hashable) -> Summary:
    """The summary with questions that count being others than those that were asked before, if some were."""
    if spent.isdisjoint(called.counted):
        return called
    fresh = {number: space.variables((space.key(number), site), 1)[0] for number in sorted(called.counted)}
    anew = space.replacing({before: space.literal(after) for before, after in fresh.items()})

    def of(packets: PacketSet) -> PacketSet:
        return space.substituted(packets, anew)

    return Summary(
        space,
        called.decisions.mapped(of),
        of(called.onward),
        called.store.mapped(of),
        {event: of(packets) for event, packets in called.events.items()},
        called.asked,
        frozenset(fresh.values()),
    )
