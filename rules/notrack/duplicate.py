"""notrack/duplicate"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ruleset_lint.lint import Edit, Finding, Fix, Safety, Severity, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset, Table
from ruleset_lint.model.tracking import untracks
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS
from ruleset_lint.netfilter.values import Network, Ports
from ruleset_lint.packets.asked import asked_by, asked_on, ways
from ruleset_lint.packets.conditions import Conditions, Interfaces

from . import _shared

_MOST = 300  # rules that are compared with each other


class _Earlier(NamedTuple):
    """A rule that untracks, what it asks for, and its place in its chain."""

    rule: Rule
    asked: Conditions
    place: int


@rule(Severity.INFO)
def duplicate(ruleset: Ruleset) -> Iterator[Finding]:
    """The same packets are untracked twice

    ## What it does
    Looks in raw for rules all of whose packets a rule before has untracked already: in the same chain, or before the
    jump to it, on every way that leads there.

    ## Why is this bad?
    The later rule does nothing. Who deletes one of them finds that nothing changes.

    ## Example
    ```
    -A PREROUTING -p tcp -m tcp --dport 80 -j NOTRACK
    -A PREROUTING -p tcp -m tcp --dport 80 -j CT --notrack
    ```

    ## Use instead
    ```
    -A PREROUTING -p tcp -m tcp --dport 80 -j CT --notrack
    ```

    ## Fix safety
    Safe: the later rule goes; its packets are untracked when they come to it.

    ## Since
    Every kernel with the raw table (2.6.6).

    ## Source
    net/netfilter/xt_CT.c: the target passes over a packet that is untracked already; measured on kernel 6.18 with
    iptables 1.8.9 (nft and legacy).
    """
    table = ruleset.tables.get("raw")
    rules = [made for made in ruleset.where(untracks) if made.table == "raw"][:_MOST] if table else []
    known = _known(table, rules) if table and len(rules) > 1 else {}
    gone: set[Rule] = set()
    for made in rules if table and known else ():
        earlier = _earlier(table, known, made) if table else None
        if earlier and earlier.rule not in gone:
            gone.add(made)
            yield Finding(
                at_rule(ruleset, made, "untracks nothing that is still tracked"),
                f"{_shared.service_name(earlier.asked)} is untracked already when it comes here",
                related=(at_rule(ruleset, earlier.rule, "untracked here"),),
                fix=Fix("delete the later rule", (Edit(made.line.span, ""),), Safety.SAFE),
            )


def _known(table: Table, rules: Sequence[Rule]) -> dict[str, list[_Earlier]]:
    """The rules whose packets are all told by what is known of them, by chain."""
    found: dict[str, list[_Earlier]] = {}
    for made in rules:
        asked = asked_by(made)
        if asked and asked.exact:
            place = _place(table, made)
            found.setdefault(made.chain, []).append(_Earlier(made, asked, place))
    return found


def _place(table: Table, made: Rule) -> int:
    return next(place for place, other in enumerate(table.chains[made.chain].rules) if other is made)


def _earlier(table: Table, known: dict[str, list[_Earlier]], made: Rule) -> _Earlier | None:
    """What untracks the packets before they come here, on all ways, and what is asked there; None if not on all."""
    found: list[_Earlier] = []
    for hook in BUILTIN_CHAINS["raw"]:
        reached = ways(table, hook, made) if hook in table.hooks.get(made.chain, ()) else ()
        if reached is None:
            return None
        for way in reached:
            first = _on_way(table, known, way)
            if first is None:
                return None
            found.append(first)
    return found[0] if found else None


def _on_way(table: Table, known: dict[str, list[_Earlier]], way: tuple[Rule, ...]) -> _Earlier | None:
    asked = asked_on(way)
    for step in way if asked else ():
        place = _place(table, step)
        for earlier in known.get(step.chain, ()):
            if asked and earlier.place < place and _contains(earlier.asked, asked):
                return earlier._replace(asked=asked)
    return None


def _contains(outer: Conditions, inner: Conditions) -> bool:
    """Whether all packets of the inner conditions meet the outer ones, which are exact."""
    return (
        outer.protocol in (None, inner.protocol)
        and _ports_within(inner.source_ports, outer.source_ports)
        and _ports_within(inner.destination_ports, outer.destination_ports)
        and _networks_within(inner.source, outer.source)
        and _networks_within(inner.destination, outer.destination)
        and _interfaces_within(inner.arrives, outer.arrives)
        and _interfaces_within(inner.leaves, outer.leaves)
        and outer.source_is_local in (None, inner.source_is_local)
        and outer.destination_is_local in (None, inner.destination_is_local)
        and outer.flags_set <= inner.flags_set
        and outer.flags_clear <= inner.flags_clear
        and inner.states <= outer.states
    )


def _ports_within(inner: Ports, outer: Ports) -> bool:
    return all(any(low <= first and last <= high for low, high in outer) for first, last in inner)


def _networks_within(inner: tuple[Network, ...], outer: tuple[Network, ...]) -> bool:
    if not outer:
        return True
    return bool(inner) and all(any(_is_part(one, whole) for whole in outer) for one in inner)


def _is_part(one: Network, whole: Network) -> bool:
    return one.mask & whole.mask == whole.mask and one.address & whole.mask == whole.address & whole.mask


def _interfaces_within(inner: Interfaces, outer: Interfaces) -> bool:
    """Whether the outer interfaces are all, the same, or all but one that the inner are not."""
    if outer == Interfaces() or inner == outer:
        return True
    one = inner.name
    if one is None:
        return False
    return one != outer.excluded if outer.pattern is None else outer.name == one and outer.excluded is None
