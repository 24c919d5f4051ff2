"""notrack/late"""

from collections.abc import Iterator
from typing import NamedTuple

from ruleset_lint.lint import Edit, Finding, Fix, Safety, Severity, Span, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets.asked import asked_by
from ruleset_lint.packets.conditions import Conditions, meet, mirrored, sketches
from ruleset_lint.packets.sketch import Answer
from ruleset_lint.packets.untracked import NOT_LOOPBACK, Untracking, fate, untrackings

from . import _shared

_OTHER_SIDE = {"PREROUTING": ("OUTPUT", "PREROUTING"), "OUTPUT": ("PREROUTING",)}


class _Earlier(NamedTuple):
    rules: tuple[Rule, ...]
    whole: bool  # whether nothing is left for the rule that untracks


@rule(Severity.ERROR, yields_to=("notrack/helper-port",))
def late(ruleset: Ruleset) -> Iterator[Finding]:
    """Another raw rule decides before packets come to the rule that untracks them

    ## What it does
    Looks in raw for ACCEPT, RETURN from a built-in chain, and CT rules that take packets from a rule behind them that
    would untrack them. Fires if they take all of them, or a part whose answers are untracked. A part that stays tracked
    in both directions is an exception that somebody wanted: silent.

    ## Why is this bad?
    The first rule that says something about tracking counts. What was accepted before stays tracked, its answers do
    not, and the connection dies.

    ## Example
    ```
    *raw
    -A PREROUTING -i eth1 -j ACCEPT
    -A PREROUTING -p tcp -m tcp --dport 80 -j NOTRACK
    -A OUTPUT -p tcp -m tcp --sport 80 -j NOTRACK
    COMMIT
    ```

    ## Use instead
    ```
    *raw
    -A PREROUTING -p tcp -m tcp --dport 80 -j NOTRACK
    -A PREROUTING -i eth1 -j ACCEPT
    -A OUTPUT -p tcp -m tcp --sport 80 -j NOTRACK
    COMMIT
    ```

    ## Fix safety
    Unsafe: packets are untracked that are tracked today.

    ## Since
    Every kernel with the raw table (2.6.6).

    ## Source
    net/netfilter/xt_CT.c, whose target passes over a packet that has an entry or a template already; measured on kernel
    6.18 with iptables 1.8.9 (nft and legacy).
    """
    for untracking in () if ruleset.fragment else untrackings(ruleset):
        earlier = _earlier(ruleset, untracking)
        if earlier:
            yield _finding(ruleset, untracking, earlier)


def _earlier(ruleset: Ruleset, untracking: Untracking) -> _Earlier | None:
    fates = [fate(ruleset, untracking.hook, sketch) for sketch in sketches(untracking.conditions)]
    keepers = tuple(dict.fromkeys(keeper for found in fates for keeper in found.kept_by))
    if all(found.untracked is Answer.NO for found in fates):
        return _Earlier(keepers, whole=True) if keepers else None
    taking = tuple(keeper for keeper in keepers if _takes_half(ruleset, untracking, keeper))
    return _Earlier(taking, whole=False) if taking else None


def _takes_half(ruleset: Ruleset, untracking: Untracking, keeper: Rule) -> bool:
    """Whether what a rule keeps tracked is untracked on its way back."""
    asked = asked_by(keeper)
    part = meet(untracking.conditions, asked) if asked else None
    if part is None or not _is_kept(ruleset, untracking.hook, part):
        return False
    answers = (meet(mirrored(part), NOT_LOOPBACK[hook]) for hook in _OTHER_SIDE[untracking.hook])
    return any(
        found and all(fate(ruleset, hook, sketch).untracked is Answer.YES for sketch in sketches(found))
        for hook, found in zip(_OTHER_SIDE[untracking.hook], answers, strict=True)
    )


def _is_kept(ruleset: Ruleset, hook: str, part: Conditions) -> bool:
    return all(fate(ruleset, hook, sketch).untracked is Answer.NO for sketch in sketches(part))


def _finding(ruleset: Ruleset, untracking: Untracking, earlier: _Earlier) -> Finding:
    service = _shared.service_name(untracking.conditions)
    kept = "all of it stays tracked" if earlier.whole else "part of it stays tracked, and its answers do not"
    return Finding(
        at_rule(ruleset, untracking.rule, "comes too late"),
        f"{service} is to be untracked here, but an earlier raw rule decides: {kept}",
        related=_shared.places(ruleset, earlier.rules, "decides before"),
        fix=_fix(ruleset, untracking),
    )


def _fix(ruleset: Ruleset, untracking: Untracking) -> Fix:
    """Move the rule to the top of its chain; not out of a user chain, whose jump asks for more."""
    chain = ruleset.chain("raw", untracking.hook)
    lines = [other.line for other in chain.rules] if chain and len(untracking.way) == 1 else []
    line = untracking.rule.line
    if not lines or line.span.start == min(other.span.start for other in lines):
        return Fix("let the rule that untracks come first", safety=Safety.MANUAL)
    top = min(other.span.start for other in lines)
    text = ruleset.document.content(line)
    edits = (Edit(Span(top, top), f"{text}\n"), Edit(line.span, ""))
    return Fix("move it to the top of its chain", edits, Safety.UNSAFE)
