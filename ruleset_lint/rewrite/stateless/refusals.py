"""Why a ruleset cannot do without connection tracking, with the rule that is the reason. Knows no copy."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from ruleset_lint.model.loadability import breaks
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset, Table
from ruleset_lint.model.shape import Part
from ruleset_lint.model.tracking import tracks, untracks
from ruleset_lint.netfilter.extension import Memory, Tracking, Verdict
from ruleset_lint.netfilter.foreign import owner_of
from ruleset_lint.packets.sketch import Answer, Sketch, state_answer
from ruleset_lint.packets.walk import rules_on_way
from ruleset_lint.rewrite.conditions import STATE_TESTS
from ruleset_lint.rewrite.program import Existing, Workshop, all_routines
from ruleset_lint.rewrite.reasons import Reason, of_rule
from ruleset_lint.rewrite.specialise import specialise, tests_state

_HELPED = "a helper reads a control channel through its connection's entry, and what it expects is RELATED"
_ENTRY = "needs the connection's entry"
_CALM = ("LOG", "NFLOG", "ULOG")
_MARKS = ("MARK", "HMARK", "TPROXY")
_BY_NUMBER = ("-D", "-R")
_STATES = ("NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED")


def refusals(ruleset: Ruleset) -> tuple[Reason, ...]:
    """All reasons against it. Codes are those of the goal notrack where the reason is the same."""
    return tuple(reason for check in (_whole, _tracking, _raw, _marked, _counted) for reason in check(ruleset))


def warnings(ruleset: Ruleset) -> tuple[Reason, ...]:
    """What to know before it is done."""
    judged = "packets are judged by their flags: nobody sees any more that one is out of window or has a bad checksum"
    return (Reason("W", judged, "", ruleset.document.path), *_counted_too(ruleset))


def _whole(ruleset: Ruleset) -> Iterator[Reason]:
    """Files whose rules cannot be changed one by one."""
    path = ruleset.document.path
    if ruleset.fragment:
        yield Reason("L", "it is a part of a ruleset: what the other rules let begin is not known", "", path)
    for found in itertools.islice(breaks(ruleset), 1):
        yield Reason("L", f"it does not load: {found.reason}", "", path, found.line.number)
    for command in ruleset.commands:
        use = command.shape.command
        numbered = use and use.option.name == "-I" and len(use.operands) > 1
        if use and (use.option.name in _BY_NUMBER or numbered):
            yield of_rule("L", "it changes rules by number or by what they say: save it first", ruleset, command)
            return


def _tracking(ruleset: Ruleset) -> Iterator[Reason]:
    """R1, R2, R3, R6: rules that turn tracking on by more than a list of states."""
    for rule in ruleset.where(tracks):
        owner = owner_of(rule.chain)
        if owner:
            yield of_rule("R6", f"{rule.chain} hangs on tracking and is {owner}'s, which makes it anew", ruleset, rule)
            continue
        for part in rule.shape.parts:
            if part.entry and part.entry.tracking is not Tracking.NEVER and (found := _needs(rule, part)):
                yield of_rule(*found, ruleset, rule)


def _needs(rule: Rule, part: Part) -> tuple[str, str] | None:
    """What needs tracking in a way that no flags tell, as a code and a reason."""
    if part.name in STATE_TESTS:
        return _of_state_test(rule, part)
    if part.name == "helper" or part.use("--helper"):
        return "R2", _HELPED
    if part.name == "CT":
        return None if part.use("--notrack") else ("R3", "CT gives connections a zone, a timeout or events")
    if rule.table == "nat":
        return "R1", f"{part.name} translates addresses, which nothing does without connection tracking"
    return "R3", f"{part.name} {_ENTRY}"


def _of_state_test(rule: Rule, part: Part) -> tuple[str, str] | None:
    if rule.table in ("raw", "nat"):
        return "R3", f"it asks for the state in {rule.table}, where it means something else"
    if any(state_answer(rule, part, state) is Answer.MAYBE for state in _STATES):
        return "R3", f"{part.name} {_ENTRY} for what it asks beside the state"
    return None


def _raw(ruleset: Ruleset) -> Iterator[Reason]:
    """R9: rules of raw of which it is not plain what they untrack, where states are tested."""
    for rule in ruleset.where(untracks) if any(map(tests_state, ruleset.by_shape)) else ():
        chain = ruleset.chain("raw", rule.chain)
        before = [one for one in (chain.rules if chain else ()) if one.number < rule.number]
        plain = all(one.verdict is Verdict.CONTINUE and one.jump is None for one in before if not untracks(one.shape))
        after_routing = any(tests_state(one.shape) for one in _rules(ruleset, "mangle", "POSTROUTING"))
        if rule.chain not in ("PREROUTING", "OUTPUT") or not plain or after_routing:
            yield of_rule("R9", "it is not plain which packets it takes out of tracking", ruleset, rule)


def _marked(ruleset: Ruleset) -> Iterator[Reason]:
    """R6: marks that tell a first packet from later ones, where rules ask for marks."""
    marking = {rule.table for rule in ruleset.where(lambda shape: bool(shape.target and shape.target.name in _MARKS))}
    testing = {rule.table for rule in ruleset.where(tests_state)}
    for rule in ruleset.where(lambda shape: shape.match("mark") is not None) if marking & testing else ():
        yield of_rule("R6", "it asks for a mark that depends on the packet's state", ruleset, rule)


def _rules(ruleset: Ruleset, table: str, hook: str) -> Sequence[Rule]:
    return tuple(rules_on_way(ruleset, table, hook, Sketch(family=ruleset.family)))


def _counted(ruleset: Ruleset) -> Iterator[Reason]:
    """R4: rules that count UDP flows would count all their packets."""
    for rule, name in _counting_openers(ruleset, 17):
        yield of_rule("R4", f"{name} counts flows, and no UDP packet tells that it is the first of one", ruleset, rule)


def _counted_too(ruleset: Ruleset) -> Iterator[Reason]:
    for rule, name in _counting_openers(ruleset, 58 if ruleset.family == 6 else 1):
        yield of_rule("W", f"{name} counts all echo requests, no longer the first one of each ping", ruleset, rule)


def _counting_openers(ruleset: Ruleset, protocol: int) -> Iterator[tuple[Rule, str]]:
    """Rules that count, and are met by packets that open a flow of the protocol, but not by its later ones."""
    opening = Sketch(family=ruleset.family, protocol=protocol, state="NEW")
    for table, hook in itertools.product(("mangle", "filter"), ("INPUT", "FORWARD", "OUTPUT")):
        rules = [rule for rule in rules_on_way(ruleset, table, hook, opening) if rule.target not in _CALM]
        counting = [(rule, name) for rule in rules if (name := _counts(rule))]
        met = _met_later(ruleset, table, hook, protocol) if counting else frozenset()
        yield from ((rule, name) for rule, name in counting if rule.number not in met)


def _counts(rule: Rule) -> str:
    """The name of a match that counts or remembers packets, empty if there is none."""
    memories = (Memory.COUNTS, Memory.REMEMBERS)
    return next((part.name for part in rule.shape.matches if part.entry and part.entry.memory in memories), "")


def _met_later(ruleset: Ruleset, table: str, hook: str, protocol: int) -> frozenset[int]:
    """The lines of the rules that packets of a flow meet after the first one."""
    later = Sketch(family=ruleset.family, protocol=protocol, state="ESTABLISHED")
    chains = ruleset.tables[table].chains
    places = {f"from {name} rule {at}": rule for name in chains for at, rule in enumerate(chains[name].rules, 1)}
    lines: set[int] = set()
    for routine in all_routines([specialise(Workshop(), ruleset, table, hook, later)]):
        for step in routine.steps:
            lines |= {places[step.origin].number} if step.origin in places else set()
            if isinstance(step.action, Existing):
                lines |= _lines_below(ruleset.tables[table], step.action.chain)
    return frozenset(lines)


def _lines_below(table: Table, chain: str) -> set[int]:
    return {rule.number for name in table.reached_from(chain) for rule in table.chains[name].rules}
