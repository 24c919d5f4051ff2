"""What the rules about NOTRACK have in common: names of services, edits, and what is no service of two sides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address

from ruleset_lint.lint import Edit, Place, Span, at_line, at_rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape
from ruleset_lint.netfilter.services import ONE_WAY
from ruleset_lint.netfilter.values import Network, Ports
from ruleset_lint.packets.conditions import ALL_PORTS, Conditions, sketches
from ruleset_lint.packets.roles import TCP, UDP
from ruleset_lint.packets.sketch import Sketch
from ruleset_lint.packets.untracked import Untracking, fate

PROTOCOLS = {TCP: "tcp", UDP: "udp", 33: "dccp", 132: "sctp", 136: "udplite"}

_MOST_PLACES = 8


def service_name(conditions: Conditions) -> str:
    """`tcp/80`, `udp/53, 5353`, `all tcp`, `everything`: by the ports asked for, on whichever side they are."""
    protocol = conditions.protocol
    name = PROTOCOLS.get(protocol, f"protocol {protocol}") if protocol is not None else ""
    ports = _ports(conditions)
    if ports == ALL_PORTS:
        return f"all {name}" if name else "everything"
    return f"{name}/{port_names(ports)}" if name else f"port {port_names(ports)}"


def port_names(ports: Ports) -> str:
    """`80, 8000-8010`"""
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in ports)


def _ports(conditions: Conditions) -> Ports:
    return conditions.source_ports if conditions.destination_ports == ALL_PORTS else conditions.destination_ports


def each_range(conditions: Conditions) -> Iterator[Conditions]:
    """The conditions for each range of ports of the side that asks for ports."""
    if conditions.destination_ports != ALL_PORTS:
        for ports in conditions.destination_ports:
            yield conditions._replace(destination_ports=(ports,))
    else:
        for ports in conditions.source_ports:
            yield conditions._replace(source_ports=(ports,))


def together(found: Iterable[Conditions]) -> Conditions:
    """Conditions that differ in their ports as one."""
    first, *rest = found
    sources, destinations = set(first.source_ports), set(first.destination_ports)
    for other in rest:
        sources |= set(other.source_ports)
        destinations |= set(other.destination_ports)
    return first._replace(source_ports=tuple(sorted(sources)), destination_ports=tuple(sorted(destinations)))


def has_two_sides(untracking: Untracking) -> bool:
    """Whether the packets belong to a protocol with ports, and are not sent to many or for the first packet alone."""
    conditions = untracking.conditions
    if conditions.protocol is not None and conditions.protocol not in PROTOCOLS:
        return False
    parts = [part for rule in untracking.way for part in rule.shape.matches]
    if any(part.name == "pkttype" for part in parts) or any(map(_is_group, conditions.destination)):
        return False
    return not any(part.name == "addrtype" for part in parts) or _is_local(conditions) is not None


def _is_local(conditions: Conditions) -> bool | None:
    known = conditions.destination_is_local
    return conditions.source_is_local if known is None else known


def _is_group(network: Network) -> bool:
    """Whether a network is one of multicast or broadcast addresses."""
    high = network.mask.bit_length() - 8  # masks begin at the left
    first = network.address >> high if high > 0 else 0
    return (high == 24 and (224 <= first < 240 or network.address == 0xFFFFFFFF)) or (high == 120 and first == 0xFF)


def is_one_way(conditions: Conditions) -> bool:
    """Whether nobody answers from these ports."""
    ports = _ports(conditions)
    return conditions.protocol == UDP and all(low == high and low in ONE_WAY for low, high in ports)


def only_first_packets(conditions: Conditions) -> bool:
    """Whether the rule asks for SYNs."""
    return "SYN" in conditions.flags_set and "ACK" in conditions.flags_clear


def has_synproxy(ruleset: Ruleset) -> bool:
    """Whether a rule hands connections to SYNPROXY."""
    return any(shape.target and shape.target.name == "SYNPROXY" for shape in ruleset.by_shape)


def places(ruleset: Ruleset, rules: Iterable[Rule], note: str) -> tuple[Place, ...]:
    """The places of the first of some rules."""
    return tuple(at_rule(ruleset, rule, note) for rule in tuple(rules)[:_MOST_PLACES])


def chain_place(ruleset: Ruleset, table: str, chain: str, note: str) -> tuple[Place, ...]:
    """The place where a chain is declared, if it is."""
    found = ruleset.chain(table, chain)
    return (at_line(ruleset.document, found.line, note),) if found and found.line else ()


def insert_after(ruleset: Ruleset, rule: Rule, line: str) -> Edit:
    """A new line behind that of a rule."""
    end = ruleset.document.content_span(rule.line).end
    return Edit(Span(end, end), f"\n{line}")


def untrack(rule: Rule) -> str:
    """The target in the spelling that a rule of the ruleset uses."""
    return "NOTRACK" if rule.target == "NOTRACK" else "CT --notrack"


def address(family: int, number: int, among: tuple[Network, ...] = ()) -> str:
    """An address for an example, of one of some networks if there are any: 1 is the host, others are remote."""
    if family == 6:
        return f"[{IPv6Address(_within(IPv6Address('2001:db8::10' if number == 1 else '2001:db8:7::7'), among))}]"
    return str(IPv4Address(_within(IPv4Address("192.0.2.10" if number == 1 else "203.0.113.7"), among)))


def _within(usual: IPv4Address | IPv6Address, among: tuple[Network, ...]) -> int:
    """The usual address, with the bits that the first network asks for."""
    network = among[0] if among and not among[0].name else Network(0, 0)
    return int(usual) & ~network.mask | network.address


def filter_hooks(untracking: Untracking) -> tuple[str, ...]:
    """The chains of filter that the untracked packets may come to."""
    if untracking.hook == "OUTPUT":
        return ("OUTPUT",)
    local = untracking.conditions.destination_is_local
    return ("INPUT",) if local else ("FORWARD",) if local is False else ("INPUT", "FORWARD")


def untracks_some(ruleset: Ruleset, untracking: Untracking, part: Conditions) -> bool:
    """Whether it is this rule that untracks some of the packets, not one before it."""
    return any(untracking.rule in fate(ruleset, untracking.hook, sketch).by for sketch in sketches(part))


def services(ruleset: Ruleset, untracking: Untracking) -> Iterator[Conditions]:
    """The requests to a service, range of ports by range of ports, if it is such that a rule untracks."""
    asked = untracking.conditions
    if untracking.hook == "PREROUTING" and untracking.by_destination_port and asked.protocol in (TCP, UDP):
        yield from (part for part in each_range(asked) if untracks_some(ruleset, untracking, part))


def as_untracked(packets: Conditions) -> tuple[Sketch, ...]:
    """Packets as the filter sees them once they are untracked."""
    return tuple(sketches(packets, "UNTRACKED"))


def accepts_of_untracked(ruleset: Ruleset) -> Iterator[Rule]:
    """The accepts of filter whose list of states names UNTRACKED, in the file's order; each list is read once."""
    for made in ruleset.where(lambda shape: _may_name_untracked(ruleset, shape)):
        states = made.states if made.table == "filter" else None
        if states and not states.negated and "UNTRACKED" in states.value:
            yield made


def _may_name_untracked(ruleset: Ruleset, shape: Shape) -> bool:
    part = shape.match("state", "conntrack")
    use = (part.use("--state") or part.use("--ctstate")) if part else None
    accepts = shape.target is not None and shape.target.name == "ACCEPT"
    return bool(accepts and use and use.operands and "UNTRACKED" in ruleset.texts(shape, use.operands[0]).upper())
