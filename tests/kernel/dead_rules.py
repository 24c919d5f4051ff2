"""Dead rules tried with a packet made for them: it meets the rule's own conditions, and the rule must not count.

That the packet meets them is shown by a second rule with the same conditions on top of the built-in chain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum
from typing import NamedTuple

from ruleset_lint.lint import Configuration
from ruleset_lint.lint.engine import run as run_rules
from ruleset_lint.lint.report import report
from ruleset_lint.lint.selection import all_rules
from ruleset_lint.model.host import Host
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS
from ruleset_lint.packets.arrivals import entry
from ruleset_lint.packets.formula import FRAGMENT, IN, All, Bits, Formula, Interface, Not, Packet, equal, in_state
from ruleset_lint.packets.formula import SOURCE as FROM
from ruleset_lint.packets.summary import Reading, reading_of
from ruleset_lint.packets.witness import witness

from .injected import Arena
from .namespaces import run
from .rulesets import Backend, load, reset, tool

_RULES = tuple(info for info in all_rules() if info.id in ("reach/shadowed", "reach/contradiction"))
_LINE = re.compile(r"\s*(?:\[\d+:\d+\]\s*)?(?:-A|--append|-I|--insert)\s+\S+\s*(.*)")
_TARGET = re.compile(r"(?:^|\s)(?:-j|--jump|-g|--goto)\s.*")


class Outcome(Enum):
    """What came of a dead rule and its packet."""

    DEAD = "the packet met its conditions, the rule did not count it"
    ALIVE = "the rule counted it"
    UNMADE = "no packet could be made for it"
    UNMET = "the packet did not meet its conditions, or did not arrive"
    UNLOADED = "the ruleset was not loaded"


class Tried(NamedTuple):
    """A dead rule and what came of it."""

    rule: Rule
    outcome: Outcome
    packet: Packet | None = None


class _Trial(NamedTuple):
    rule: Rule
    hook: str
    packet: Packet


def dead_lines(ruleset: Ruleset) -> frozenset[int]:
    """The lines of all rules that findings call dead because of others."""
    found = report([run_rules(Host(rulesets=(ruleset,)), _RULES, Configuration())]).findings
    named = {finding.line for finding in found}
    return frozenset(
        named | {place.line for finding in found for place in finding.related if place.note == "nor this one"}
    )


def tried(arena: Arena, ruleset: Ruleset, backend: Backend, most: int = 50) -> Iterator[Tried]:
    """Each dead rule of a ruleset, at the first of its built-in chains for which a packet can be made."""
    lines = dead_lines(ruleset)
    reading = reading_of(ruleset)
    for rule in [rule for rule in ruleset.live_rules if rule.number in lines][:most]:
        made = list(_packets(reading, ruleset, rule))
        if not made:
            yield Tried(rule, Outcome.UNMADE)
        for hook, packet in made[:1]:
            yield Tried(rule, _outcome(arena, ruleset, _Trial(rule, hook, packet), backend), packet)


def _packets(reading: Reading, ruleset: Ruleset, rule: Rule) -> Iterator[tuple[str, Packet]]:
    space = reading.space
    for hook in BUILTIN_CHAINS[rule.table]:
        if hook in ruleset.tables[rule.table].hooks[rule.chain]:
            possible = space.both(entry(space, rule.table, hook), space.of(_sendable(space.family)))
            packet = witness(space, space.both(reading.matched(rule), possible))
            if packet is not None and not any(packet.answers.values()):
                yield hook, packet


def _sendable(family: int) -> Formula:
    """A whole packet that opens a connection or has none, and comes by another way than `lo`."""
    loopback = Bits(FROM[4], 0xFF << 24, 127 << 24) if family == 4 else equal(FROM[6], 1)
    states = in_state("NEW", "INVALID", "UNTRACKED")
    return All((equal(FRAGMENT, 0), states, Not(Interface(IN, "lo")), Not(loopback)))


def _outcome(arena: Arena, ruleset: Ruleset, trial: _Trial, backend: Backend) -> Outcome:
    rule, hook, packet = trial
    reset(arena.place)
    text = ruleset.document.text
    conditions = _TARGET.sub("", _LINE.match(ruleset.document.content(rule.line))[1])
    control = f"*{rule.table}\n-I {hook} 1 {conditions}\nCOMMIT\n"
    if not load(arena.place, text, ruleset.family, backend) or not _added(arena, control, ruleset.family, backend):
        return Outcome.UNLOADED
    with suppress(OSError, ValueError, RuntimeError):  # what OUTPUT drops, the sender is told
        arena.send(hook, packet)
    counts = _counts(arena, ruleset.family, rule.table, backend)
    place = list(ruleset.tables[rule.table].chains[rule.chain].rules).index(rule)
    mine = counts[rule.chain][place + (rule.chain == hook)]
    if mine:
        return Outcome.ALIVE
    return Outcome.DEAD if counts[hook][0] else Outcome.UNMET


def _added(arena: Arena, text: str, family: int, backend: Backend) -> bool:
    try:
        run(arena.place, tool(family, backend, "restore"), "--noflush", "--wait=20", text=text)
    except RuntimeError:
        return False
    return True


def _counts(arena: Arena, family: int, table: str, backend: Backend) -> dict[str, list[int]]:
    saved = run(arena.place, tool(family, backend, "save"), "-c", "-t", table)
    found: dict[str, list[int]] = {}
    for count, chain in re.findall(r"^\[(\d+):\d+\] -A (\S+)", saved, re.MULTILINE):
        found.setdefault(chain, []).append(int(count))
    return found
