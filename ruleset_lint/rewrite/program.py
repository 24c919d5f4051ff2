"""Chains while they are being made: steps, simplified, equal ones made once. Knows no service and no state.

A routine is what will be a chain. Routines are interned: two with the same steps are one object, so that copies made
for several roles fold by themselves, and comparing two is comparing identities.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a rule as words. Two of the same `subject` cannot stand in one rule unless they are equal.

    `pure` says that asking it changes nothing; `protocol` that the rule must name its protocol.
    """

    words: tuple[str, ...]
    subject: str
    pure: bool = True
    protocol: bool = False


@dataclass(frozen=True, slots=True)
class Perform:
    """A target, as words from `-j` on; `ends` if the packet goes no further."""

    words: tuple[str, ...]
    ends: bool
    protocol: bool = False


@dataclass(frozen=True, slots=True)
class Existing:
    """A jump (`goto`: without coming back) to a chain of the ruleset as it is; `closed` if no packet leaves it."""

    chain: str
    closed: bool
    goto: bool = False


@dataclass(frozen=True, slots=True)
class Return:
    """Back to the chain that called."""


@dataclass(frozen=True, slots=True)
class Call:
    """A jump (`goto`: without coming back) to a routine."""

    routine: Routine
    goto: bool = False


Action = Perform | Existing | Return | Call


@dataclass(frozen=True, slots=True)
class Step:
    """A rule of a routine. `origin` says where it comes from and does not count when steps are compared."""

    conditions: tuple[Condition, ...]
    action: Action
    origin: str = field(default="", compare=False)


@dataclass(frozen=True, eq=False, slots=True)
class Routine:
    """Steps in order. `closed` if no packet leaves at the end or by Return. A Workshop makes each only once."""

    hint: str
    steps: tuple[Step, ...]
    closed: bool


ACCEPT = Perform(("-j", "ACCEPT"), ends=True)
DROP = Perform(("-j", "DROP"), ends=True)
NOTHING = Perform((), ends=False)  # a rule without a target: its conditions may count


@dataclass(slots=True)
class Workshop:
    """Where routines are made: simplified first, and each only once."""

    made: dict[tuple[Step, ...], Routine] = field(default_factory=dict)

    def routine(self, hint: str, steps: Iterable[Step]) -> Routine:
        """The routine of these steps."""
        tidy = tuple(_tidy(steps))
        if len(tidy) == 1 and not tidy[0].conditions and isinstance(tidy[0].action, Call):
            return tidy[0].action.routine
        found = self.made.get(tidy)
        if found is None:
            found = self.made[tidy] = Routine(hint, tidy, _is_closed(tidy))
        return found

    def always(self, action: Action, origin: str = "") -> Routine:
        """A routine that does one thing with every packet."""
        return self.routine("", (Step((), action, origin),))


def only_action(routine: Routine) -> Action | None:
    """What the routine does with every packet, if that is one thing."""
    first = routine.steps[0] if len(routine.steps) == 1 else None
    return first.action if first and not first.conditions else None


def at_top(workshop: Workshop, hint: str, steps: Iterable[Step], last: Sequence[Step]) -> Iterator[Step]:
    """The steps of a built-in chain, where going back to the caller means `last`."""
    for step in steps:
        match step.action:
            case Return():
                yield replace(step, action=Call(workshop.routine("policy", last)))
            case Call() | Existing() if step.action.goto:
                away = (Step((), replace(step.action, goto=False)), *last)
                yield replace(step, action=Call(workshop.routine(hint, away)))
            case _:
                yield step


def ends(action: Action) -> bool:
    """Whether no packet comes back from an action to the step after it."""
    match action:
        case Perform():
            return action.ends
        case Existing():
            return action.closed or action.goto
        case Call():
            return action.routine.closed or action.goto
        case Return():
            return True


def _leaves(action: Action) -> bool:
    """Whether an action can bring a packet back to whoever called the routine it stands in."""
    match action:
        case Existing():
            return action.goto and not action.closed
        case Call():
            return action.goto and not action.routine.closed
        case _:
            return isinstance(action, Return)


def depth(routine: Routine) -> int:
    """How many calls deep the routine goes, itself included."""
    known: dict[int, int] = {}
    for one in all_routines([routine]):  # callees first
        called = [known[id(step.action.routine)] for step in one.steps if isinstance(step.action, Call)]
        known[id(one)] = 1 + max(called, default=0)
    return known[id(routine)]


def all_routines(starts: Sequence[Routine]) -> list[Routine]:
    """The routines and all that they call, each once, callees before their callers."""
    found: dict[int, Routine] = {}
    stack = [(start, iter(start.steps)) for start in reversed(starts)]
    entered: set[int] = set()
    while stack:
        routine, steps = stack[-1]
        entered.add(id(routine))
        callee = next((step.action.routine for step in steps if isinstance(step.action, Call)), None)
        if callee is None:
            found[id(routine)] = routine
            stack.pop()
        elif id(callee) not in entered:
            stack.append((callee, iter(callee.steps)))
    return list(found.values())


def _tidy(steps: Iterable[Step]) -> Iterator[Step]:
    kept: list[Step] = []
    for step in map(_inlined, steps):
        if step is None:
            continue
        kept.append(step)
        if not step.conditions and ends(step.action):
            break
    while kept and kept[-1].action == Return() and _is_pure(kept[-1]):
        kept.pop()
    last = kept[-1] if kept else None
    while last and not last.conditions and ends(last.action) and _says_the_same(kept[-2:-1], last):
        del kept[-2]
    yield from kept


def _inlined(step: Step) -> Step | None:
    """A call of an empty routine is nothing, one of a single step is that step, if the conditions go together."""
    if not isinstance(step.action, Call):
        return step
    steps = step.action.routine.steps
    if not steps and step.action.goto:
        return replace(step, action=Return())
    if not steps:
        return None if _is_pure(step) else replace(step, action=NOTHING)
    if len(steps) > 1 or isinstance(steps[0].action, Return) or (step.action.goto and not ends(steps[0].action)):
        return step
    merged = merge(step.conditions, steps[0].conditions)
    if merged is None:
        return step
    return Step(merged, _as_seen_by_caller(steps[0].action, step.action), steps[0].origin or step.origin)


def _as_seen_by_caller(action: Action, call: Call) -> Action:
    """What a routine's only step does, put where its call stood: it goes back to where the call would go back."""
    if isinstance(action, Call | Existing):
        return replace(action, goto=call.goto)
    return action


def merge(first: tuple[Condition, ...], second: tuple[Condition, ...]) -> tuple[Condition, ...] | None:
    """All conditions in one rule, None if it cannot hold them."""
    merged = list(first)
    for condition in second:
        same = next((other for other in merged if other.subject == condition.subject), None)
        if same is None:
            merged.append(condition)
        elif same != condition or not condition.pure:
            return None
    return tuple(merged)


def _is_pure(step: Step) -> bool:
    return all(condition.pure for condition in step.conditions)


def _says_the_same(before: Sequence[Step], last: Step) -> bool:
    return bool(before) and before[0].action == last.action and _is_pure(before[0])


def _is_closed(steps: tuple[Step, ...]) -> bool:
    if not steps or steps[-1].conditions or not ends(steps[-1].action):
        return False
    return not any(_leaves(step.action) for step in steps)
