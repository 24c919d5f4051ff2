"""conntrack/established-missing"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ruleset_lint.lint import Edit, Finding, Fix, Safety, Severity, Span, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.packets.asked import asked_on, ways
from ruleset_lint.packets.conditions import Conditions, Interfaces, meet, sketches
from ruleset_lint.packets.roles import UDP, later, may_pass
from ruleset_lint.packets.sketch import Answer, Sketch
from ruleset_lint.packets.untracked import fate
from ruleset_lint.packets.walk import walk

from . import _shared

_HOOKS = {"INPUT": "PREROUTING", "FORWARD": "PREROUTING", "OUTPUT": "OUTPUT"}
_OUTSIDE = {
    "INPUT": Conditions(arrives=Interfaces(excluded="lo")),
    "FORWARD": Conditions(),
    "OUTPUT": Conditions(leaves=Interfaces(excluded="lo")),
}
_ONE_PACKET = frozenset({162, 514, 2055, 4739, 6343, 8125, 9995, 9996})  # traps, syslog, flow records: nobody answers
_MOST_LOOKED_AT = 64
_MOST_STEPS = 400_000  # rules to walk past for one chain


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
    candidates = [] if ruleset.fragment else [made for made in ruleset.where(_is_accept) if _accepts_only_new(made)]
    for hook in _HOOKS:
        # one walk with nothing known: where an accept takes all that is ESTABLISHED, no other question is left
        if not candidates or _accepts_all(ruleset, hook):
            continue
        here = [made for made in candidates if hook in ruleset.tables["filter"].hooks.get(made.chain, ())]
        most = max(_MOST_STEPS // (len(ruleset.live_rules) + 1), 2)
        lost = [made for made in here[: min(_MOST_LOOKED_AT, most)] if _loses_what_follows(ruleset, hook, made)]
        if lost:
            yield _finding(ruleset, hook, lost)


def _is_accept(shape: Shape) -> bool:
    return bool(shape.target and shape.target.name == "ACCEPT" and _shared.is_state_test(shape))


def _accepts_only_new(made: Rule) -> bool:
    states = _shared.matched_states(made)
    return made.table == "filter" and states is not None and "NEW" in states and "ESTABLISHED" not in states


def _accepts_all(ruleset: Ruleset, hook: str) -> bool:
    return walk(ruleset, "filter", hook, Sketch(family=ruleset.family, state="ESTABLISHED")).must(Verdict.ACCEPT)


def _loses_what_follows(ruleset: Ruleset, hook: str, made: Rule) -> bool:
    table = ruleset.tables["filter"]
    for way in ways(table, hook, made) or ():
        asked = asked_on(way)
        packets = (
            meet(replace(asked, flags_set=frozenset(), flags_clear=frozenset()), _OUTSIDE[hook]) if asked else None
        )
        if packets and not _is_one_packet(packets) and _is_tracked(ruleset, hook, packets):
            return not may_pass(ruleset, hook, later(packets), "ESTABLISHED")
    return False


def _is_one_packet(packets: Conditions) -> bool:
    ports = packets.destination_ports
    return packets.protocol == UDP and all(low == high and low in _ONE_PACKET for low, high in ports)


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
    starts = [other.line.span.start for other in chain.rules] if chain else []
    if not starts:
        return Fix("accept ESTABLISHED", safety=Safety.MANUAL)
    test = "-m state --state" if made.shape.match("state") else "-m conntrack --ctstate"
    line = f"-A {hook} {test} RELATED,ESTABLISHED -j ACCEPT"
    return Fix(f"add `{line}`", (Edit(Span(min(starts), min(starts)), f"{line}\n"),), Safety.UNSAFE)
