"""NAT rules that keep a service in connection tracking: what it needs of an entry is that its packets are translated.

    translations(work) -> reasons, each with its rule

Knows no other reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from ruleset_lint.model.rule import Rule
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.packets.reached_by import addresses_behind
from ruleset_lint.packets.sketch import Answer, Sketch, answer
from ruleset_lint.packets.walk import walk
from ruleset_lint.rewrite.service_packets import Work, opening
from ruleset_lint.rewrite.source_nat import leaves_translated

_SECONDS = 5.0
_TO_OTHERS = ("DNAT", "REDIRECT", "NETMAP")
_FIRST = "its first packet may be translated, which untracked packets never are"
_NAMES_NO_WAY = f"{_FIRST}; if the server is reached another way, the rule that accepts it has to say so with -o"


def translations(work: Work) -> Iterator[tuple[str, Rule]]:
    """Rules that translate its first packet, or give another connection its port."""
    first = tuple(_on_way(work, "PREROUTING" if work.behind else "INPUT", "PREROUTING"))
    yield from ((_FIRST, rule) for rule in first)
    leaving = tuple(_on_way(work, "POSTROUTING")) if work.behind else ()
    if leaving and _comes_to_nat(work):
        yield from ((_NAMES_NO_WAY, rule) for rule in leaving)
    for rule in work.ruleset.where(lambda shape: bool(shape.target and shape.target.name in _TO_OTHERS)):
        if rule not in first and _translates_to(rule, work):
            yield f"connections to another port are translated to port {work.service.port}", rule


def _on_way(work: Work, *hooks: str) -> Iterator[Rule]:
    """The rules that may translate its first packet, where no rule before takes all of them."""
    for hook in dict.fromkeys(hooks):
        for verdict, rule in walk(work.ruleset, "nat", hook, opening(work)).decisions:
            if rule and verdict is Verdict.TRANSLATE:
                yield rule


def _comes_to_nat(work: Work) -> bool:
    """Whether first packets that FORWARD lets pass are translated where they leave; so if it is not decided."""
    return leaves_translated(work.ruleset, work.endpoint, seconds=_SECONDS)


def _translates_to(rule: Rule, work: Work) -> bool:
    """Whether a rule may give another connection the service's port, and its server's address if it has one."""
    protocol = rule.protocol
    if protocol and not protocol.negated and protocol.value not in (0, work.protocol):
        return False
    if rule.target == "REDIRECT":
        return not work.behind and _among(work.service.port, rule.option(rule.shape.target, "--to-ports") or "")
    if rule.target == "NETMAP":
        return _maps_to(rule, work) and answer(rule, _to_any_address(work)) is not Answer.NO
    addresses, ports = _parts(rule.option(rule.shape.target, "--to-destination") or "")
    if not _among_addresses(work, addresses) if work.behind else _is_elsewhere(work, addresses):
        return False
    if ports:
        return _among(work.service.port, ports)
    return work.behind and answer(rule, _to_any_address(work)) is not Answer.NO


def _maps_to(rule: Rule, work: Work) -> bool:
    """Whether NETMAP has the server in the network that it gives; so if that does not read."""
    if rule.chain in ("INPUT", "POSTROUTING") or work.server is None:
        return False
    try:
        network = ip_network(rule.option(rule.shape.target, "--to") or "", strict=False)
    except ValueError:
        return True
    return int(network[0]) <= work.server.address <= int(network[-1])


def names_source_port(rule: Rule, port: int) -> bool:
    """Whether MASQUERADE or SNAT names ports for its clients, and this one is among them."""
    target = rule.shape.target
    ports = rule.option(target, "--to-ports") or _parts(rule.option(target, "--to-source") or "")[1]
    return bool(ports) and _among(port, ports)


def _to_any_address(work: Work) -> Sketch:
    port = work.service.port
    return Sketch(family=work.ruleset.family, protocol=work.protocol, destination_port=(port, port))


def _parts(destination: str) -> tuple[str, str]:
    """The addresses and the ports of `--to-destination`."""
    found = re.fullmatch(r"\[?([^\[\]]*?)\]?(?::([0-9]{1,5}(?:-[0-9]{1,5})?(?:/[0-9]+)?))?", destination)
    if found and destination.count(":") > 1 and not destination.startswith("["):
        return destination, ""
    return (found[1], found[2] or "") if found else ("", "")


def _among(port: int, ports: str) -> bool:
    found = re.match(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", ports)
    return found is not None and int(found[1]) <= port <= int(found[2] or found[1])


def _is_elsewhere(work: Work, address: str) -> bool:
    """Whether it is an address that FORWARD accepts packets to, and so none of this machine."""
    try:
        return int(ip_address(address)) in addresses_behind(work.ruleset)
    except ValueError:
        return False


def _among_addresses(work: Work, addresses: str) -> bool:
    """Whether the server is one of them; so if they do not read."""
    low, _, high = addresses.partition("-")
    try:
        first, last = int(ip_address(low)), int(ip_address(high or low))
    except ValueError:
        return True
    return work.server is not None and first <= work.server.address <= last
