"""safety/masquerade"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Configuration, Finding, Fix, Judgement, Safety, Severity, at_rule, judge, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.netfilter.foreign import owner_of
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.services import Service
from ruleset_lint.packets.asked import asked_on, ways
from ruleset_lint.packets.conditions import ALL_PORTS, ANY_INTERFACE, Conditions
from ruleset_lint.packets.roles import UDP

from . import _shared

_DNS = Service("udp", 53)
_MANY_ENTRIES = 100
_LARGE_SHARE = 0.25
_RANDOM_FULLY = (1, 6, 2)  # iptables


@rule(Severity.WARNING)
def masquerade(
    ruleset: Ruleset, host: Host, configuration: Configuration, profiles: tuple[Profile, ...]
) -> Iterator[Finding]:
    """Source addresses are translated on every interface, or name queries run for the same port

    ## What it does
    Looks for MASQUERADE and SNAT rules of POSTROUTING that say neither where packets leave (`-o`) nor where they go
    (`-d`, ports, marks), nor do the jumps to them. Where they name a source network it is information. Where the
    configuration names udp/53 as a service (`services`), or a quarter of a dump of the conntrack table is udp/53, one
    without `--random-fully` that takes such queries is information too.

    ## Why is this bad?
    Whatever is forwarded looks as if this machine had sent it: inside, too. Servers log and judge one address, and
    nothing can be refused by source. Of two queries that get the same source port at the same moment one is dropped
    (`insert_failed` in `conntrack -S`), and its client waits five seconds.

    ## Example
    ```
    -A POSTROUTING -j MASQUERADE
    ```

    ## Use instead
    ```
    -A POSTROUTING -o eth0 -j MASQUERADE
    ```

    ## Fix safety
    Manual: only somebody who knows the machine can name the interface.

    ## Since
    Every kernel; `--random-fully` from iptables 1.6.2 on.

    ## Source
    iptables-extensions(8), "MASQUERADE"; nf_nat_core.c, nf_nat_l4proto_unique_tuple: a port is looked for before the
    entry is confirmed, and two packets may find the same.
    """
    table = ruleset.tables.get("nat")
    if table is None or ruleset.fragment:
        return
    dns = _dns_evidence(host, configuration)
    for made in ruleset.where(_translates):
        if made.table != "nat" or owner_of(made.chain):
            continue
        for way in ways(table, "POSTROUTING", made) or ():
            asked = asked_on(way)
            finding = _without_interface(ruleset, made, asked) or (
                _same_port(ruleset, made, asked, profiles, dns) if dns else None
            )
            if finding and _shared.loads(ruleset):
                yield finding
                break


def _translates(shape: Shape) -> bool:
    return shape.target is not None and shape.target.name in ("MASQUERADE", "SNAT")


def _without_interface(ruleset: Ruleset, made: Rule, asked: Conditions | None) -> Finding | None:
    if asked is None or not asked.exact or asked.leaves != ANY_INTERFACE or asked.arrives != ANY_INTERFACE:
        return None
    ports = asked.source_ports == asked.destination_ports == ALL_PORTS
    if not ports or asked.destination or asked.protocol or _has_exceptions(ruleset, made):
        return None
    what = "the source of these packets" if asked.source else "every source address"
    return Finding(
        at_rule(ruleset, made),
        f"{what} is translated on whatever interface they leave by, inside too"
        if asked.source
        else f"{what} is translated on whatever interface the packets leave by, inside too",
        help=("servers behind this machine see its address in place of their clients'",),
        fix=Fix("name the interface: add `-o`", safety=Safety.MANUAL),
        severity=Severity.INFO if asked.source else None,
    )


def _has_exceptions(ruleset: Ruleset, made: Rule) -> bool:
    """Whether rules before it take packets out."""
    chain = ruleset.chain("nat", made.chain)
    before = chain.rules[: chain.rules.index(made)] if chain else ()
    return any(other.verdict in (Verdict.ACCEPT, Verdict.RETURN) for other in before)


def _dns_evidence(host: Host, configuration: Configuration) -> str:
    """How one knows that many name queries pass; empty if one does not."""
    if _DNS in configuration.own_services:
        return "udp/53 is named in the configuration"
    table = host.conntrack
    share = table.share(*_DNS) if table and table.size >= _MANY_ENTRIES else 0
    return f"{share:.0%} of the conntrack table is udp/53" if share >= _LARGE_SHARE else ""


def _same_port(
    ruleset: Ruleset, made: Rule, asked: Conditions | None, profiles: tuple[Profile, ...], dns: str
) -> Finding | None:
    target = made.shape.target
    if target is None or asked is None or any(map(target.use, ("--random-fully", "--to-ports"))):
        return None
    takes = any(low <= _DNS.port <= high for low, high in asked.destination_ports)
    known: Judgement | None = judge(profiles, _knows_option)
    if asked.protocol not in (None, UDP) or not takes or not known:
        return None
    where = f" ({known.where})" if known.where else ""
    return Finding(
        at_rule(ruleset, made),
        f"name queries sent at the same moment may get the same source port, and one is dropped{where}",
        help=(dns,),
        fix=Fix("add `--random-fully`", safety=Safety.MANUAL),
        severity=Severity.INFO,
        confidence=known.confidence,
    )


def _knows_option(profile: Profile) -> bool:
    return all(tuple(map(int, version.split("."))) >= _RANDOM_FULLY for version in profile.iptables)
