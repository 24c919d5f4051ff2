"""safety/any-any"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ruleset_lint.lint import Finding, Fix, Safety, Severity, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.netfilter.foreign import owner_of
from ruleset_lint.packets.asked import asked_on, ways
from ruleset_lint.packets.conditions import ALL_PORTS, ANY_INTERFACE, Conditions, Interfaces
from ruleset_lint.packets.roles import TCP

from . import _shared

_HOOKS = ("INPUT", "FORWARD")
_HARMLESS = ("comment", "state", "conntrack")


@rule(Severity.WARNING)
def any_any(ruleset: Ruleset) -> Iterator[Finding]:
    """A rule accepts everything from anywhere, and those after it are never asked

    ## What it does
    Looks in INPUT and FORWARD for an accept of new connections that asks for no address, no protocol, no port and no
    interface, nor do the jumps to it, with rules that decide behind it.

    ## Why is this bad?
    The firewall is open, and its other rules look as if it were not. Most often it was put there for a test.

    ## Example
    ```
    -A INPUT -m conntrack --ctstate NEW,RELATED,ESTABLISHED -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
    -A INPUT -j DROP
    ```

    ## Use instead
    ```
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
    -A INPUT -j DROP
    ```

    ## Fix safety
    Manual: only its author knows what it was for.

    ## Since
    Every kernel.

    ## Source
    iptables(8): the first rule that matches and decides ends the way.
    """
    table = ruleset.tables.get("filter")
    if table is None or ruleset.fragment:
        return
    for made in ruleset.where(lambda shape: _is_wide(ruleset, shape)):
        if made.table != "filter" or owner_of(made.chain):
            continue
        for hook in _HOOKS:
            way = next((way for way in ways(table, hook, made) or () if _is_everything(asked_on(way))), None)
            behind = _behind(ruleset, way) if way else ()
            if behind and _is_reached(ruleset, hook, made) and _shared.loads(ruleset):
                yield _finding(ruleset, hook, made, behind)
                break


def _is_wide(ruleset: Ruleset, shape: Shape) -> bool:
    """Whether a shape accepts and asks for little; addresses may stand for all of them."""
    accepts = shape.target is not None and shape.target.name == "ACCEPT"
    if not accepts or any(part.name not in _HARMLESS for part in shape.matches):
        return False
    uses = [use for use in shape.parameters if use.option.name in ("-s", "-d") and use.operands]
    return all("/0" in ruleset.texts(shape, use.operands[0]) for use in uses)


def _is_everything(asked: Conditions | None) -> bool:
    """Whether new connections of all kinds are asked for, those of lo aside."""
    if asked is None or not asked.exact or "NEW" not in asked.states or asked.protocol is not None:
        return False
    ports = asked.source_ports == asked.destination_ports == ALL_PORTS
    interfaces = asked.arrives in (ANY_INTERFACE, Interfaces(excluded="lo")) and asked.leaves == ANY_INTERFACE
    return ports and interfaces and not asked.source and not asked.destination


def _behind(ruleset: Ruleset, way: Sequence[Rule]) -> tuple[Rule, ...]:
    """The rules that decide and stand behind the rule, or behind the jumps that lead to it."""
    found: list[Rule] = []
    for step in reversed(way):
        chain = ruleset.chain("filter", step.chain)
        rules = chain.rules if chain else ()
        found += [made for made in rules[rules.index(step) + 1 :] if _decides(made)]
    return tuple(found)


def _decides(made: Rule) -> bool:
    return made.jump is not None or made.verdict is not Verdict.CONTINUE


def _is_reached(ruleset: Ruleset, hook: str, made: Rule) -> bool:
    sketch = _shared.opening(ruleset.family, TCP, _shared.UNNAMED_PORT)
    decisions = _shared.outcome(ruleset, hook, sketch, sources=_shared.ANYBODY).decisions
    return any(one.rule == made for one in decisions)


def _finding(ruleset: Ruleset, hook: str, made: Rule, behind: Sequence[Rule]) -> Finding:
    count = f"{len(behind)} rules behind it are" if len(behind) > 1 else "the rule behind it is"
    return Finding(
        at_rule(ruleset, made, "everything is accepted here"),
        f"{hook} accepts every new connection from anywhere here: {count} never asked about one",
        related=_shared.places(ruleset, behind, "behind it"),
        fix=Fix("say which packets it is for, or take it away", safety=Safety.MANUAL),
    )
