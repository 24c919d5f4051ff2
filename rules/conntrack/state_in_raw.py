"""conntrack/state-in-raw"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Fix, Safety, Severity, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset, Table
from ruleset_lint.model.shape import Shape
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS
from ruleset_lint.packets.asked import asked_on, ways

from . import _shared


@rule(Severity.ERROR)
def state_in_raw(ruleset: Ruleset) -> Iterator[Finding]:
    """A state is asked for in the raw table, where packets have none yet

    ## What it does
    Looks for state tests in raw. Silent behind a CT or NOTRACK rule, which gives packets a state, and for packets from
    lo, which bring the one they got in OUTPUT.

    ## Why is this bad?
    Raw comes before connection tracking: every packet is INVALID there. A rule that drops INVALID drops everything; one
    that accepts ESTABLISHED never matches.

    ## Example
    ```
    *raw
    -A PREROUTING -m conntrack --ctstate INVALID -j DROP
    COMMIT
    ```

    ## Use instead
    ```
    *mangle
    -A PREROUTING -m conntrack --ctstate INVALID -j DROP
    COMMIT
    ```

    ## Fix safety
    Manual: in another table the rule does something that nobody has seen yet.

    ## Since
    Every kernel with the raw table (2.6.6).

    ## Source
    include/uapi/linux/netfilter_ipv4.h (raw -300, conntrack -200); measured on kernel 6.18 with iptables 1.8.9 (nft and
    legacy).
    """
    table = ruleset.tables.get("raw")
    if table is None:
        return
    for made in ruleset.where(_shared.is_state_test):
        if made.table == "raw" and _is_judged(table, made) and made.states:
            matches = ("INVALID" in made.states.value) is not made.states.negated
            yield Finding(
                at_rule(ruleset, made),
                f"a state is asked for in raw, where every packet is INVALID: {_effect(made, matches=matches)}",
                fix=Fix("ask for the state in mangle or filter", safety=Safety.MANUAL),
            )


def _effect(made: Rule, *, matches: bool) -> str:
    if not matches:
        return "the rule never matches"
    whole = len(made.shape.matches) == 1 and not made.shape.parameters
    does = f"gets to {made.target or made.jump}" if made.target or made.jump else "is counted"
    return f"every packet {does}" if whole else f"whatever its state, a packet {does}"


def _is_judged(table: Table, made: Rule) -> bool:
    """Whether packets come to the rule without a state, on one way at least, and never with one."""
    found = [(hook, way) for hook in BUILTIN_CHAINS["raw"] for way in ways(table, hook, made) or ()]
    outside = [(hook, way) for hook, way in found if not _from_loopback(hook, way)]
    return bool(outside) and not any(_behind_ct(table, way) for _, way in found)


def _from_loopback(hook: str, way: tuple[Rule, ...]) -> bool:
    asked = asked_on(way)
    return hook == "PREROUTING" and asked is not None and asked.arrives.name == "lo"


def _behind_ct(table: Table, way: tuple[Rule, ...]) -> bool:
    """Whether a rule that stands before one of the way, in its chain or below, says something about tracking."""
    for step in way:
        for before in table.chains[step.chain].rules:
            if before is step:
                break
            if _sets_state(before.shape) or any(
                _sets_state(other.shape)
                for name in table.reached_from(before.jump or "")
                for other in table.chains[name].rules
            ):
                return True
    return False


def _sets_state(shape: Shape) -> bool:
    return bool(shape.target and shape.target.name in ("CT", "NOTRACK"))
