"""Packets of which only some fields are known, and what a rule says to them: yes, no, or it depends. Knows no chain."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from ruleset_lint.model.rule import Rule, Test
from ruleset_lint.model.shape import Part, Use
from ruleset_lint.netfilter.values import Network, Ports


class Answer(Enum):
    """Whether a condition holds for all packets of a sketch, for none, or for some or nobody knows which."""

    YES = "yes"
    NO = "no"
    MAYBE = "maybe"

    def negate(self) -> Answer:
        """The answer to the contrary."""
        return {Answer.YES: Answer.NO, Answer.NO: Answer.YES}.get(self, Answer.MAYBE)


def both(first: Answer, second: Answer) -> Answer:
    """The answer to two conditions at once."""
    if Answer.NO in (first, second):
        return Answer.NO
    return Answer.YES if first is second is Answer.YES else Answer.MAYBE


class Sketch(NamedTuple):
    """What is known of a packet; None is not known.

    `ports` are the least and the most that a port may be. `state` is what conntrack reports. `flags_set` and
    `flags_clear` are TCP flags known to be set or clear. `not_in` and `not_out` are interfaces it does not use.
    """

    family: int = 4
    protocol: int | None = None
    source_port: tuple[int, int] | None = None
    destination_port: tuple[int, int] | None = None
    source: Network | None = None
    destination: Network | None = None
    in_interface: str | None = None
    out_interface: str | None = None
    not_in: str | None = None
    not_out: str | None = None
    state: str | None = None
    flags_set: frozenset[str] = frozenset()
    flags_clear: frozenset[str] = frozenset()
    destination_is_local: bool | None = None
    source_is_local: bool | None = None


def answer(rule: Rule, sketch: Sketch) -> Answer:
    """Whether a rule's conditions hold for the packets of a sketch."""
    result = Answer.YES
    for use in rule.shape.parameters:
        result = both(result, parameter_answer(rule, use, sketch))
    for part in rule.shape.matches:
        if result is Answer.NO:
            return result
        result = both(result, match_answer(rule, part, sketch))
    return result


def parameter_answer(rule: Rule, use: Use, sketch: Sketch) -> Answer:
    """Whether one of `-p -s -d -i -o -f` holds; other parameters ask nothing."""
    match use.option.name:
        case "-p":
            return _protocol(rule.protocol, sketch.protocol)
        case "-s":
            return _asks_nothing_known(rule, use, sketch.source) or _networks(rule.source, sketch.source)
        case "-d":
            known = sketch.destination
            return _asks_nothing_known(rule, use, known) or _networks(rule.destination, known)
        case "-i":
            return _interface(rule.in_interface, sketch.in_interface, sketch.not_in)
        case "-o":
            return _interface(rule.out_interface, sketch.out_interface, sketch.not_out)
        case "-f":
            return Answer.MAYBE
        case _:
            return Answer.YES


def match_answer(rule: Rule, part: Part, sketch: Sketch) -> Answer:
    """Whether one match of a rule holds for the packets of a sketch."""
    match part.name:
        case "comment":
            return Answer.YES
        case "tcp" | "udp" | "udplite" | "sctp" | "dccp" | "multiport":
            return _transport(rule, part, sketch)
        case "state" | "conntrack":
            return state_answer(rule, part, sketch.state)
        case "addrtype":
            return _address_type(rule, part, sketch)
        case _:
            return Answer.MAYBE


def state_answer(rule: Rule, part: Part, state: str | None) -> Answer:
    """Whether a state test, and what stands beside it in its match, holds for a packet in a state."""
    result = Answer.YES
    for use in part.uses:
        if use.option.name not in ("--state", "--ctstate"):
            result = both(result, Answer.MAYBE)
            continue
        states = _read_states(rule, use)
        if state is None or states is None or states & {"SNAT", "DNAT"}:
            result = both(result, Answer.MAYBE)
        else:
            result = both(result, _yes(state in states, use.negated))
    return result


def _read_states(rule: Rule, use: Use) -> frozenset[str] | None:
    try:
        value = rule.read(use) if use.operands else None
    except ValueError:
        return None
    return value if isinstance(value, frozenset) else None


def _protocol(test: Test[int] | None, protocol: int | None) -> Answer:
    if test is None:
        return Answer.MAYBE
    if test.value == 0:
        return _yes(True, test.negated)
    return Answer.MAYBE if protocol is None else _yes(test.value == protocol, test.negated)


def _asks_nothing_known(rule: Rule, use: Use, known: Network | None) -> Answer | None:
    """MAYBE without reading the address, where nothing is known of the packet's and the rule does not ask for all."""
    return Answer.MAYBE if known is None and use.operands and "/0" not in rule.text(use.operands[0]) else None


def _networks(test: Test[tuple[Network, ...]] | None, known: Network | None) -> Answer:
    """Known is one network: inside all of one of the rule's, outside all of them, or neither."""
    if test is None:
        return Answer.MAYBE
    if any(network.mask == 0 and not network.name for network in test.value):
        return _yes(True, test.negated)
    if known is None or any(network.name for network in test.value):
        return Answer.MAYBE
    if any(_contains(network, known) for network in test.value):
        return _yes(True, test.negated)
    if all(_disjoint(network, known) for network in test.value):
        return _yes(False, test.negated)
    return Answer.MAYBE


def _contains(outer: Network, inner: Network) -> bool:
    return outer.mask & inner.mask == outer.mask and inner.address & outer.mask == outer.address


def _disjoint(first: Network, second: Network) -> bool:
    common = first.mask & second.mask
    return first.address & common != second.address & common


def interface_matches(pattern: str, name: str) -> bool:
    """Whether the interface is one that a pattern of `-i` or `-o` means; a `+` at its end stands for any ending."""
    return name.startswith(pattern[:-1]) if pattern.endswith("+") else name == pattern


def _interface(test: Test[str] | None, known: str | None, excluded: str | None) -> Answer:
    if test is None:
        return Answer.MAYBE
    if test.value == "+":
        return _yes(True, test.negated)
    if known is not None:
        return _yes(interface_matches(test.value, known), test.negated)
    return _yes(False, test.negated) if excluded is not None and test.value == excluded else Answer.MAYBE


def _transport(rule: Rule, part: Part, sketch: Sketch) -> Answer:
    result = Answer.YES
    for use in part.uses:
        result = both(result, transport_answer(rule, part, use, sketch))
    return result


def transport_answer(rule: Rule, part: Part, use: Use, sketch: Sketch) -> Answer:
    """Whether one option of tcp, udp, sctp, dccp or multiport holds."""
    match use.option.name:
        case "--sport" | "--sports":
            return _ports(_port_test(rule, part, use.option.name), sketch.source_port)
        case "--dport" | "--dports":
            return _ports(_port_test(rule, part, use.option.name), sketch.destination_port)
        case "--tcp-flags" | "--syn":
            return _flags(rule, sketch)
        case _:
            return Answer.MAYBE


def _port_test(rule: Rule, part: Part, name: str) -> Test[Ports] | None:
    use = part.use(name)
    if use is None or not use.operands:
        return None
    try:
        value = rule.read(use)
    except ValueError:
        return None
    return Test(value, use.negated) if isinstance(value, tuple) else None


def _ports(test: Test[Ports] | None, known: tuple[int, int] | None) -> Answer:
    if test is None:
        return Answer.MAYBE
    if any(low == 0 and high == 65535 for low, high in test.value):
        return _yes(True, test.negated)
    if known is None:
        return Answer.MAYBE
    if any(low <= known[0] and known[1] <= high for low, high in test.value):
        return _yes(True, test.negated)
    if all(known[1] < low or high < known[0] for low, high in test.value):
        return _yes(False, test.negated)
    return Answer.MAYBE


def _flags(rule: Rule, sketch: Sketch) -> Answer:
    test = rule.tcp_flags
    if test is None:
        return Answer.MAYBE
    mask, wanted = test.value
    unwanted = mask - wanted
    if wanted & mask & sketch.flags_clear or unwanted & sketch.flags_set or wanted - mask:
        return _yes(False, test.negated)
    return _yes(True, test.negated) if wanted <= sketch.flags_set and unwanted <= sketch.flags_clear else Answer.MAYBE


def _address_type(rule: Rule, part: Part, sketch: Sketch) -> Answer:
    result = Answer.YES
    for use in part.uses:
        local = {"--dst-type": sketch.destination_is_local, "--src-type": sketch.source_is_local}.get(use.option.name)
        only_local = bool(use.operands) and rule.text(use.operands[0]).upper() == "LOCAL"
        known = local is not None and only_local
        result = both(result, _yes(bool(local), use.negated) if known else Answer.MAYBE)
    return result


def _yes(holds: bool, negated: bool) -> Answer:
    return Answer.YES if holds is not negated else Answer.NO
