"""conntrack/invalid-before-icmp"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ruleset_lint.lint import Confidence, Edit, Finding, Fix, Safety, Severity, Span, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.packets.meaning_transport import icmp_numbers
from ruleset_lint.packets.roles import TCP, UDP, opening
from ruleset_lint.packets.sketch import Sketch
from ruleset_lint.packets.untracked import Untracking, untrackings
from ruleset_lint.packets.walk import Decision, walk

from . import _shared, _untracked

_TOO_BIG = {4: (1, 3, 4), 6: (58, 2, 0)}  # protocol, type and code of fragmentation-needed, packet-too-big
_ANY = 255
_ACCEPT = {
    4: "-p icmp -m icmp --icmp-type fragmentation-needed -j ACCEPT",
    6: "-p ipv6-icmp -m icmp6 --icmpv6-type packet-too-big -j ACCEPT",
}
_PASSES = (Verdict.ACCEPT, Verdict.TRANSLATE, Verdict.ELSEWHERE)
_TABLES = {"INPUT": ("PREROUTING", "INPUT"), "FORWARD": ("PREROUTING", "FORWARD")}


class _Loss(NamedTuple):
    """Where errors are lost; `refusing` is the rule that drops INVALID, None where only nothing accepts them."""

    hook: str
    refusing: Rule | None
    untracking: Untracking


@rule(Severity.WARNING)
def invalid_before_icmp(ruleset: Ruleset) -> Iterator[Finding]:
    """ICMP errors about an untracked service are dropped: a path MTU black hole

    ## What it does
    Follows "fragmentation needed" (IPv6: "packet too big") about an untracked TCP or UDP service that the filter lets
    in. Fires where INPUT or FORWARD, or mangle before them, lets it pass as RELATED and not as INVALID: behind a rule
    that drops INVALID, or because nothing but a state accepts it. Silent beside SYNPROXY,
    whose connections are tracked.

    ## Why is this bad?
    An ICMP error about an untracked packet is INVALID, never RELATED. When it is dropped, the host never learns that
    its packets are too large for the path: connections open, and hang with the first large answer.

    ## Example
    ```
    -A INPUT -m conntrack --ctstate INVALID -j DROP
    -A INPUT -p icmp -m icmp --icmp-type fragmentation-needed -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW,UNTRACKED -j ACCEPT
    ```

    ## Use instead
    ```
    -A INPUT -p icmp -m icmp --icmp-type fragmentation-needed -j ACCEPT
    -A INPUT -m conntrack --ctstate INVALID -j DROP
    -A INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW,UNTRACKED -j ACCEPT
    ```

    ## Fix safety
    Unsafe: the error is accepted about other connections too, real or made up.

    ## Since
    Every kernel with the raw table (2.6.6).

    ## Source
    nf_conntrack_icmp_error in net/netfilter/nf_conntrack_proto_icmp.c; measured on kernel 6.18 with iptables 1.8.9 over
    a path with an MTU of 700: 0 of 20,000 bytes in 4 seconds, all of them with the accept before the drop.
    """
    found: dict[tuple[str, Rule | None], list[_Loss]] = {}
    proxied = any(shape.target and shape.target.name == "SYNPROXY" for shape in ruleset.by_shape)
    for untracking in () if ruleset.fragment or proxied else untrackings(ruleset):
        for loss in _losses(ruleset, untracking):
            found.setdefault((loss.hook, loss.refusing), []).append(loss)
    spoken: set[Rule] = set()
    for (_, refusing), losses in found.items():
        if refusing is None or refusing not in spoken:
            spoken |= {refusing} if refusing else set()
            yield _finding(ruleset, losses)


def _losses(ruleset: Ruleset, untracking: Untracking) -> Iterator[_Loss]:
    conditions = untracking.conditions
    answered = untracking.hook == "PREROUTING" and not untracking.by_source_port
    only_syns = "SYN" in conditions.flags_set and "ACK" in conditions.flags_clear
    if conditions.protocol not in (TCP, UDP) or not answered or only_syns:
        return
    if not any(True for _ in _untracked.untracked_sketches(ruleset, untracking)):
        return
    for hook in _untracked.hooks_behind(untracking):
        if hook in _TABLES and _untracked.is_served(ruleset, hook, opening(conditions)):
            lost = _lost(ruleset, hook)
            if lost is not None:
                yield _Loss(hook, lost[0] if lost else None, untracking)


def _lost(ruleset: Ruleset, hook: str) -> Sequence[Rule] | None:
    """The rule that refuses the errors, none if only the policy does; None if they pass, or never would."""
    for table, chain in (*(("mangle", name) for name in _TABLES[hook]), ("filter", hook)):
        if not _passing(_decisions(ruleset, table, chain, "RELATED")):
            return None
        decisions = _decisions(ruleset, table, chain, "INVALID")
        if not _passing(decisions):
            refusing = [made.rule for made in decisions if made.rule and made.verdict not in _PASSES]
            by_state = [made for made in refusing if made.states is not None]
            return by_state[:1]
    return None


def _decisions(ruleset: Ruleset, table: str, chain: str, state: str) -> Sequence[Decision]:
    error = Sketch(family=ruleset.family, protocol=_TOO_BIG[ruleset.family][0], not_in="lo", state=state)
    return walk(ruleset, table, chain, error).decisions


def _passing(decisions: Sequence[Decision]) -> bool:
    return any(made.verdict in _PASSES and (made.rule is None or _takes_error(made.rule)) for made in decisions)


def _takes_error(made: Rule) -> bool:
    """Whether a rule is about such errors, as far as the type that it asks for tells."""
    for part in made.shape.matches:
        for use in part.uses if part.name in ("icmp", "icmp6") else ():
            if use.operands and _means_error(made.text(use.operands[0]), made.family) is use.negated:
                return False
    return True


def _means_error(text: str, family: int) -> bool:
    _, wanted, code = _TOO_BIG[family]
    try:
        kind, low, high = icmp_numbers(text, family)
    except ValueError:
        return True
    return (kind == _ANY and family == 4) or (kind == wanted and low <= code <= high)


def _finding(ruleset: Ruleset, losses: list[_Loss]) -> Finding:
    hook, refusing, first = losses[0]
    services = ", ".join(dict.fromkeys(_untracked.name(loss.untracking.conditions) for loss in losses))
    rules = dict.fromkeys(loss.untracking.rule for loss in losses)
    if refusing:
        place = at_rule(ruleset, refusing, "drops the errors, which are INVALID")
        what = f"{refusing.chain} drops INVALID before ICMP errors about untracked {services} are accepted"
    else:
        place = at_rule(ruleset, first.rule, "untracked here")
        what = f"{hook} accepts ICMP errors only as RELATED: those about untracked {services} are INVALID"
    others = [made for made in rules if refusing or made is not first.rule]
    return Finding(
        place,
        f"{what}: a path MTU black hole",
        related=_shared.places(ruleset, others, "untracked here"),
        help=("connections over a path with a smaller MTU open, and hang with the first large packet",),
        fix=_fix(ruleset, hook, refusing),
        confidence=Confidence.PROVEN if any(_is_sure(ruleset, loss) for loss in losses) else Confidence.LIKELY,
    )


def _is_sure(ruleset: Ruleset, loss: _Loss) -> bool:
    """Whether there are such packets on this machine: they are untracked, and it is certain whose they are."""
    local = loss.untracking.conditions.destination_is_local is not None or loss.hook == "INPUT"
    return local and any(sure for _, sure in _untracked.untracked_sketches(ruleset, loss.untracking))


def _fix(ruleset: Ruleset, hook: str, refusing: Rule | None) -> Fix:
    """The accept before the rule that refuses, else at the top of the chain."""
    chain = ruleset.chain("filter", hook)
    rules = (refusing,) if refusing else chain.rules if chain else ()
    if not rules:
        return Fix("accept ICMP errors before INVALID is dropped", safety=Safety.MANUAL)
    top = min(made.line.span.start for made in rules)
    line = f"-A {refusing.chain if refusing else hook} {_ACCEPT[ruleset.family]}"
    return Fix(f"add `{line}` before it", (Edit(Span(top, top), f"{line}\n"),), Safety.UNSAFE)
