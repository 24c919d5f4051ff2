"""safety/open-policy"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Fix, Safety, Severity, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.netfilter.foreign import owner_of
from ruleset_lint.packets.roles import TCP, UDP
from ruleset_lint.packets.walk import Decision

from . import _shared

_FORWARDING = {4: ("net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding"), 6: ("net.ipv6.conf.all.forwarding",)}
_HARMLESS = ("comment", "state", "conntrack")
_REMEDY = {
    "INPUT": "accept what is meant to come in, then set the policy to DROP",
    "FORWARD": "accept what is meant to be forwarded, then set the policy to DROP",
}


@rule(Severity.WARNING, yields_to=("safety/ipv6-open",))
def open_policy(host: Host, ruleset: Ruleset) -> Iterator[Finding]:
    """What no rule speaks of is let in

    ## What it does
    Sends new connections, TCP and UDP, from an address that no rule names to a port that no rule names through INPUT
    and FORWARD. Speaks where all of them are accepted because nothing refuses them, by the policy or by a last rule
    that accepts everything. Silent for FORWARD while sysctls turn forwarding off; and, unless the tree is a whole
    machine, for a chain without rules of one's own and for one that only refuses, which is meant as a list.

    ## Why is this bad?
    A list of what is refused is never complete: every service that is installed tomorrow is open to everybody. The
    accepts of such a chain close nothing.

    ## Example
    ```
    :INPUT ACCEPT [0:0]
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
    ```

    ## Use instead
    ```
    :INPUT DROP [0:0]
    -A INPUT -i lo -j ACCEPT
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
    ```

    ## Fix safety
    Manual: only somebody who knows what the machine serves can tell what to accept first.

    ## Since
    Every kernel.

    ## Source
    iptables(8), `-P`: the policy is what a built-in chain does with packets that no rule decides.
    """
    for hook in ("INPUT", "FORWARD"):
        if not _shared.filters(ruleset, hook) or not _is_judged(host, ruleset, hook):
            continue
        end = _end(ruleset, hook)
        if end and (host.complete or end.rule or _accepts(ruleset, hook)) and _shared.loads(ruleset):
            yield _finding(ruleset, hook, end)


def _is_judged(host: Host, ruleset: Ruleset, hook: str) -> bool:
    """Whether the chain is meant to keep anybody out."""
    forwarding = _forwarding(host, ruleset) if hook == "FORWARD" else None
    if forwarding is False:
        return False
    chain = ruleset.chain("filter", hook)
    return any(map(_is_own, chain.rules if chain else ())) or (host.complete and (hook == "INPUT" or bool(forwarding)))


def _forwarding(host: Host, ruleset: Ruleset) -> bool | None:
    settings = filter(None, map(host.sysctl.effective, _FORWARDING[ruleset.family])) if host.sysctl else ()
    values = [setting.value for setting in settings]
    return None if not values else any(value not in ("0", None) for value in values)


def _is_own(made: Rule) -> bool:
    """Whether a rule decides, and no other program has made it."""
    if made.jump is not None:
        return owner_of(made.jump) is None
    return made.verdict in (Verdict.ACCEPT, Verdict.DROP, Verdict.REJECT)


def _end(ruleset: Ruleset, hook: str) -> Decision | None:
    """What accepts everything that no rule speaks of: the policy, or the last rule of the chain."""
    chain = ruleset.chain("filter", hook)
    last = chain.rules[-1] if chain and chain.rules else None
    if chain is None or (chain.policy == "DROP" and not (last and _asks_nothing(last))):
        return None
    found: dict[Decision, None] = {}
    for protocol in (TCP, UDP):
        sketch = _shared.opening(ruleset.family, protocol, _shared.UNNAMED_PORT)
        made = _shared.outcome(ruleset, hook, sketch, sources=_shared.ANYBODY)
        if not made.must(Verdict.ACCEPT):
            return None
        found |= dict.fromkeys(made.decisions)
    policy = Decision(Verdict.ACCEPT, None)
    if policy in found:
        return policy
    return next((one for one in found if len(found) == 1 and one.rule == last), None)


def _asks_nothing(made: Rule) -> bool:
    return not made.shape.parameters and all(part.name in _HARMLESS for part in made.shape.matches)


def _accepts(ruleset: Ruleset, hook: str) -> bool:
    """Whether a rule accepts anything, and so is there for nothing; a list of what is refused was meant as one."""
    hooks = ruleset.tables["filter"].hooks
    accepts = ruleset.where(lambda shape: shape.target is not None and shape.target.name == "ACCEPT")
    return any(made.table == "filter" and hook in hooks.get(made.chain, ()) for made in accepts)


def _finding(ruleset: Ruleset, hook: str, end: Decision) -> Finding:
    by = "its last rule accepts everything" if end.rule else "its policy is ACCEPT, and nothing drops the rest"
    verb = "lets in" if hook == "INPUT" else "forwards"
    return Finding(
        _shared.decided(ruleset, hook, end, "everything else is accepted here"),
        f"{hook} {verb} whatever no rule speaks of: {by}",
        help=(f"a new connection from anywhere to tcp/{_shared.UNNAMED_PORT} is accepted, so are all others",),
        fix=Fix(_REMEDY[hook], safety=Safety.MANUAL),
    )
