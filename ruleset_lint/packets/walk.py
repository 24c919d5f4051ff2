"""Walking chains with a sketch: which verdicts its packets can meet, and which rules give them. Each chain once."""

from collections.abc import Iterator
from typing import NamedTuple

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Chain, Ruleset, Table
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.packets.answers import Answers
from ruleset_lint.packets.sketch import Answer, Sketch


class Decision(NamedTuple):
    """A verdict that some of the packets may meet; `rule` is None where the policy gives it."""

    verdict: Verdict
    rule: Rule | None


class Outcome(NamedTuple):
    """What a chain may do with a sketch's packets, rule by rule; `falls_through` if some may leave at its end."""

    decisions: tuple[Decision, ...]
    falls_through: bool

    def may(self, *verdicts: Verdict) -> bool:
        """Whether some packet may meet one of the verdicts."""
        return any(decision.verdict in verdicts for decision in self.decisions)

    def must(self, *verdicts: Verdict) -> bool:
        """Whether every packet meets one of the verdicts."""
        return not self.falls_through and all(decision.verdict in verdicts for decision in self.decisions)


class _Walk(NamedTuple):
    table: Table
    answers: Answers
    known: dict[str, Outcome]


TERMINAL = (Verdict.ACCEPT, Verdict.DROP, Verdict.REJECT, Verdict.TRANSLATE, Verdict.ELSEWHERE)


def walk(ruleset: Ruleset, table: str, hook: str, sketch: Sketch) -> Outcome:
    """What a built-in chain may do with the packets of a sketch, its policy included.

    A table or chain that is not there accepts. A chain loop, which the kernel refuses, decides nothing.
    """
    chain = ruleset.chain(table, hook)
    if chain is None:
        return Outcome((Decision(Verdict.ACCEPT, None),), False)
    walking = _Walk(ruleset.tables[table], Answers(sketch), {})
    for name in bottom_up(walking.table, hook):
        walking.known[name] = _chain_outcome(walking, walking.table.chains[name])
    outcome = walking.known[hook]
    policy = (
        (Decision(Verdict.DROP if chain.policy == "DROP" else Verdict.ACCEPT, None),) if outcome.falls_through else ()
    )
    return Outcome((*outcome.decisions, *policy), False)


def rules_on_way(ruleset: Ruleset, table: str, hook: str, sketch: Sketch) -> Iterator[Rule]:
    """Each rule that some packet of the sketch can meet and match, in a built-in chain and below."""
    found = ruleset.tables.get(table)
    waiting = [hook] if found and hook in found.chains else []
    seen = set(waiting)
    answers = Answers(sketch)
    while found and waiting:
        for rule in found.chains[waiting.pop()].rules:
            if answers.of(rule) is Answer.NO:
                continue
            yield rule
            jump = rule.jump
            if jump is not None and jump in found.chains and jump not in seen:
                seen.add(jump)
                waiting.append(jump)


def bottom_up(table: Table, hook: str) -> Iterator[str]:
    """The chains below a hook, every chain after those it calls."""
    done: set[str] = set()
    stack = [(hook, iter(table.callees[hook]))]
    open_chains = {hook}
    while stack:
        name, callees = stack[-1]
        callee = next((callee for callee in callees if callee not in done and callee not in open_chains), None)
        if callee is None:
            stack.pop()
            done.add(name)
            yield name
        else:
            open_chains.add(callee)
            stack.append((callee, iter(table.callees[callee])))


def _chain_outcome(walking: _Walk, chain: Chain) -> Outcome:
    decisions: dict[int, Decision] = {}  # by the identity of their rules, of which each decides once
    leaves_early = False
    for rule in chain.rules:
        matched = walking.answers.of(rule)
        if matched is Answer.NO:
            continue
        found = _rule_outcome(walking, rule)
        for decision in found.decisions:
            if decision.verdict is Verdict.RETURN:
                leaves_early = True
            else:
                decisions[id(decision.rule)] = decision
        if matched is Answer.YES and not found.falls_through:
            return Outcome(tuple(decisions.values()), leaves_early)
    return Outcome(tuple(decisions.values()), True)


def _rule_outcome(walking: _Walk, rule: Rule) -> Outcome:
    """What becomes of the packets that a rule matches; by RETURN they leave the rule's chain at its end."""
    jump = rule.jump if rule.shape.jump else None
    if jump is None:
        continues = rule.verdict is Verdict.CONTINUE
        return Outcome((), True) if continues else Outcome((Decision(rule.verdict, rule),), False)
    called = walking.known.get(jump)
    if called is None:  # a loop, a chain declared elsewhere, or an unknown target: anything may happen
        return Outcome((Decision(Verdict.ELSEWHERE, rule),), True)
    if rule.goto and called.falls_through:
        return Outcome((*called.decisions, Decision(Verdict.RETURN, rule)), False)
    return called
