"""notrack/missing"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from ruleset_lint.lint import Configuration, Finding, Fix, Severity, at_rule, rule
from ruleset_lint.model.entries import ConntrackTable
from ruleset_lint.model.host import Host
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape
from ruleset_lint.model.tracking import tracks
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.netfilter.modules import helper_for
from ruleset_lint.netfilter.services import BROADCAST_OR_MULTICAST, BUSY, HELPER_DATA, SENDS_FROM_OWN_PORT, Service
from ruleset_lint.packets.asked import asked_by
from ruleset_lint.packets.conditions import Conditions, Interfaces, sketches
from ruleset_lint.packets.roles import TCP, UDP, accepting, opening
from ruleset_lint.packets.sketch import Answer
from ruleset_lint.packets.untracked import fate
from ruleset_lint.packets.walk import walk

_NUMBERS = {"tcp": TCP, "udp": UDP}
_NAMES = {number: name for name, number in _NUMBERS.items()}
_MANY_ENTRIES = 100
_MANY_CONNECTIONS = 10_000
_LARGE_SHARE = 0.25
_MOST_SERVICES = 64
_GUESTS = ("virbr", "docker", "lxc", "br-", "cni", "podman", "vnet", "wg", "tun", "tap")


class _Busy(NamedTuple):
    """A service that takes many entries, how one knows, and the rule that accepts it."""

    rule: Rule
    service: Service
    evidence: str  # empty: known to be busy in general


@rule(Severity.WARNING, yields_to=("notrack/one-family",))
def missing(ruleset: Ruleset, host: Host, configuration: Configuration) -> Iterator[Finding]:
    """A service with many short connections fills the table, and nothing untracks it

    ## What it does
    Looks for services that the host itself accepts while connection tracking is on, and that no raw rule untracks, if
    they are busy: named in the configuration (`services`); more than 10,000 connections and a quarter of all by the
    counters of `iptables-save -c`; at least 100 entries and a quarter of a dump of the conntrack table. Without any
    such evidence, services known to be busy (tcp/80, tcp/443, udp/53 …) that everybody may ask are information. Silent
    are services that cannot leave the table: helpers' ports, translated ones, those whose program asks from the same
    port, administration.

    ## Why is this bad?
    Each connection takes an entry and keeps it after it has ended. Once the table is full of them, no new connection
    comes in, to any service.

    ## Example
    ```
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW -j ACCEPT
    ```

    ## Use instead
    What `ruleset-lint rewrite --goal notrack --service tcp/80` writes.

    ## Fix safety
    The rewriter writes all files, or says why it does not.

    ## Since
    Every kernel with the raw table (2.6.6).

    ## Source
    Measured on kernel 6.18 with iptables 1.8.9: with a table full of assured entries 0 of 50 new tracked connections
    came in, and 50 of 50 untracked ones.
    """
    if ruleset.fragment or not any(map(tracks, ruleset.by_shape)):
        return
    found = [one for one in _busy(ruleset, host, configuration) if _can_leave(ruleset, one.service, configuration)]
    found.sort(key=_cause)
    for _, group in groupby(found, key=lambda one: _cause(one)[:2]):
        yield _finding(ruleset, list(group))


def _cause(one: _Busy) -> tuple[str, int, int, Service]:
    """What is known in general is one cause; evidence speaks of one rule."""
    number = one.rule.line.number
    return one.evidence, number if one.evidence else 0, number, one.service


def _busy(ruleset: Ruleset, host: Host, configuration: Configuration) -> Iterator[_Busy]:
    """Services by the best evidence there is; what is busy in general only where there is none at all."""
    named = dict.fromkeys(configuration.own_services[:_MOST_SERVICES], "named in the configuration")
    by_entries = _by_entries(ruleset, host)
    by_counters = _by_counters(ruleset)
    evidence = {**by_counters, **by_entries, **named}
    counted = _table(ruleset, host) is not None or any(
        made.counters and made.counters.packets for made in (_accepts(ruleset) if ruleset.has_counters else ())
    )
    if not counted and not configuration.own_services:
        evidence = dict.fromkeys(BUSY, "")
    for service, how in evidence.items():
        if not how and service not in _named_services(ruleset):
            continue
        accepts = accepting(ruleset, "INPUT", opening(_requests(ruleset, service)), "NEW")
        naming = next((made for made in accepts if _names(made, service)), None)
        chosen = naming or (accepts[0] if accepts and how else None)
        if chosen and (how or _is_public(chosen)):
            yield _Busy(chosen, service, how)


@lru_cache(maxsize=4)
def _named_services(ruleset: Ruleset) -> frozenset[Service]:
    """Which of the services known to be busy an accept of INPUT for everybody names."""
    hooks = ruleset.tables["filter"].hooks if "filter" in ruleset.tables else {}
    made = (
        one
        for one in ruleset.where(_is_accept_of_ports)
        if one.table == "filter" and "INPUT" in hooks.get(one.chain, ())
    )
    texts = {(asked.protocol, asked.destination_ports) for one in made if (asked := _ports_asked(one))}
    return frozenset(
        service
        for service in BUSY
        for protocol, ports in texts
        if _NUMBERS[service.protocol] == protocol and any(low <= service.port <= high for low, high in ports)
    )


def _ports_asked(made: Rule) -> Conditions | None:
    protocol, ports = made.protocol, made.destination_ports
    if protocol is None or ports is None or protocol.negated or ports.negated:
        return None
    return Conditions(protocol=protocol.value, destination_ports=ports.value)


def _is_accept_of_ports(shape: Shape) -> bool:
    accepts = shape.target is not None and shape.target.name == "ACCEPT"
    return accepts and shape.parameter("-p") is not None and shape.parameter("-s") is None


def _by_entries(ruleset: Ruleset, host: Host) -> dict[Service, str]:
    table = _table(ruleset, host)
    found = {}
    for (protocol, port), count in table.by_port.most_common(_MOST_SERVICES) if table else ():
        share = table.share(protocol, port) if table else 0.0
        if protocol in _NUMBERS and port and count >= _MANY_ENTRIES and share >= _LARGE_SHARE:
            found[Service(protocol, port)] = f"{count:,} entries of the conntrack table, {share:.0%} of all"
    return found


def _table(ruleset: Ruleset, host: Host) -> ConntrackTable | None:
    """The dump, for IPv4: that is what `conntrack -L` lists, and most entries of any."""
    return host.conntrack if ruleset.family == 4 else None


def _by_counters(ruleset: Ruleset) -> dict[Service, str]:
    """Services whose accept of new connections has counted many of them."""
    counts: dict[Service, int] = {}
    total = 0
    for made in _accepts(ruleset) if ruleset.has_counters else ():
        packets = made.counters.packets if made.counters else 0
        if packets and made.states and "NEW" in made.states.value and not {"ESTABLISHED"} & made.states.value:
            total += packets
            service = _only_service(made)
            if service:
                counts[service] = counts.get(service, 0) + packets
    large = {
        service: count for service, count in counts.items() if count >= max(_MANY_CONNECTIONS, _LARGE_SHARE * total)
    }
    return {service: f"{count:,} connections counted, {count / total:.0%} of all" for service, count in large.items()}


def _accepts(ruleset: Ruleset) -> Iterator[Rule]:
    return (made for made in ruleset.where(_is_accept_by_state) if made.table == "filter")


def _is_accept_by_state(shape: Shape) -> bool:
    accepts = shape.target is not None and shape.target.entry is not None
    return bool(accepts and shape.target and shape.target.name == "ACCEPT" and shape.match("state", "conntrack"))


def _only_service(made: Rule) -> Service | None:
    asked = asked_by(made)
    if asked is None or asked.protocol not in _NAMES or len(asked.destination_ports) != 1:
        return None
    low, high = asked.destination_ports[0]
    return Service(_NAMES[asked.protocol], low) if low == high else None


def _names(made: Rule, service: Service) -> bool:
    """Whether a rule is about this port, and not about half of them."""
    asked = asked_by(made)
    return asked is not None and any(low <= service.port <= high < low + 100 for low, high in asked.destination_ports)


def _is_public(made: Rule) -> bool:
    """Whether a rule is for everybody, not for some addresses or the guests of this machine."""
    asked = asked_by(made)
    return asked is not None and not asked.source and not (asked.arrives.pattern or "").startswith(_GUESTS)


def _requests(ruleset: Ruleset, service: Service) -> Conditions:
    port = (service.port, service.port)
    return Conditions(
        family=ruleset.family,
        protocol=_NUMBERS[service.protocol],
        destination_ports=(port,),
        arrives=Interfaces(excluded="lo"),
    )


def _can_leave(ruleset: Ruleset, service: Service, configuration: Configuration) -> bool:
    """Whether nothing untracks the service already, and nothing keeps it from being untracked."""
    tied = SENDS_FROM_OWN_PORT | BROADCAST_OR_MULTICAST | HELPER_DATA
    administration = service == configuration.admin_service and service not in configuration.own_services
    if service in tied or helper_for(service) or administration:
        return False
    requests = list(sketches(opening(_requests(ruleset, service)), "NEW"))
    if any(fate(ruleset, "PREROUTING", sketch).untracked is not Answer.NO for sketch in requests):
        return False
    return not any(walk(ruleset, "nat", "PREROUTING", sketch).may(Verdict.TRANSLATE) for sketch in requests)


def _finding(ruleset: Ruleset, found: list[_Busy]) -> Finding:
    names = list(dict.fromkeys(str(one.service) for one in found))
    others = dict.fromkeys(one.rule for one in found if one.rule is not found[0].rule)
    services = ", ".join(names)
    evidence = found[0].evidence
    options = " ".join(f"--service {name}" for name in names)
    how = evidence or "usually many short connections"
    return Finding(
        at_rule(ruleset, found[0].rule, "accepted here"),
        f"nothing untracks {services}: {how}",
        related=tuple(at_rule(ruleset, other, "accepted here") for other in others),
        help=("every connection takes an entry of the table and keeps it for a while after its end",),
        fix=Fix(f"`ruleset-lint rewrite --goal notrack {options}`", emits="raw"),
        severity=None if evidence else Severity.INFO,
    )
