"""notrack/blanket-accept"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Confidence, Edit, Finding, Fix, Safety, Severity, Span, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.validity import span_of
from ruleset_lint.packets.asked import asked_on, ways
from ruleset_lint.packets.conditions import ALL_PORTS, Conditions
from ruleset_lint.packets.untracked import Untracking, untrackings

from . import _shared

_HOOKS = ("INPUT", "FORWARD")


@rule(Severity.WARNING, yields_to=("notrack/open-source-port",))
def blanket_accept(ruleset: Ruleset) -> Iterator[Finding]:
    """UNTRACKED packets are accepted without asking for a protocol and a port

    ## What it does
    Looks in INPUT and FORWARD for accepts that ask for UNTRACKED, alone or in a list, and neither they nor the jumps to
    them ask for ports, while raw untracks something. Silent for the loopback, for protocols without ports, and in a
    chain whose policy accepts with no rule behind.

    ## Why is this bad?
    The accept grows with every rule that raw gets later. It jumps over every rule behind it, and where a rule untracks
    by source port it lets in whoever sends from there. In IPv6 router advertisements are UNTRACKED too.

    ## Example
    ```
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED,UNTRACKED -j ACCEPT
    ```

    ## Use instead
    ```
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate UNTRACKED -j ACCEPT
    ```

    ## Fix safety
    Unsafe: other untracked packets are no longer accepted. Manual where the rule asks for other states too, or more
    than one service is untracked.

    ## Since
    Every kernel with the raw table (2.6.6).

    ## Source
    Measured on kernel 6.18 with iptables 1.8.9 (nft and legacy): beside `PREROUTING --sport 80 -j NOTRACK` a whole
    connection from source port 80 to a closed port 3306; router advertisements (type 134) accepted.
    """
    table = ruleset.tables.get("filter")
    untracked = () if ruleset.fragment else untrackings(ruleset)
    for made in _shared.accepts_of_untracked(ruleset) if untracked and table else ():
        found = [(hook, asked_on(way)) for hook in _HOOKS for way in (table and ways(table, hook, made)) or ()]
        open_hooks = [hook for hook, asked in found if asked and _is_blanket(asked)]
        if any(not _is_last(ruleset, hook, made) for hook in open_hooks):
            yield _finding(ruleset, made, untracked)


def _is_blanket(asked: Conditions) -> bool:
    """Whether neither port is asked for, nor a protocol that has none, nor anything else that is not known."""
    ports = asked.source_ports == asked.destination_ports == ALL_PORTS
    protocol = asked.protocol is None or asked.protocol in _shared.PROTOCOLS
    return ports and protocol and asked.exact and asked.arrives.name != "lo"


def _is_last(ruleset: Ruleset, hook: str, made: Rule) -> bool:
    """Whether nothing behind the rule refuses what it accepts."""
    chain = ruleset.tables["filter"].chains[hook]
    return chain.policy == "ACCEPT" and chain.rules[-1] is made


def _finding(ruleset: Ruleset, made: Rule, untracked: tuple[Untracking, ...]) -> Finding:
    rules = list(dict.fromkeys(one.rule for one in untracked))
    return Finding(
        at_rule(ruleset, made, "accepts whatever raw untracks"),
        "UNTRACKED is accepted without a protocol and a port",
        related=_shared.places(ruleset, rules, "untracked here"),
        fix=_fix(ruleset, made, untracked),
        confidence=Confidence.PROVEN,
    )


def _fix(ruleset: Ruleset, made: Rule, untracked: tuple[Untracking, ...]) -> Fix:
    """The service in the rule, if it is about UNTRACKED alone and there is one service."""
    asked = {one.conditions._replace(exact=True) for one in untracked if one.hook == "PREROUTING"}
    only = asked.pop() if len(asked) == 1 else None
    target, name = made.shape.target, _shared.PROTOCOLS.get(only.protocol or 0) if only else None
    ports = only.destination_ports if only and only.source_ports == ALL_PORTS else ()
    alone = made.states is not None and made.states.value == {"UNTRACKED"} and made.protocol is None
    if not (alone and target and name and len(ports) == 1 and ports != ALL_PORTS):
        return Fix("accept UNTRACKED for each service, with its protocol and port", safety=Safety.MANUAL)
    low, high = ports[0]
    words = f"-p {name} -m {name} --dport {low if low == high else f'{low}:{high}'} "
    start = span_of(ruleset.document, made.line, target.item - 1).start
    return Fix(f"ask for the service: add `{words.strip()}`", (Edit(Span(start, start), words),), Safety.UNSAFE)
