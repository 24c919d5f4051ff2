"""What becomes of a rule's packets behind it, if the rule is not there: the verdicts that are sure. Knows no finding.

A jump's packets meet none: what the chain may do with them, nobody is to take for granted; nor what a policy says, or
a rule for all packets.
"""

from __future__ import annotations

from enum import Enum

from ruleset_lint.model.rule import Rule
from ruleset_lint.packets.arrivals_certain import Certain
from ruleset_lint.packets.formula import ALWAYS
from ruleset_lint.packets.space import PacketSet
from ruleset_lint.packets.summary import counted

from ._ground import Ground, is_return


class Does(Enum):
    """What a rule does with the packets that it matches, as far as the rules before it are concerned."""

    NOTHING = "leads to a chain that does nothing"
    DECIDES = "decides about them, and about these only"
    RETURNS = "sends them back to the callers"
    COUNTS = "nobody knows which packets it matches"
    ENDS = "nobody is to take for granted what it does"
    ENDS_ALL = "the same, with all packets"


class Later:
    """A table, looked at from its callers' ends; what is known of it must not be asked before its callers are done."""

    def __init__(self, ground: Ground, certain: Certain, dead: frozenset[int]) -> None:
        """Nothing asked so far."""
        self.ground = ground
        self.certain = certain
        self.dead = dead
        self.spare: dict[int, Rule] = {}  # redundant rules, by line
        self.sites: dict[str, list[Rule]] = {}  # the rules that lead to a chain
        self._does: dict[int, tuple[Does, str | None]] = {}
        self._at: dict[tuple[str, str], dict[int, PacketSet]] = {}
        self._after: dict[tuple[str, str], PacketSet] = {}

    def does(self, rule: Rule) -> tuple[Does, str | None]:
        """What a rule does, and its verdict."""
        found = self._does.get(rule.number)
        if found is None:
            verdict = self.ground.verdict(rule)
            found = self._does[rule.number] = _does(self.ground, self.certain, rule, verdict), verdict
        return found

    def is_passed(self, rule: Rule, verdict: str) -> bool:
        """Whether packets that are to meet a verdict may come past a rule that they match."""
        does, its = self.does(rule)
        gone = rule.number in self.dead or rule.number in self.spare
        return does is Does.NOTHING or (does is Does.DECIDES and its == verdict and gone)

    def whatever_counts(self, rule: Rule) -> PacketSet:
        """The packets that a rule asks its counting conditions about."""
        ground, reading = self.ground, self.ground.reading
        numbers = counted(ground.space, reading.meaning(rule), reading.place(rule))
        return ground.space.freed(ground.matched(rule), numbers)

    def after(self, chain: str, verdict: str) -> PacketSet:
        """The packets that meet a verdict after a chain, wherever they were sent from; of a built-in chain none."""
        if (chain, verdict) not in self._after:
            leading = self.ground.leading(chain)
            for name in self.ground.callers_first:  # not by recursion: calls may go deep
                if name in leading and (name, verdict) not in self._after:
                    self._after[name, verdict] = self._after_sites(name, verdict)
        return self._after[chain, verdict]

    def _after_sites(self, chain: str, verdict: str) -> PacketSet:
        space, sites = self.ground.space, self.sites.get(chain, ())
        found = space.all if sites else space.none
        for site in sites:
            found = space.both(found, self._behind(site, verdict))
        return found

    def _behind(self, site: Rule, verdict: str) -> PacketSet:
        """The packets that meet a verdict after they come back to a jump, and those that are not sent from there."""
        space = self.ground.space
        elsewhere = space.contrary(self.ground.matched(site))
        if site.goto:
            return space.either(self.after(site.chain, verdict), elsewhere)
        key = (site.chain, verdict)
        if key not in self._at:
            self._at[key] = self._folded(site.chain, verdict)
        return space.either(self._at[key][site.number], elsewhere)

    def _folded(self, chain: str, verdict: str) -> dict[int, PacketSet]:
        """The packets that meet a verdict behind each jump of a chain, found from the chain's end."""
        result: dict[int, PacketSet] = {}
        here = self.after(chain, verdict)
        for rule in reversed(self.ground.table.chains[chain].rules):
            if self.ground.called(rule) is not None:
                result[rule.number] = here
            here = self._before(rule, verdict, here)
        return result

    def _before(self, rule: Rule, verdict: str, here: PacketSet) -> PacketSet:
        space, matched = self.ground.space, self.ground.matched(rule)
        does, its = self.does(rule)
        if self.is_passed(rule, verdict):
            return here
        if does is Does.ENDS_ALL:
            return space.none
        if does is Does.DECIDES and its == verdict:
            return space.either(here, matched)
        if does is Does.RETURNS:
            back = space.both(matched, self.after(rule.chain, verdict))
            return space.either(space.without(here, matched), back)
        return space.without(here, self.whatever_counts(rule) if does is Does.COUNTS else matched)


def _does(ground: Ground, certain: Certain, rule: Rule, verdict: str | None) -> Does:
    called = ground.called(rule)
    if called is not None:
        return Does.NOTHING if called in ground.idle and not rule.goto else Does.ENDS
    if not certain.asks_nothing_opaque(rule) and ground.space.counts(ground.reading.meaning(rule)):
        return Does.COUNTS
    if is_return(rule):
        return Does.RETURNS
    if ground.reading.meaning(rule) == ALWAYS:
        return Does.ENDS_ALL
    return Does.ENDS if verdict is None else Does.DECIDES
