"""Would the rules have let the connection of this packet begin? Asked where nothing remembers. Knows no file.

    opening_test(opening, passes, refuses) -> Routine

The built-in chain is asked again as the connection's first packet would have met it, by what a later packet or a reply
still tells. What it does not tell (how many came before, flags, on a host the interface) is taken as it lets most
connections begin: every connection that was let begin passes, and some that were not may.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Chain, Table
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.netfilter.foreign import owner_of
from ruleset_lint.packets.sketch import Answer, Sketch, answer
from ruleset_lint.packets.walk import bottom_up
from ruleset_lint.rewrite.conditions import Asked, asked, of_later
from ruleset_lint.rewrite.mirroring import mirrored
from ruleset_lint.rewrite.program import (
    Action,
    Call,
    Condition,
    Existing,
    Return,
    Routine,
    Step,
    Workshop,
    at_top,
    merge,
)
from ruleset_lint.rewrite.specialise import policy

_NOT_BEGUN = "no such connection is let begin"
_SIDES = {"-i": "-o", "-o": "-i"}
_ACCEPTS = (Verdict.ACCEPT, Verdict.TRANSLATE, Verdict.ELSEWHERE)
_REFUSES = (Verdict.DROP, Verdict.REJECT)


@dataclass(frozen=True, slots=True)
class Opening:
    """What is asked: the chain that a connection's first packet meets (a table without it accepts), and that packet.

    `protocol` is the name of the sketch's. Of replies, those are believed that go to one of `ports` (any, if None),
    and, where the rule that let the connection begin names no port of the other side, come from one of `known` (any,
    if there are none).
    """

    table: Table
    hook: str
    first: Sketch
    protocol: str
    of_reply: bool
    ports: tuple[int, int] | None = None
    known: tuple[int, ...] = ()


class _Mode(NamedTuple):
    """How a chain is copied: whether its refusals count, and whether a caller has named the port of the other side."""

    strict: bool = True
    named: bool = False


@dataclass(slots=True)
class _Test:
    workshop: Workshop
    opening: Opening
    passes: Action
    refuses: Action
    copies: dict[tuple[str, _Mode], Routine] = field(default_factory=dict)

    @property
    def role(self) -> str:
        """What the test's chains are named after."""
        return "reply" if self.opening.of_reply else "opened"


def opening_test(workshop: Workshop, opening: Opening, passes: Action, refuses: Action) -> Routine:
    """A routine that does `passes` with packets of connections that were let begin, else `refuses`.

    No packet leaves it if none leaves these.
    """
    test = _Test(workshop, opening, passes, refuses)
    chain = opening.table.chains.get(opening.hook)
    if chain is None:
        return workshop.routine(
            f"{test.role}-{opening.hook}", (*_accepting(test, (), _Mode()), Step((), refuses, _NOT_BEGUN))
        )
    for name in bottom_up(opening.table, opening.hook):
        for mode in (_Mode(strict, named) for strict in (True, False) for named in (True, False)):
            if name != opening.hook:
                steps = _steps(test, opening.table.chains[name], mode)
                test.copies[name, mode] = workshop.routine(f"{test.role}-{name}", steps)
    last = (*_by_policy(test, chain), Step((), refuses, _NOT_BEGUN))
    name = f"{test.role}-{chain.name}"
    return workshop.routine(name, (*at_top(workshop, name, _steps(test, chain, _Mode()), last), *last))


def _by_policy(test: _Test, chain: Chain) -> Sequence[Step]:
    if policy(chain).words[1] != "ACCEPT":
        return ()
    return [replace(step, origin=f"policy of {chain.name}") for step in _accepting(test, (), _Mode())]


def _steps(test: _Test, chain: Chain, mode: _Mode) -> Iterator[Step]:
    for number, rule in enumerate(chain.rules, 1):
        if answer(rule, test.opening.first) is Answer.NO:
            continue
        told, all_told = _told(test, rule)
        turns = rule.goto or (rule.jump is None and rule.verdict is Verdict.RETURN)
        if turns and not (all_told and mode.strict):
            mode = mode._replace(strict=False)  # both ways from here on
        for step in _of_rule(test, rule, told, mode if all_told else mode._replace(strict=False)):
            yield replace(step, origin=step.origin or f"from {chain.name} rule {number}")


def _of_rule(test: _Test, rule: Rule, told: tuple[Condition, ...], mode: _Mode) -> Iterator[Step]:
    """What a rule says of the connection's beginning; where not strict, only what lets it begin."""
    if rule.jump is not None:
        yield from _of_jump(test, rule, told, mode)
    elif rule.verdict in _ACCEPTS:
        yield from _accepting(test, told, mode)
    elif rule.verdict in _REFUSES and mode.strict:
        yield Step(told, test.refuses)
    elif rule.verdict is Verdict.RETURN and mode.strict:
        yield Step(told, Return())


def _of_jump(test: _Test, rule: Rule, told: tuple[Condition, ...], mode: _Mode) -> Iterator[Step]:
    called = rule.jump or ""
    if owner_of(called):  # it will hold other rules tomorrow; they judge no replies
        if not test.opening.of_reply and mode.strict:
            yield Step(told, Existing(called, closed=False, goto=rule.goto))
        return
    copy = test.copies.get((called, mode._replace(named=mode.named or _names(told, "--sport"))))
    if copy and (copy.steps or (rule.goto and mode.strict)):
        yield Step(told, Call(copy, rule.goto and mode.strict))


def _accepting(test: _Test, told: tuple[Condition, ...], mode: _Mode) -> Iterator[Step]:
    """The steps that let a packet pass, as far as it is believed."""
    opening = test.opening
    named = mode.named or _names(told, "--sport")
    if not opening.of_reply or _is_believed(opening, told, named=named):
        yield Step(told, test.passes)
        return
    where = _ports(opening, () if named else opening.known)
    together = merge(told, where)
    if together is not None:
        yield Step(together, test.passes)
    else:
        yield Step(told, Call(test.workshop.routine("believed", (Step(where, test.passes),))))


def _is_believed(opening: Opening, told: Sequence[Condition], *, named: bool) -> bool:
    """Whether nothing more is asked of a reply.

    Of own services that are named, clients may ask from any port. TCP is believed more: no SYN comes as a reply.
    """
    if (opening.ports is None and not opening.known) or (named and opening.hook == "INPUT"):
        return True
    return opening.protocol == "tcp" and (_names(told, "--dport") or (named and opening.hook == "FORWARD"))


def _ports(opening: Opening, known: tuple[int, ...]) -> tuple[Condition, ...]:
    protocol = opening.protocol
    found = [Condition(("-p", protocol), "-p")]
    if known:
        words = ("-m", "multiport", "--sports", ",".join(map(str, known)))
        found.append(Condition(words, "multiport --sports", protocol=True))
    if opening.ports:
        words = ("-m", protocol, "--dport", "{}:{}".format(*opening.ports))
        found.append(Condition(words, f"{protocol} --dport", protocol=True))
    return tuple(found)


def _names(told: Sequence[Condition], option: str) -> bool:
    """Whether conditions name ports of a side."""
    names = (option, f"{option}s", "--ports")
    return any(one.subject.split(" ")[-1] in names and "!" not in one.words for one in told)


def _told(test: _Test, rule: Rule) -> tuple[tuple[Condition, ...], bool]:
    """The conditions of a rule that the packet at hand can be asked, and whether these are all."""
    found: tuple[Condition, ...] = ()
    complete = True
    for one in asked(rule, test.opening.first):
        if one.answer is not Answer.MAYBE:
            continue
        condition = _of_reply(test.opening, one) if test.opening.of_reply else of_later(one)
        merged = merge(found, (condition,)) if condition else None
        if merged is None:
            complete = False
        else:
            found = merged
    if any(one.protocol for one in found):
        found = (Condition(("-p", test.opening.protocol), "-p"), *found)
    return found, complete


def _of_reply(opening: Opening, one: Asked) -> Condition | None:
    """The same as a reply can be asked it. Those of a host may come by another interface, but for loopback."""
    if one.subject not in _SIDES:
        return mirrored(one)
    words = tuple(_SIDES.get(word, word) for word in one.condition.words)
    return Condition(words, _SIDES[one.subject]) if opening.hook == "FORWARD" or "lo" in words else None
