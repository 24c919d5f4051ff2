"""What is said of rules for certain without sets, compared with what sets say; a part of benchmarks.brute_force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets.arrivals import arrivals, matched_for_certain
from ruleset_lint.packets.space import PacketSet
from ruleset_lint.packets.summary import Reading
from ruleset_lint.packets.witness import contains

_TRIES = 3


class Arrived(NamedTuple):
    """The packets that are said to come to a rule, and those of them that it is said to match."""

    arriving: PacketSet
    matching: PacketSet


def uncertain(ruleset: Ruleset, reading: Reading, arrived: Mapping[Rule, Arrived]) -> Iterator[str]:
    """Rules of which something is said for certain without sets that sets do not say; and what is left to be asked."""
    space = reading.space
    text = "".join(ruleset.document.source(rule.line.span) for rule in ruleset.live_rules)
    for table in ruleset.tables.values():
        certain = matched_for_certain(reading, table)
        rules = [rule for rule in arrived if rule.number in certain.numbers and rule.table == table.name]
        for rule in rules:
            arriving, matching = arrived[rule]
            packet = certain.found.get(rule.number)
            if packet is not None and not contains(space, matching, packet):
                yield f"{rule.line.number}: is said to match {packet}"
            if certain.comes(rule) and space.is_empty(arriving):
                yield f"{rule.line.number}: packets are said to come"
            covered = certain.is_covered(rule) or certain.taker(rule) is not None
            if "MARK" not in text and covered and not space.is_empty(matching):
                yield f"{rule.line.number}: is said to be covered"
            for sent in certain.sent(rule, _TRIES):
                if "MARK" not in text and not contains(space, reading.matched(rule), sent.packet):
                    yield f"{rule.line.number}: is said to match {sent.packet}, which is sent there"
        for arrival in arrivals(reading, ruleset, table.name, but=certain):
            if arrival.matching != arrived[arrival.rule].matching:
                yield f"{arrival.rule.line.number}: matches others when it is asked alone"
