"""What the filter says to the packets of a connection in their several roles. Knows not which of them are untracked."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset, Table
from ruleset_lint.model.shape import Shape
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.packets.conditions import Conditions, sketches
from ruleset_lint.packets.sketch import Answer, Sketch
from ruleset_lint.packets.walk import walk

TCP, UDP = 6, 17
CLIENT_PORTS = ((32768, 60999),)  # net.ipv4.ip_local_port_range
_PASSES = (Verdict.ACCEPT, Verdict.TRANSLATE, Verdict.ELSEWHERE)


def opening(conditions: Conditions) -> Conditions:
    """The first packets among those that meet the conditions: SYNs, if it is TCP."""
    return _with_flags(conditions, {"SYN"}, {"ACK", "RST", "FIN"})


def later(conditions: Conditions) -> Conditions:
    """Packets of the initiator that follow the first one: ACKs, if it is TCP."""
    return _with_flags(conditions, {"ACK"}, {"SYN", "RST", "FIN"})


def answering(conditions: Conditions) -> Conditions:
    """The first answers: SYN,ACK, if it is TCP."""
    return _with_flags(conditions, {"SYN", "ACK"}, {"RST", "FIN"})


def may_pass(ruleset: Ruleset, hook: str, conditions: Conditions, state: str | None) -> bool:
    """Whether the filter may let some of the packets pass at a hook, by a rule or by its policy."""
    return any(_passing(ruleset, hook, sketch) for sketch in sketches(conditions, state))


def accepting(ruleset: Ruleset, hook: str, conditions: Conditions, state: str | None) -> tuple[Rule, ...]:
    """The rules of the filter that may accept some of the packets at a hook; the policy is none of them."""
    found = (made for sketch in sketches(conditions, state) for made in _passing(ruleset, hook, sketch) if made)
    return tuple({made.line.number: made for made in found}.values())


def must_pass(ruleset: Ruleset, hook: str, sketch: Sketch) -> bool:
    """Whether the filter lets all packets of a sketch pass at a hook, by one rule or by several together."""
    outcome = walk(ruleset, "filter", hook, sketch)
    if outcome.must(*_PASSES) or not outcome.may(*_PASSES):
        return outcome.must(*_PASSES)
    # sets are exact, and their library is imported where a sketch does not tell
    from ruleset_lint.packets.exact import passing  # noqa: PLC0415

    return passing(ruleset, hook, sketch) is Answer.YES


@lru_cache(maxsize=64)
def _passing(ruleset: Ruleset, hook: str, sketch: Sketch) -> tuple[Rule | None, ...]:
    """What may let packets of a sketch pass: rules, None for the policy."""
    from_anywhere = sketch.source is None and sketch.destination is None
    decisions = walk(_slim(ruleset) if from_anywhere else ruleset, "filter", hook, sketch).decisions
    return tuple(made.rule for made in decisions if made.verdict in _PASSES)


@lru_cache(maxsize=4)
def _slim(ruleset: Ruleset) -> Ruleset:
    """The ruleset without blocklists: what refuses some addresses keeps nobody out who may come from anywhere."""
    table = ruleset.tables.get("filter")
    if table is None:
        return ruleset
    refusing = frozenset(filter(_refuses_addresses, ruleset.by_shape))
    chains = {
        name: chain._replace(rules=tuple(made for made in chain.rules if not _names_some(made, refusing)))
        for name, chain in table.chains.items()
    }
    return replace(ruleset, tables={**ruleset.tables, "filter": Table(table.name, table.line, chains)})


def _refuses_addresses(shape: Shape) -> bool:
    verdict = shape.target.entry.verdict if shape.target and shape.target.entry else Verdict.CONTINUE
    named = any(use.option.name in ("-s", "-d") for use in shape.parameters)
    return named and shape.jump is None and verdict in (Verdict.DROP, Verdict.REJECT, Verdict.CONTINUE)


def _names_some(made: Rule, refusing: frozenset[Shape]) -> bool:
    """Whether a rule is one of these and not for 0.0.0.0/0."""
    if made.shape not in refusing:
        return False
    named = (use for use in made.shape.parameters if use.option.name in ("-s", "-d") and use.operands)
    return not all("/0" in made.text(use.operands[0]) or use.negated for use in named)


def _with_flags(conditions: Conditions, present: set[str], absent: set[str]) -> Conditions:
    if conditions.protocol != TCP:
        return conditions
    return conditions._replace(flags_set=frozenset(present), flags_clear=frozenset(absent))
