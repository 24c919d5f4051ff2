"""Whether two rulesets do the same with every packet, or, where services left connection tracking, every connection.

    prove(before, after, services=(), *, role="router", deadline=None) -> Proof

It walks the two rulesets; what they owe to services is in `connections`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape
from ruleset_lint.model.tracking import tracks
from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.bounds import NotDecidedError
from ruleset_lint.packets.connections import statements, supposed
from ruleset_lint.packets.counting import Came, Counting, Place, aligned, counting_of, paired, renaming
from ruleset_lint.packets.course import CONNTRACK, COURSES
from ruleset_lint.packets.difference import LISTED, Difference, Outcome, Proof
from ruleset_lint.packets.doing import effects_of
from ruleset_lint.packets.effect import Translate
from ruleset_lint.packets.endpoints import Endpoint, Role, is_behind, is_foreign, is_misplaced
from ruleset_lint.packets.fate import Fate, fate_of
from ruleset_lint.packets.finding import Finder
from ruleset_lint.packets.formula import All, Formula, Interface, Not, Some, equal, in_state, of_type
from ruleset_lint.packets.others import untouched
from ruleset_lint.packets.parts import NOT_TRANSLATED
from ruleset_lint.packets.reached_by import addresses_behind, astray, reached_by
from ruleset_lint.packets.space import PacketSet
from ruleset_lint.packets.statements import About, Case, Sides, Statement
from ruleset_lint.packets.summary import reading_of
from ruleset_lint.packets.walking import Folded, never_tracked, possible

_ATTACHED = COURSES["outgoing"][COURSES["outgoing"].index(next(
    step for step in COURSES["outgoing"] if step.table == CONNTRACK
)) + 1 :]  # fmt: skip
_NO_PROXY = (
    "what comes in is for this machine's addresses, what goes out from a service is from one (nothing has TPROXY)"
)
_OTHERS = "single addresses that FORWARD accepts packets to are not this machine's"
_NO_SPOOFING = "what is forwarded has no source address of this machine (IPv4 sees to that, IPv6 does not)"
_KEPT = frozenset({"CONNMARK", "CONNSECMARK"})
_MARKING = _KEPT | {"MARK", "SECMARK"}
_MARKS_DIFFER = "marks are kept with connections, and the rules that set, save or restore marks are not the same"
Tell = Callable[[str], None]


@dataclass(slots=True)
class _Found:
    """What is known so far."""

    differences: list[Difference] = field(default_factory=list)
    notes: list[Difference] = field(default_factory=list)
    assumptions: dict[str, None] = field(default_factory=dict)
    packets: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True)
class _Pair:
    """Two rulesets, read in one space."""

    before: Folded
    after: Folded
    counting: Counting
    services: tuple[Endpoint, ...]
    role: Role

    @property
    def translates(self) -> bool:
        return self.before.translates() or self.after.translates()


def prove(
    before: Ruleset,
    after: Ruleset,
    services: Sequence[Endpoint] = (),
    *,
    role: Role = "router",
    deadline: float | None = None,
    tell: Tell = lambda _: None,
) -> Proof:
    """Compare two rulesets of one family that load. Without services every packet must fare alike.

    On a `host` nothing is forwarded. `deadline` is a time of `time.monotonic`: what takes longer is not decided.
    `tell` is told which statement is looked at. Raises ValueError for rulesets of two families.
    """
    if before.family != after.family:
        raise ValueError("rulesets of one family expected")
    ours = tuple(end for end in services if end.family in {None, before.family})
    found = _Found()
    try:
        reading = reading_of(before, after, deadline=deadline)
        counting = counting_of(reading, before, after)
        pair = _Pair(Folded(counting.reading, before), Folded(counting.reading, after), counting, ours, role)
        more = _prove(found, pair, tell)
    except NotDecidedError as error:
        return _proof(found, before.family, "different" if found.differences else "not decided", str(error))
    if not found.differences and _marking(before) != _marking(after):
        return _proof(found, before.family, "not decided", _MARKS_DIFFER)
    return _proof(found, before.family, "different" if found.differences else "equal", more=more)


def _marking(ruleset: Ruleset) -> tuple[tuple[str, str, object], ...]:
    """What marks packets and connections, in order; nothing where no mark is kept with a connection.

    What a connection keeps is no field of a packet: sets do not see which mark was saved, and what is restored is open.
    """
    marking = list(ruleset.where(lambda shape: bool(shape.target and shape.target.name in _MARKING)))
    if not any(rule.target in _KEPT for rule in marking):
        return ()
    return tuple((rule.table, rule.chain, effects_of(rule, ())) for rule in marking)


def _proof(found: _Found, family: int, outcome: Outcome, reason: str = "", *, more: bool = False) -> Proof:
    return Proof(
        family, outcome, tuple(found.differences), tuple(found.notes), tuple(found.assumptions),
        tuple(found.packets.items()), more or bool(reason and found.differences), reason,
    )  # fmt: skip


def _prove(found: _Found, pair: _Pair, tell: Tell) -> bool:
    """Note what is found; whether there may be more."""
    case = _case(pair, found, tell)
    found.assumptions |= dict.fromkeys(supposed(case, pair.services))
    finder = Finder(pair.counting.base, pair.before.ruleset, pair.after.ruleset)
    for statement in statements(case, pair.services) if pair.services else _everything(case):
        tell(f"{statement.about.role}, {statement.about.course}")
        _assume(found, pair, statement)
        if not _listed(found, finder, statement):
            return True
    return False


def _listed(found: _Found, finder: Finder, statement: Statement) -> bool:
    """Whether all differences that contradict a statement found place in the list.

    Raises NotDecidedError if there is no difference to show: sets that contradict each other prove nothing.
    """
    listed = found.notes if statement.about.inherent else found.differences
    seen = {_cause(one) for one in listed}
    shown = False
    for difference in finder.found(statement):
        shown = True
        if len(listed) >= LISTED:
            return statement.about.inherent
        if _cause(difference) not in seen:
            seen.add(_cause(difference))
            listed.append(difference)
    if statement.apart and not shown and not statement.about.inherent:
        raise NotDecidedError(f"no packet shows what differs: {statement.about.role}")
    return True


def _cause(found: Difference) -> tuple[object, ...]:
    rules = ((one.verdict, one.rule and one.rule.number) for one in (found.before, found.after))
    return (found.role, found.course, *rules)


def _everything(case: Case) -> Iterator[Statement]:
    """The one statement that there is without services."""
    for course, start in case.starts.items():
        yield case.same(About("E2", "packet", course, start), tracking=True)


def _case(pair: _Pair, found: _Found, tell: Tell) -> Case:
    """The rulesets walked, by course."""
    space = pair.counting.base.space
    starts: dict[str, PacketSet] = {}
    fates: dict[str, Sides] = {}
    for course, steps in COURSES.items():
        if course == "forwarded" and pair.role == "host":
            continue
        tell(f"walking {course} packets")
        starts[course] = start = possible(space, steps, fragments=not _all_track(pair))
        fates[course] = (_fate(pair, pair.before, course, start), _fate(pair, pair.after, course, start))
    starts["incoming"] = space.without(starts["incoming"], _never_carried(pair, fates["outgoing"]))
    for course, start in starts.items():
        starts[course] = _existing(pair, course, start, fates[course], found) if pair.services else start
        found.packets[course] = space.count(starts[course])

    def attached(packets: PacketSet) -> Sides:
        first, second = (fate_of(pair.counting, one, _ATTACHED, packets) for one in (pair.before, pair.after))
        return first, second

    helps = any(_helps(shape) for shape in pair.before.ruleset.by_shape)
    own = any(not is_behind(end, pair.role) for end in pair.services)
    behind = addresses_behind(pair.before.ruleset) if own and pair.translates else frozenset()
    if behind:
        found.assumptions[_OTHERS] = None
    case = Case(space, pair.counting, pair.role, starts, fates, attached, helps=helps, behind=behind)
    return _with_counters(pair, case, found)


def _never_carried(pair: _Pair, outgoing: Sides) -> PacketSet:
    """What comes by `lo` as untracked, if neither ruleset untracks what leaves by it."""
    space = pair.counting.base.space
    untracked = space.any_of([fate.untracked for fate in outgoing])
    if not space.is_empty(space.both(untracked, space.of(Interface(ask.OUT, "lo")))):
        return space.none
    lo = Interface(ask.IN, "lo")
    return space.of(All((lo, in_state("UNTRACKED"), Not(never_tracked(space.family)))))


def _helps(shape: Shape) -> bool:
    return shape.target is not None and shape.target.name == "CT" and shape.target.use("--helper") is not None


def _fate(pair: _Pair, folded: Folded, course: str, start: PacketSet) -> Fate:
    return fate_of(pair.counting, folded, COURSES[course], start)


def _all_track(pair: _Pair) -> bool:
    """Whether connection tracking is on in both, so that fragments are put together before any rule sees them."""
    return all(any(map(tracks, one.ruleset.by_shape)) for one in (pair.before, pair.after))


def _with_counters(pair: _Pair, case: Case, found: _Found) -> Case:
    """What counts is told apart for all packets at once; with services, for those that are none of theirs."""
    if not pair.counting.words:
        return case
    space, counting = case.space, pair.counting
    came = [
        Came(first.asked, second.asked, untouched(case, pair.services, course))
        for course, (first, second) in case.fates.items()
    ]  # fmt: skip
    names, broken = aligned(space, counting, came)
    if pair.services:
        return replace(case, broken=broken)
    for places in paired(space, counting, names, came):
        found.assumptions[_counts_alike(pair, *places, "the same packets")] = None
    rename = renaming(space, names)
    fates = {course: (first, second.mapped(rename)) for course, (first, second) in case.fates.items()}
    return replace(case, fates=fates, counting=Counting(counting.base))


def _assume(found: _Found, pair: _Pair, statement: Statement) -> None:
    services = ", ".join(map(str, pair.services))
    which = "the same packets" if statement.about.clause == "E2" else f"the same packets of {services}"
    for places in statement.pairs:
        found.assumptions[_counts_alike(pair, *places, which)] = None


def _counts_alike(pair: _Pair, first: Place, second: Place, which: str) -> str:
    before, after = (
        next((rule.number for rule in pair.counting.rules[place] if rule.home.document is one.ruleset.document), 0)
        for place, one in ((first, pair.before), (second, pair.after))
    )  # fmt: skip
    return f"{pair.counting.words[first]}, line {before} before and {after} after, counts alike: {which} come to it"


def _existing(pair: _Pair, course: str, start: PacketSet, fates: Sides, found: _Found) -> PacketSet:
    """Those packets of a course that there are on a machine whose addresses are where they belong."""
    space = pair.counting.base.space
    if not pair.translates:
        start = space.both(start, space.of(NOT_TRANSLATED))
    behind = [end for end in pair.services if is_behind(end, pair.role)]
    start = space.without(start, space.of(Some(tuple(map(is_misplaced, behind)))))
    if course == "forwarded":
        start = space.without(start, space.of(Some((Interface(ask.IN, "lo"), Interface(ask.OUT, "lo")))))
    if course == "forwarded":
        found.assumptions[_NO_SPOOFING] = None
        start = space.without(start, space.of(of_type(ask.SOURCE_TYPE, "LOCAL")))
        start = space.without(start, space.of(Some(tuple(_astray(pair, behind, found)))))
    if course == "outgoing":
        own = tuple(is_foreign(end) for end in pair.services if not is_behind(end, pair.role))
        odd = space.of(Some(own))
    else:
        groups = ("MULTICAST", "ANYCAST") if space.family == 6 else ("BROADCAST", "MULTICAST", "ANYCAST")
        here = [of_type(ask.DESTINATION_TYPE, name) for name in ("LOCAL", *groups)]
        wrong = here[0] if course == "forwarded" else Not(Some(tuple(here)))
        elsewhere = All((wrong, equal(ask.SNAT, 0), equal(ask.DNAT, 0)))
        events = [one for fate in fates for one in fate.events.items()]
        translated = [packets for event, packets in events if isinstance(event, Translate)]
        odd = space.without(space.of(elsewhere), space.any_of(translated))
    if course == "forwarded" or not any(_has_transparent_proxy(one.ruleset) for one in (pair.before, pair.after)):
        if course != "forwarded":
            found.assumptions[_NO_PROXY] = None
        return space.without(start, odd)
    return start


def _astray(pair: _Pair, behind: Sequence[Endpoint], found: _Found) -> Iterator[Formula]:
    """Where NAT asks by which interface packets leave, what would leave by another than its server's is none."""
    for end in behind if pair.translates else ():
        if interfaces := reached_by(pair.before.ruleset, end):
            found.assumptions[
                f"{end.address} is reached by {', '.join(interfaces)}, as a rule says that accepts it"
            ] = None
            yield astray(end, interfaces)


def _has_transparent_proxy(ruleset: Ruleset) -> bool:
    return any(shape.target is not None and shape.target.name == "TPROXY" for shape in ruleset.by_shape)
