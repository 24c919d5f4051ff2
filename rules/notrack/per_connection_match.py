"""notrack/per-connection-match"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Confidence, Finding, Fix, Safety, Severity, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Part, Shape
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.packets.asked import asked_on, ways
from ruleset_lint.packets.conditions import ALL_PORTS, Conditions, meet
from ruleset_lint.packets.met import rules_met
from ruleset_lint.packets.untracked import Untracking, untrackings

from . import _shared

_MATCHES = frozenset({"connlimit", "connbytes", "connmark", "connlabel", "cluster"})
_STATES = ("--ctstate", "--state")
_TABLES = ("filter", "mangle")
_MOST = 64  # rules that are looked at


@rule(Severity.ERROR)
def per_connection_match(ruleset: Ruleset) -> Iterator[Finding]:
    """A rule about untracked packets asks for what only connections have

    ## What it does
    Looks in filter and mangle for rules that untracked packets come to, that decide or jump, and that ask for the
    number of connections, their bytes, mark or label, or for the original addresses, direction or status in a
    conntrack match without a state. Rules that name no port are silent, except for connlimit.

    ## Why is this bad?
    Untracked packets have no connection. connbytes, connmark and the tests of conntrack never match them, negated or
    not; connlimit counts entries that do not exist: the third connection is refused, and the fourth let in.

    ## Example
    ```
    *raw
    -A PREROUTING -p tcp -m tcp --dport 80 -j CT --notrack
    COMMIT
    *filter
    -A INPUT -p tcp -m tcp --dport 80 -m connlimit --connlimit-above 20 -j REJECT --reject-with tcp-reset
    COMMIT
    ```

    ## Use instead
    Leave the service tracked, or limit its SYNs with hashlimit.

    ## Fix safety
    Manual: no packet can answer what is asked.

    ## Since
    Every kernel with the raw table (2.6.6).

    ## Source
    conntrack_mt in net/netfilter/xt_conntrack.c, xt_connbytes.c, xt_connmark.c, xt_connlimit.c; measured on kernel 6.18
    with iptables 1.8.9 (nft and legacy).
    """
    ways_there = () if ruleset.fragment else untrackings(ruleset)
    asking = (made for made in ruleset.where(_asks_connection) if made.table in _TABLES) if ways_there else ()
    for made in [one for one in asking if one.jump is not None or one.verdict is not Verdict.CONTINUE][:_MOST]:
        hits = [one for one in ways_there if _comes_to(ruleset, one, made)]
        if hits:
            yield _finding(ruleset, made, hits)


def _asks_connection(shape: Shape) -> bool:
    return any(map(_is_about_connection, shape.matches))


def _is_about_connection(part: Part) -> bool:
    """Whether a match needs an entry; beside a state in one match other tests are passed over."""
    tests = part.name == "conntrack" and not any(part.use(name) for name in _STATES)
    return part.name in _MATCHES or tests


def _comes_to(ruleset: Ruleset, untracking: Untracking, made: Rule) -> bool:
    """Whether the packets that a rule untracks come to another, as far as both name ports."""
    for hook in _hooks(untracking, made.table):
        for way in ways(ruleset.tables[made.table], hook, made) or ():
            asked = asked_on(way)
            met = meet(asked, untracking.conditions) if asked and "UNTRACKED" in asked.states else None
            if asked and met and (_names_ports(asked) or made.shape.match("connlimit")):
                sketches = _shared.as_untracked(met)
                if any(made in rules_met(ruleset, made.table, hook, sketch) for sketch in sketches):
                    return _shared.untracks_some(ruleset, untracking, met)
    return False


def _hooks(untracking: Untracking, table: str) -> tuple[str, ...]:
    hooks = _shared.filter_hooks(untracking)
    return ("PREROUTING", *hooks) if table == "mangle" and untracking.hook == "PREROUTING" else hooks


def _names_ports(asked: Conditions) -> bool:
    return asked.destination_ports != ALL_PORTS or asked.source_ports != ALL_PORTS


def _finding(ruleset: Ruleset, made: Rule, hits: list[Untracking]) -> Finding:
    names = [_name(part) for part in made.shape.matches if _is_about_connection(part)]
    service = _shared.service_name(hits[0].conditions)
    counts = made.shape.match("connlimit") is not None
    effect = "counts connections that are not there" if counts else "never matches them"
    rules = dict.fromkeys(hit.rule for hit in hits)
    return Finding(
        at_rule(ruleset, made, "asks for a connection"),
        f"{' and '.join(names)} decides on untracked packets of {service}, and {effect}",
        related=_shared.places(ruleset, rules, "untracked here"),
        fix=Fix("leave the service tracked", safety=Safety.MANUAL),
        confidence=Confidence.PROVEN if any(hit.conditions.exact for hit in hits) else Confidence.LIKELY,
    )


def _name(part: Part) -> str:
    return part.uses[0].option.name if part.name == "conntrack" and part.uses else part.name
