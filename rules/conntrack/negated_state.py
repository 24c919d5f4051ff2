"""conntrack/negated-state"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from ruleset_lint.lint import Confidence, Edit, Finding, Fix, Safety, Severity, Span, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset, Table
from ruleset_lint.model.shape import Shape
from ruleset_lint.model.validity import span_of
from ruleset_lint.netfilter.extension import Memory, Verdict
from ruleset_lint.packets.met import rules_met
from ruleset_lint.packets.sketch import Answer, Sketch, answer
from ruleset_lint.packets.untracked import Untracking, untrackings
from ruleset_lint.packets.walk import walk

from . import _shared, _untracked

_REFUSES = (Verdict.DROP, Verdict.REJECT)
_LOGS = ("LOG", "NFLOG", "ULOG")
_MOST = 64  # rules that are looked at


class _Hit(NamedTuple):
    untracking: Untracking
    sure: bool


@rule(Severity.WARNING)
def negated_state(ruleset: Ruleset) -> Iterator[Finding]:
    """A negated list of states matches untracked packets too, and some are untracked

    ## What it does
    Looks for `! --ctstate` and `! --state` without UNTRACKED in their list that packets come to which raw untracks.
    Silent where the verdict would be the same without the rule, and in nat, which sees no untracked packet. An error if
    the rule drops them.

    ## Why is this bad?
    UNTRACKED is a state of its own, and not in the list. `! --ctstate NEW,RELATED,ESTABLISHED -j DROP` was to drop
    INVALID packets: it kills the service. `! --ctstate NEW,INVALID -j ACCEPT` was for established connections: it lets
    every packet of the service in, past all that follows.

    ## Example
    ```
    -A INPUT -m conntrack ! --ctstate NEW,RELATED,ESTABLISHED -j DROP
    -A INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW,UNTRACKED -j ACCEPT
    ```

    ## Use instead
    ```
    -A INPUT -m conntrack --ctstate INVALID -j DROP
    -A INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW,UNTRACKED -j ACCEPT
    ```

    ## Fix safety
    Unsafe: untracked packets no longer match the rule.

    ## Since
    Every kernel with the raw table (2.6.6).

    ## Source
    conntrack_mt in net/netfilter/xt_conntrack.c and xt_state.c; measured on kernel 6.18 with iptables 1.8.9 (nft and
    legacy): equal counters for plain and negated tests of all five states.
    """
    ways = () if ruleset.fragment else untrackings(ruleset)
    found = (made for made in ruleset.where(_is_negated) if made.table in ("filter", "mangle")) if ways else ()
    for made in [one for one in found if frozenset({"UNTRACKED"}) in _shared.statuses(one)][:_MOST]:
        hits = [hit for untracking in ways if (hit := _hit(ruleset, made, untracking))]
        if hits:
            yield _finding(ruleset, made, hits)


def _is_negated(shape: Shape) -> bool:
    return any(use.negated for _, use in _shared.state_uses(shape))


def _hit(ruleset: Ruleset, made: Rule, untracking: Untracking) -> _Hit | None:
    """Whether a rule decides packets that a way to NOTRACK takes, and whether that is certain."""
    hooks = ruleset.tables[made.table].hooks[made.chain]
    for table, hook in _untracked.chains_behind(untracking):
        if table != made.table or hook not in hooks:
            continue
        for sketch, all_of_them in _untracked.untracked_sketches(ruleset, untracking):
            if answer(made, sketch) is not Answer.NO and _matters(ruleset, hook, made, sketch):
                return _Hit(untracking, all_of_them and answer(made, sketch) is Answer.YES and made.chain == hook)
    return None


def _matters(ruleset: Ruleset, hook: str, made: Rule, sketch: Sketch) -> bool:
    """Whether the packets come to the rule, and it decides them otherwise than the others would; or logs them."""
    if made not in rules_met(ruleset, made.table, hook, sketch):
        return False
    if made.target in _LOGS:
        return all(part.entry and part.entry.memory is Memory.NONE for part in made.shape.matches)
    verdicts = [_verdicts(one, made.table, hook, sketch) for one in (ruleset, _without(ruleset, made))]
    return verdicts[0] != verdicts[1]


def _verdicts(ruleset: Ruleset, table: str, hook: str, sketch: Sketch) -> frozenset[Verdict]:
    return frozenset(made.verdict for made in walk(ruleset, table, hook, sketch).decisions)


def _without(ruleset: Ruleset, made: Rule) -> Ruleset:
    table = ruleset.tables[made.table]
    chain = table.chains[made.chain]
    left = chain._replace(rules=tuple(other for other in chain.rules if other is not made))
    chains = {**table.chains, made.chain: left}
    return replace(ruleset, tables={**ruleset.tables, table.name: Table(table.name, table.line, chains)})


def _finding(ruleset: Ruleset, made: Rule, hits: list[_Hit]) -> Finding:
    service = _untracked.name(hits[0].untracking.conditions)
    rules = list(dict.fromkeys(hit.untracking.rule for hit in hits))
    places = [at_rule(ruleset, made, "UNTRACKED is not in the list: it matches")]
    places += _shared.places(ruleset, rules, "untracked here")
    if made.verdict in _REFUSES:  # the service is dead: as notrack/not-accepted says it where it was untracked
        places = [places[1], places[0], *places[2:]]
    return Finding(
        places[0],
        f"a negated list of states matches untracked packets too: {service} gets to {made.target or made.jump}",
        related=tuple(places[1:]),
        fix=_fix(ruleset, made),
        severity=Severity.ERROR if made.verdict in _REFUSES else None,
        confidence=Confidence.PROVEN if any(hit.sure for hit in hits) else Confidence.LIKELY,
    )


def _fix(ruleset: Ruleset, made: Rule) -> Fix:
    """UNTRACKED at the end of the first negated list."""
    use = next(use for _, use in _shared.state_uses(made.shape) if use.negated)
    span = span_of(ruleset.document, made.line, use.item + 1)
    if ruleset.document.source(span) == "!":  # the old negation, `--state ! NEW`
        span = span_of(ruleset.document, made.line, use.item + 2)
    end = span.end - 1 if ruleset.document.source(span).endswith('"') else span.end
    return Fix("leave UNTRACKED out too", (Edit(Span(end, end), ",UNTRACKED"),), Safety.UNSAFE)
