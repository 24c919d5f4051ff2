"""safety/path-mtu"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Fix, Safety, Severity, rule
from ruleset_lint.model.ruleset import Ruleset

from . import _icmp, _shared

_TOO_BIG = {4: _icmp.Message(3, 4, "fragmentation-needed"), 6: _icmp.Message(2, 0, "packet-too-big")}


@rule(Severity.WARNING, yields_to=("safety/ipv6-neighbours",))
def path_mtu(ruleset: Ruleset) -> Iterator[Finding]:
    """ICMP errors about packets that are too big are dropped: transfers hang

    ## What it does
    Looks whether INPUT and FORWARD may accept "fragmentation needed" (IPv6: "packet too big") that belongs to a
    connection, which conntrack calls RELATED, from any router, where they accept TCP from anybody.

    ## Why is this bad?
    Where a link on the way takes smaller packets (tunnels, PPPoE, VPN), a router drops those that are too big and says
    so in this message. Who never hears of it sends the same packet again and again: the connection opens and hangs as
    soon as it has much to send. IPv6 routers never fragment, so there is no way round.

    ## Example
    ```
    :INPUT DROP [0:0]
    -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 443 -j ACCEPT
    ```

    ## Use instead
    ```
    :INPUT DROP [0:0]
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 443 -j ACCEPT
    ```

    ## Fix safety
    Unsafe: packets are accepted that are dropped today.

    ## Since
    Every kernel.

    ## Source
    RFC 1191, RFC 8201, RFC 2923 2.1; RFC 4890 4.3.1 for IPv6. Measured with iptables 1.8.9, kernel 6.18: a download
    over a link of MTU 1300 hangs where the message is dropped.
    """
    for hook in ("INPUT", "FORWARD"):
        if not _shared.filters(ruleset, hook) or not _shared.accepts_data(ruleset, hook):
            continue
        message = _TOO_BIG[ruleset.family]
        found = _icmp.refused(ruleset, hook, message, "RELATED", _shared.ANYBODY)
        if found and _shared.loads(ruleset):
            yield _finding(ruleset, hook, message, found)


def _finding(ruleset: Ruleset, hook: str, message: _icmp.Message, found: _icmp.Refusal) -> Finding:
    line = _icmp.accept(ruleset, hook, message)
    edits = _shared.put_first(ruleset, hook, line)
    return Finding(
        _shared.decided(ruleset, hook, found.decision, "drops it"),
        f"{hook} drops {message.name}: connections over links with smaller packets hang",
        help=(f"ICMP {message.type}/{message.code} about a connection is {found.state}, and nothing accepts it",),
        fix=Fix(f"add `{line}`", edits, Safety.UNSAFE if edits else Safety.MANUAL),
    )
