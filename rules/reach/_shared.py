"""What the rules about reachability share: which rules are dead and why, and fixes that take rules out.

A ruleset is folded into sets of packets once for all of them. Sets are a library's, which is imported for a ruleset
that is folded only: it takes longer than checking a small file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from enum import Enum
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ruleset_lint.lint import Edit, Fix, Place, Safety, at_rule
from ruleset_lint.model.combination import BACKENDS
from ruleset_lint.model.loadability import breaks
from ruleset_lint.model.made import is_own_rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Use
from ruleset_lint.model.tracking import tracks
from ruleset_lint.netfilter.foreign import owner_of
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS
from ruleset_lint.packets.bounds import NotDecidedError

if TYPE_CHECKING:
    from fractions import Fraction

MOST_RULES = 20_000
SECONDS = 10.0  # that a ruleset may take
MOST_PLACES = 8  # of a kind that a finding shows

_OPEN = frozenset({"DOCKER-USER"})  # a chain that another program calls, for the administrator's rules
_APART = frozenset({"-A", "-F", "-I", "-N", "-P", "-X", "-Z"})  # commands that mean no other rule, without a number
_Answer = TypeVar("_Answer")


class Why(Enum):
    """Why no packet matches a rule."""

    CONDITIONS = "its conditions exclude each other"
    NAME = "no interface can have the name"
    HOOK = "no packet of its built-in chains meets its conditions"
    WAY = "no packet that is sent to its chain does"
    UNTRACKED = "raw has untracked all that do"
    CHANGED = "rules before it change what it asks for"
    TAKEN = "rules before it take all that do"


class Taker(NamedTuple):
    """A rule that takes packets from a dead one, and which part of them; None where that cannot be told."""

    rule: Rule
    share: Fraction | None


class Dead(NamedTuple):
    """A rule that no packet matches.

    `conditions` are those of its words that are why; `because` rules that are why; `takers` those that take its
    packets, none if they were not found. `contrary`: the only taker asks the same and does something else.
    """

    rule: Rule
    why: Why
    conditions: tuple[str, ...] = ()
    because: tuple[Rule, ...] = ()
    takers: tuple[Taker, ...] = ()
    contrary: bool = False


class Redundant(NamedTuple):
    """A rule whose packets meet the same verdict without it, by these other rules."""

    rule: Rule
    others: tuple[Rule, ...]


class Reach(NamedTuple):
    """What packets come to. An error in place of an answer: that was not decided."""

    dead: tuple[Dead, ...] = ()
    jumps: Callable[[], tuple[Rule, ...] | NotDecidedError] = tuple
    redundant: Callable[[], tuple[Redundant, ...] | NotDecidedError] = tuple


def dead_rules(ruleset: Ruleset) -> tuple[Dead, ...]:
    """The rules that no packet matches, but those whose chain no packet enters. Raises NotDecidedError.

    None that a rewrite has left behind by untracking its packets: it is what they are decided by without the rewrite.
    """
    return tuple(dead for dead in _decided(_reach(ruleset)).dead if not any(map(is_own_rule, dead.because)))


def dead_jumps(ruleset: Ruleset) -> tuple[Rule, ...]:
    """The jumps from which all packets come back as they were. Raises NotDecidedError."""
    return _decided(_decided(_reach(ruleset)).jumps())


def redundant_rules(ruleset: Ruleset) -> tuple[Redundant, ...]:
    """The rules without which all packets meet the same verdict. Raises NotDecidedError."""
    return _decided(_decided(_reach(ruleset)).redundant())


def _decided(found: _Answer | NotDecidedError) -> _Answer:
    if isinstance(found, NotDecidedError):
        raise found
    return found


@lru_cache(maxsize=8)
def _reach(ruleset: Ruleset) -> Reach | NotDecidedError:
    if not ruleset.live_rules or not is_judged(ruleset):
        return Reach()
    if len(ruleset.live_rules) > MOST_RULES:
        return NotDecidedError(f"more than {MOST_RULES} rules")
    try:
        found: Reach = import_module("._folding", __package__).fold(ruleset, SECONDS)
    except NotDecidedError as error:
        return error
    return found


@lru_cache(maxsize=8)
def is_judged(ruleset: Ruleset) -> bool:
    """Whether it is a whole ruleset that a backend loads: of others nobody knows what packets meet."""
    if ruleset.fragment:
        return False
    broken: set[str] = set()
    for found in breaks(ruleset):
        broken |= found.backends
        if broken >= BACKENDS:
            return False
    return True


def is_foreign(chain: str) -> bool:
    """Whether another program makes the chain's rules while it runs."""
    return chain not in _OPEN and owner_of(chain) is not None


def places(ruleset: Ruleset, rules: Iterable[Rule], note: str) -> tuple[Place, ...]:
    """The first of some rules as places."""
    return tuple(at_rule(ruleset, rule, note) for rule in tuple(rules)[:MOST_PLACES])


def lines(rules: Sequence[Rule]) -> str:
    """`line 3`, `lines 3 and 5`, `lines 3, 5, 7 and 2 more`"""
    numbers = [str(rule.number) for rule in rules]
    if len(numbers) > MOST_PLACES:
        numbers[MOST_PLACES - 1 :] = [f"{len(numbers) - MOST_PLACES + 1} more"]
    *first, last = numbers
    return f"lines {', '.join(first)} and {last}" if first else f"line {last}"


def and_others(count: int) -> str:
    """How many more rules share the cause."""
    return "" if not count else " (and 1 more rule)" if count == 1 else f" (and {count} more rules)"


def without(ruleset: Ruleset, rules: Sequence[Rule]) -> Fix:
    """Take rules out. By hand where lines mean each other, or where nothing else keeps connection tracking on."""
    title = "take the rule out" if len(rules) == 1 else f"take the {len(rules)} rules out"
    if not can_edit(ruleset):
        return Fix(title, safety=Safety.MANUAL)
    if any(tracks(rule.shape) for rule in rules) and not _is_tracked_without(ruleset, rules):
        return Fix(f"{title}, unless it is to keep connection tracking on", safety=Safety.MANUAL)
    return Fix(title, tuple(Edit(rule.line.span, "") for rule in rules), Safety.UNSAFE)


def fix_of_untracked() -> Fix:
    """Where raw is why a rule is dead: the rule is what its author wanted, and it is missed when it is gone."""
    return Fix("let the rule take UNTRACKED packets, or leave them tracked", safety=Safety.MANUAL)


@lru_cache(maxsize=8)
def can_edit(ruleset: Ruleset) -> bool:
    """Whether lines can go: no other line means them by their number or by their words."""
    commands = (shape.command for shape in {command.shape for command in ruleset.commands})
    return all(one is None or _is_apart(one) for one in commands)


def _is_apart(command: Use) -> bool:
    numbered = len(command.operands) > 1 and command.option.name != "-P"
    return command.option.name in _APART and not numbered


def _is_tracked_without(ruleset: Ruleset, rules: Sequence[Rule]) -> bool:
    """Whether a rule that needs connection tracking is left when all that could be taken out is."""
    first = _first_needed(ruleset)
    if first is not None and first not in rules:
        return True
    going = {*rules, *(dead.rule for dead in dead_rules(ruleset))}
    if any(rule not in going and _is_needed(ruleset, rule) for rule in ruleset.where(tracks)):
        return True  # without asking for redundant rules, which takes long
    with suppress(NotDecidedError):  # then none of them is offered to be taken out
        going.update(found.rule for found in redundant_rules(ruleset))
    return any(rule not in going for rule in ruleset.where(tracks))


@lru_cache(maxsize=8)
def _first_needed(ruleset: Ruleset) -> Rule | None:
    """A rule that needs connection tracking, and is neither dead nor redundant at first sight."""
    dead = {dead.rule for dead in dead_rules(ruleset)}
    return next((rule for rule in ruleset.where(tracks) if rule not in dead and _is_needed(ruleset, rule)), None)


def _is_needed(ruleset: Ruleset, rule: Rule) -> bool:
    """Whether a rule is not redundant at first sight: no later rule of its built-in chain has the same target."""
    if rule.chain not in BUILTIN_CHAINS.get(rule.table, ()):
        return False
    rules = ruleset.tables[rule.table].chains[rule.chain].rules
    return all(other.target != rule.target for other in rules[rules.index(rule) + 1 :])
