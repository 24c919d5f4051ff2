"""Whether two rules may be the same to the kernel, as far as their words tell. Knows no packets.

Meant for `-D`: where it says no, the kernel says no; where it says yes, a value may still differ.
"""

from __future__ import annotations

from ruleset_lint.model.rule import Rule, Test
from ruleset_lint.model.shape import Part, Use
from ruleset_lint.netfilter.values import networks, text


def may_be_same(one: Rule, other: Rule) -> bool:
    """Whether nothing shows that two rules are different."""
    if one.target != other.target or one.jump != other.jump or one.goto != other.goto:
        return False
    parameters = (
        (one.source, other.source),
        (one.destination, other.destination),
        (one.protocol, other.protocol),
        (one.in_interface, other.in_interface),
        (one.out_interface, other.out_interface),
    )
    if any(_plain(first) != _plain(second) and not _is_list(first, second) for first, second in parameters):
        return False
    if any(_is_several(rule) for rule in (one, other)):
        return True
    mine, theirs = _named(one), _named(other)
    return set(mine) == set(theirs) and all(_agree(one, mine[name], other, theirs[name]) for name in mine)


def _plain(test: object) -> object:
    """A test without what it says if it asks nothing."""
    if isinstance(test, Test) and not test.negated and test.value in (0, "+"):
        return None
    if isinstance(test, Test) and isinstance(test.value, tuple) and not test.negated:
        return None if [network.mask for network in test.value] == [0] else test
    return test


def _is_list(*tests: object) -> bool:
    return any(isinstance(test, Test) and isinstance(test.value, tuple) and len(test.value) > 1 for test in tests)


def _is_several(rule: Rule) -> bool:
    """Whether a match stands twice, so that which one is which is not known."""
    names = [part.name for part in rule.shape.matches]
    return len(names) != len(set(names))


def _named(rule: Rule) -> dict[str, Part]:
    """Matches by name, those without any option left out: iptables adds and drops them."""
    return {part.name: part for part in rule.shape.parts if part.uses or part.entry is None}


def _agree(one: Rule, part: Part, other: Rule, counterpart: Part) -> bool:
    """Whether two uses of a match do not differ in an option that both have, typed by the same reader."""
    return all(
        mine.negated == theirs.negated and not _differ(one, mine, other, theirs)
        for mine in part.uses
        for theirs in counterpart.uses
        if mine.option is theirs.option
    )


def _differ(one: Rule, mine: Use, other: Rule, theirs: Use) -> bool:
    reads = mine.option.reads
    if len(mine.operands) != len(theirs.operands) or any(read in (text, networks) for read in reads):
        return False
    try:
        found = [(one.read(mine, at), other.read(theirs, at)) for at in range(len(mine.operands))]
    except ValueError:
        return False
    # a reader that gives the text back does not tell what two spellings have in common
    return any(first != second and not isinstance(first, str) for first, second in found)
