"""notrack/first-packet-rule"""

from collections.abc import Iterator
from typing import NamedTuple

from ruleset_lint.lint import Confidence, Finding, Fix, Severity, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.packets.conditions import ALL_PORTS, Conditions, sketches
from ruleset_lint.packets.met import rules_met
from ruleset_lint.packets.roles import CLIENT_PORTS, TCP, accepting, later, may_pass, opening
from ruleset_lint.packets.untracked import Untracking, untrackings

from . import _shared

_COUNTING = ("limit", "hashlimit", "recent")
_DECIDES = (Verdict.ACCEPT, Verdict.DROP, Verdict.REJECT, Verdict.RETURN)


class _Judged(NamedTuple):
    """Rules that were made for first packets and judge all packets of a service now."""

    untracking: Untracking
    packets: Conditions
    counting: tuple[Rule, ...]
    syn_only: tuple[Rule, ...]


@rule(Severity.ERROR, yields_to=("notrack/synproxy",))
def first_packet_rule(ruleset: Ruleset) -> Iterator[Finding]:
    """Rules made for the first packet of a connection judge every packet of an untracked service

    ## What it does
    Follows the later packets (ACK) of an untracked TCP service whose SYN the filter accepts as UNTRACKED. Fires where
    they come to a rule with limit, hashlimit or recent that the packets of an ESTABLISHED connection never met, or
    where the accept asks for `--syn` and nothing accepts what follows. UDP is silent: there each query is a first one.

    ## Why is this bad?
    With tracking only the first packet comes that far. Now a limit of three connections a minute is one of three
    packets, `recent` bans a client in the middle of its first connection, and `--syn` lets half-open connections in.

    ## Example
    ```
    *raw
    -A PREROUTING -p tcp -m tcp --dport 80 -j CT --notrack
    COMMIT
    *filter
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 80 -m limit --limit 10/s -j ACCEPT
    COMMIT
    ```

    ## Use instead
    What `ruleset-lint rewrite --goal notrack --service tcp/80` writes: SYNs are counted, what follows is not.

    ## Fix safety
    The rewriter writes all files, or says why it does not.

    ## Since
    Every kernel with the raw table (2.6.6).

    ## Source
    Measured on kernel 6.18 with iptables 1.8.9 (nft and legacy): with `--limit-burst 3` the fourth packet of the first
    connection is dropped, with `recent --hitcount 4` the last one, with `--syn` every ACK.
    """
    spoken: set[Rule] = set()
    for untracking in () if ruleset.fragment else untrackings(ruleset):
        if untracking.conditions.protocol != TCP or _shared.only_first_packets(untracking.conditions):
            continue
        for part in _shared.services(ruleset, untracking):
            judged = _judged(ruleset, untracking, part)
            if judged and untracking.rule not in spoken:
                spoken.add(untracking.rule)
                yield _finding(ruleset, judged)


def _judged(ruleset: Ruleset, untracking: Untracking, part: Conditions) -> _Judged | None:
    usual = part._replace(source_ports=CLIENT_PORTS) if part.source_ports == ALL_PORTS else part
    for hook in _shared.filter_hooks(untracking):
        accepts = accepting(ruleset, hook, opening(usual), "UNTRACKED")
        if not accepts:
            continue
        counting = _counting(ruleset, hook, later(usual))
        syn_only = () if may_pass(ruleset, hook, later(usual), "UNTRACKED") else _syn_only(accepts)
        survives = may_pass(ruleset, hook, later(usual), "ESTABLISHED")
        if counting or (syn_only and survives):
            return _Judged(untracking, part, counting, syn_only)
    return None


def _counting(ruleset: Ruleset, hook: str, packets: Conditions) -> tuple[Rule, ...]:
    """The rules that count and decide, come to untracked packets, and did not come to established ones."""
    met = _met(ruleset, hook, packets, "UNTRACKED")
    before = set(_met(ruleset, hook, packets, "ESTABLISHED")) if met else set()
    return tuple(made for made in met if made not in before)


def _met(ruleset: Ruleset, hook: str, packets: Conditions, state: str) -> tuple[Rule, ...]:
    if not any(shape.match(*_COUNTING) for shape in ruleset.by_shape):
        return ()
    found = (made for sketch in sketches(packets, state) for made in rules_met(ruleset, "filter", hook, sketch))
    return tuple(dict.fromkeys(made for made in found if _decides(made)))


def _decides(made: Rule) -> bool:
    """Whether a rule counts, and does something with what it takes; to log is nothing."""
    counts = made.shape.match(*_COUNTING) is not None
    return counts and (made.verdict in _DECIDES or made.jump is not None)


def _syn_only(accepts: tuple[Rule, ...]) -> tuple[Rule, ...]:
    return tuple(made for made in accepts if made.tcp_flags and not made.tcp_flags.negated)


def _finding(ruleset: Ruleset, judged: _Judged) -> Finding:
    service = _shared.service_name(judged.packets)
    names = dict.fromkeys(part.name for made in judged.counting for part in made.shape.matches)
    what = " and ".join(name for name in names if name in _COUNTING) or "--syn"
    rules = judged.counting or judged.syn_only
    low, high = judged.packets.destination_ports[0]
    fix = Fix(f"`ruleset-lint rewrite --goal notrack --service tcp/{low}`", emits="raw") if low == high else None
    effect = "lets the SYN in and drops what follows" if not judged.counting else "counts packets, not connections"
    return Finding(
        at_rule(ruleset, judged.untracking.rule, "untracked here"),
        f"every packet of {service} is untracked and judged by {what}, which {effect}",
        related=_shared.places(ruleset, rules, "was for the first packet of a connection"),
        fix=fix,
        confidence=Confidence.PROVEN if judged.untracking.conditions.exact else Confidence.LIKELY,
    )
