"""Single packets that show that a rule is needed: without it they meet another verdict, or none that is sure."""

from __future__ import annotations

from ruleset_lint.model.rule import Rule
from ruleset_lint.packets.arrivals_certain import Sent
from ruleset_lint.packets.bounds import hold_to

from ._later import Does, Later

_TRIES = 6  # packets that are made for a rule
_STEPS = 1_000  # rules that one packet may match
_DEEPEST = 60  # chains from which it comes back to those that led to them


def is_needed(later: Later, rule: Rule) -> bool:
    """Whether a packet was found that shows it. If not, nothing is said."""
    _, verdict = later.does(rule)
    number = later.certain.numbers[rule.number] + 1
    for sent in later.certain.sent(rule, _TRIES):
        hold_to(later.ground.space.deadline)
        if not _Behind(later, verdict or "", sent).may_meet(rule.chain, number):
            return True
    return False


class _Behind:
    """A packet that is to meet a verdict."""

    def __init__(self, later: Later, verdict: str, sent: Sent) -> None:
        self.later = later
        self.verdict = verdict
        self.sent = sent
        self.steps = _STEPS
        self.depth = _DEEPEST

    def may_meet(self, chain: str, start: int) -> bool:
        """Whether it may meet the verdict, from a rule of a chain on."""
        certain, later = self.later.certain, self.later
        for number in certain.of_chain(self.sent.meeting, chain, start):
            self.steps -= 1
            if self.steps < 0:
                return True
            rule = certain.rules[number]
            if later.is_passed(rule, self.verdict):
                continue
            does, its = later.does(rule)
            if does is Does.COUNTS:
                return not certain.matches(number, self.sent)  # if not, it may match all the same
            if not certain.matches(number, self.sent):
                continue
            if does is Does.RETURNS:
                break
            return does is Does.DECIDES and its == self.verdict
        return self._may_meet_after(chain)

    def _may_meet_after(self, chain: str) -> bool:
        """The same, after it came back from a chain, wherever it may have been sent from."""
        certain, sites = self.later.certain, self.later.sites.get(chain, ())
        if self.depth == 0:
            return True
        self.depth -= 1
        sent_from = [rule for rule in sites if certain.matches(certain.numbers[rule.number], self.sent)]
        result = bool(sites) and all(map(self._may_meet_behind, sent_from))
        self.depth += 1
        return result

    def _may_meet_behind(self, site: Rule) -> bool:
        if site.goto:
            return self._may_meet_after(site.chain)
        return self.may_meet(site.chain, self.later.certain.numbers[site.number] + 1)
