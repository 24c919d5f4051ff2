"""conntrack/established-missing"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter

from ruleset_lint.lint import Edit, Finding, Fix, Safety, Severity, Span, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Operand, Shape
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.netfilter.services import REPORTED_TO
from ruleset_lint.packets.answers import Answers
from ruleset_lint.packets.asked import asked_on, ways
from ruleset_lint.packets.conditions import Conditions, Interfaces, meet, sketches
from ruleset_lint.packets.roles import UDP, later, may_pass
from ruleset_lint.packets.sketch import Answer, Sketch
from ruleset_lint.packets.untracked import fate
from ruleset_lint.packets.walk import walk

from . import _accepts, _shared

_HOOKS = {"INPUT": "PREROUTING", "FORWARD": "PREROUTING", "OUTPUT": "OUTPUT"}
_OUTSIDE = {
    "INPUT": Conditions(arrives=Interfaces(excluded="lo")),
    "FORWARD": Conditions(),
    "OUTPUT": Conditions(leaves=Interfaces(excluded="lo")),
}
_MOST_LOOKED_AT = 64
_MOST_STEPS = 100_000  # rules to walk past for one chain


@rule(Severity.ERROR)
def established_missing(ruleset: Ruleset) -> Iterator[Finding]:
    """A chain accepts new connections, and drops every packet that follows the first

    ## What it does
    Looks for accepts of NEW in INPUT, FORWARD and OUTPUT whose connections' later packets (ESTABLISHED; for TCP with
    ACK) no rule and no policy of the same chain lets pass. Silent for UDP that nobody answers, untracked services, and
    fragments, whose other rules are elsewhere.

    ## Why is this bad?
    Only the first packet of a connection is NEW. The connection is opened, and hangs.

    ## Example
    ```
    :INPUT DROP [0:0]
    -A INPUT -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT
    ```

    ## Use instead
    ```
    :INPUT DROP [0:0]
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT
    ```

    ## Fix safety
    Unsafe: packets are accepted that are dropped today.

    ## Since
    Every kernel with connection tracking.

    ## Source
    iptables-extensions(8), "conntrack": ESTABLISHED is the packet of a connection that has seen packets both ways.
    """
    most = min(_MOST_LOOKED_AT, max(_MOST_STEPS // (len(ruleset.live_rules) + 1), 2))
    for hook in _hooks_with_rules(ruleset):
        if _lets_all_pass(ruleset, hook):
            continue
        here = sorted(_candidates(ruleset, hook), key=attrgetter("number"))[:most]
        letting = _letting_pass(ruleset, hook) if here else ()
        lost = [made for made in here if _loses_what_follows(ruleset, hook, made, letting)]
        if lost:
            yield _finding(ruleset, hook, lost)


def _hooks_with_rules(ruleset: Ruleset) -> list[str]:
    chains = {} if ruleset.fragment else {chain.name: chain for chain in ruleset.chains("filter")}
    return [hook for hook in _HOOKS if hook in chains and chains[hook].rules]


def _is_accept(shape: Shape) -> bool:
    return bool(shape.target and shape.target.name == "ACCEPT" and _shared.is_state_test(shape))


def _candidates(ruleset: Ruleset, hook: str) -> list[Rule]:
    """The accepts of NEW alone below a hook; each list of states is read once a shape."""
    found: list[Rule] = []
    for shape, rules in ruleset.by_shape.items():
        operand = _states_operand(shape) if _is_accept(shape) else None
        if operand is not None:
            each = ruleset.each(shape, operand)
            wanted = {text for text, made in each.items() if _accepts_only_new(made)}
            new = rules if len(wanted) == len(each) else [made for made in rules if made.text(operand) in wanted]
            found += _accepts.reached_of(ruleset, new, hook)
    return found


def _accepts_only_new(made: Rule) -> bool:
    states = _shared.matched_states(made)
    return states is not None and "NEW" in states and "ESTABLISHED" not in states


def _states_operand(shape: Shape) -> Operand | None:
    """The word with the list of states."""
    part = shape.match("state", "conntrack")
    use = (part.use("--state") or part.use("--ctstate")) if part else None
    return use.operands[0] if use and use.operands else None


def _lets_all_pass(ruleset: Ruleset, hook: str) -> bool:
    """Whether every ESTABLISHED packet is accepted: no other question is left."""
    chain = ruleset.tables["filter"].chains[hook]
    shapes = [shape for shape, places in ruleset.places.items() if ("filter", hook) in places]
    if chain.policy != "DROP" and all(map(_is_plain_accept, shapes)):
        return True
    if chain.policy == "DROP" and not any(map(_may_take_all, ruleset.by_shape)):
        return False
    return walk(ruleset, "filter", hook, Sketch(family=ruleset.family, state="ESTABLISHED")).must(Verdict.ACCEPT)


def _is_plain_accept(shape: Shape) -> bool:
    return shape.target is not None and shape.target.name == "ACCEPT"


def _may_take_all(shape: Shape) -> bool:
    """Whether rules of the shape may accept all ESTABLISHED packets: they ask for nothing that packets differ in."""
    accepts = shape.jump is not None or (shape.target is not None and shape.target.name == "ACCEPT")
    return accepts and not shape.parameters


def _letting_pass(ruleset: Ruleset, hook: str) -> Sequence[Shape] | None:
    """The shapes of what may let an ESTABLISHED packet pass; None if the policy does."""
    if ruleset.tables["filter"].chains[hook].policy != "DROP":
        return None
    return [shape for shape in ruleset.by_shape if _may_pass_by(shape) and _may_ask_for_established(ruleset, shape)]


def _may_pass_by(shape: Shape) -> bool:
    entry = shape.target.entry if shape.target else None
    if entry is None:  # a jump: to a chain whose own rules are looked at, or to nobody knows what
        return shape.jump is not None or shape.target is not None
    return entry.verdict in (Verdict.ACCEPT, Verdict.TRANSLATE, Verdict.ELSEWHERE)


def _may_ask_for_established(ruleset: Ruleset, shape: Shape) -> bool:
    """Whether some rule of the shape may match ESTABLISHED packets; each list of states is read once."""
    uses = _shared.state_uses(shape)
    if len(uses) != 1:
        return True
    ((_, use),) = uses
    asked = map(_shared.matched_states, ruleset.each(shape, use.operands[0]).values())
    return any(states is None or "ESTABLISHED" in states for states in asked)


def _loses_what_follows(ruleset: Ruleset, hook: str, made: Rule, letting: Sequence[Shape] | None) -> bool:
    table = ruleset.tables["filter"]
    for way in ways(table, hook, made) or ():
        asked = asked_on(way)
        packets = (
            meet(asked._replace(flags_set=frozenset(), flags_clear=frozenset()), _OUTSIDE[hook]) if asked else None
        )
        if packets and not _is_one_packet(packets) and _is_tracked(ruleset, hook, packets):
            following = later(packets)
            passes = letting is None or _may_match(ruleset, hook, letting, following)
            return not passes or not may_pass(ruleset, hook, following, "ESTABLISHED")
    return False


def _may_match(ruleset: Ruleset, hook: str, letting: Sequence[Shape], packets: Conditions) -> bool:
    """Whether a rule of these shapes may be about some of the packets; much less to ask than what becomes of them."""
    each = [Answers(sketch) for sketch in dict.fromkeys(sketches(packets, "ESTABLISHED"))]
    found = (answers.may_match(ruleset, shape) for answers in each for shape in letting)
    return any(_accepts.reached_of(ruleset, rules, hook) for rules in found)


def _is_one_packet(packets: Conditions) -> bool:
    ports = packets.destination_ports
    return packets.protocol == UDP and all(low == high and low in REPORTED_TO for low, high in ports)


def _is_tracked(ruleset: Ruleset, hook: str, packets: Conditions) -> bool:
    return all(fate(ruleset, _HOOKS[hook], sketch).untracked is Answer.NO for sketch in sketches(packets))


def _finding(ruleset: Ruleset, hook: str, lost: Sequence[Rule]) -> Finding:
    return Finding(
        at_rule(ruleset, lost[0], "accepts the first packet"),
        f"{hook} accepts NEW here and nothing accepts what follows: the connections hang",
        related=tuple(at_rule(ruleset, made, "the same here") for made in lost[1:_MOST_LOOKED_AT]),
        help=("the second packet of a connection is ESTABLISHED: it is dropped",),
        fix=_fix(ruleset, hook, lost[0]),
    )


def _fix(ruleset: Ruleset, hook: str, made: Rule) -> Fix:
    chain = ruleset.chain("filter", hook)
    if not chain or not chain.rules:
        return Fix("accept ESTABLISHED", safety=Safety.MANUAL)
    start = ruleset.document.lines[min(map(attrgetter("number"), chain.rules)) - 1].span.start
    test = "-m state --state" if made.shape.match("state") else "-m conntrack --ctstate"
    line = f"-A {hook} {test} RELATED,ESTABLISHED -j ACCEPT"
    return Fix(f"add `{line}`", (Edit(Span(start, start), f"{line}\n"),), Safety.UNSAFE)
