"""What the accepts of a chain may take, asked shape by shape: a ruleset of 100,000 rules has a few dozen shapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Chain, Ruleset
from ruleset_lint.model.shape import Operand, Shape
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.packets.answers import Answers
from ruleset_lint.packets.conditions import Conditions, sketches

_PASSES = (Verdict.ACCEPT, Verdict.TRANSLATE, Verdict.ELSEWHERE)
_REFUSES = (Verdict.DROP, Verdict.REJECT)


def is_accept(shape: Shape) -> bool:
    """Whether rules of the shape accept what they match."""
    return shape.target is not None and shape.target.name == "ACCEPT"


def operands(shape: Shape, *names: str) -> list[Operand]:
    """The first words of options of a rule's matches, and of `-p`."""
    uses = [use for part in shape.matches for use in part.uses] + list(shape.parameters)
    return [use.operands[0] for use in uses if use.option.name in names and use.operands]


def may_take(ruleset: Ruleset, hook: str, packets: Conditions, state: str) -> bool:
    """Whether a rule of filter that is reached from a hook, or the hook's policy, may let such packets pass.

    The order of the rules is not looked at: what an earlier rule refuses may be said to pass.
    """
    chain = ruleset.chain("filter", hook)
    if chain is None or not _ends_closed(chain):
        return True
    hooks = ruleset.tables["filter"].hooks
    chains = {name for name, reached in hooks.items() if hook in reached}
    passing = [shape for shape, rules in ruleset.by_shape.items() if _may_pass(shape, chains, rules)]
    each = [Answers(sketch) for sketch in sketches(packets, state)]
    found = (made for answers in each for shape in passing for made in answers.may_match(ruleset, shape))
    return any(made.chain in chains and made.table == "filter" for made in found)


def _may_pass(shape: Shape, chains: set[str], rules: Sequence[Rule]) -> bool:
    """Whether the shape lets packets pass, or hands them to nobody knows whom."""
    if shape.jump is not None:
        return any(made.jump not in chains for made in rules)
    entry = shape.target.entry if shape.target else None
    return entry.verdict in _PASSES if entry else shape.target is not None


def _ends_closed(chain: Chain) -> bool:
    """Whether what no rule takes is refused, by the policy or by the last rule."""
    if chain.policy == "DROP":
        return True
    last = chain.rules[-1] if chain.rules else None
    return last is not None and last.verdict in _REFUSES and not last.shape.parameters and not last.shape.matches


def reached(ruleset: Ruleset, rules: Sequence[Rule], *hooks: str) -> Iterator[Rule]:
    """Those of some rules that stand in filter below one of the hooks."""
    places = _below(ruleset, *hooks)
    return (made for made in rules if (made.table, made.chain) in places)


def reached_of(ruleset: Ruleset, rules: Sequence[Rule], *hooks: str) -> Sequence[Rule]:
    """The same of rules of one shape: often all of them do, or none."""
    places = ruleset.places[rules[0].shape] if rules else ()
    below = _below(ruleset, *hooks)
    if below.issuperset(places):
        return rules
    return () if below.isdisjoint(places) else tuple(reached(ruleset, rules, *hooks))


@lru_cache(maxsize=16)
def _below(ruleset: Ruleset, *hooks: str) -> frozenset[tuple[str, str]]:
    """The chains of filter below one of the hooks, the table before each."""
    table = ruleset.tables.get("filter")
    found = table.hooks.items() if table else ()
    return frozenset(("filter", name) for name, reaching in found if reaching.intersection(hooks))
