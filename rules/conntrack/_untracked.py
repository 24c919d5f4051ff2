"""What the rules about states have in common on packets that raw takes out of connection tracking."""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets.conditions import ALL_PORTS, Conditions, sketches
from ruleset_lint.packets.roles import TCP, UDP, accepting, may_pass
from ruleset_lint.packets.sketch import Answer, Sketch
from ruleset_lint.packets.untracked import Untracking, fate

_NAMES = {TCP: "tcp", UDP: "udp"}
_AFTER = {
    "PREROUTING": (("mangle", "PREROUTING"),),
    "INPUT": (("mangle", "INPUT"), ("filter", "INPUT")),
    "FORWARD": (("mangle", "FORWARD"), ("filter", "FORWARD")),
    "OUTPUT": (("mangle", "OUTPUT"), ("filter", "OUTPUT")),
}


def hooks_behind(untracking: Untracking) -> tuple[str, ...]:
    """The hooks that the untracked packets may come to: those of raw have mangle behind them."""
    if untracking.hook == "OUTPUT":
        return ("OUTPUT",)
    local = untracking.conditions.destination_is_local
    return ("PREROUTING", *(("INPUT",) if local else ("FORWARD",) if local is False else ("INPUT", "FORWARD")))


def chains_behind(untracking: Untracking) -> Iterator[tuple[str, str]]:
    """Tables and built-in chains that the packets may come to; nat is asked for no untracked packet."""
    return (chain for hook in hooks_behind(untracking) for chain in _AFTER[hook])


def untracked_sketches(ruleset: Ruleset, untracking: Untracking) -> Iterator[tuple[Sketch, bool]]:
    """The packets, where the rule untracks some of them, and whether all of them are untracked."""
    for sketch in sketches(untracking.conditions, "UNTRACKED"):
        found = fate(ruleset, untracking.hook, sketch)
        if untracking.rule in found.by:
            yield sketch, found.untracked is Answer.YES


def is_served(ruleset: Ruleset, hook: str, conditions: Conditions) -> bool:
    """Whether the filter lets the untracked packets through at a hook; in FORWARD by a rule, not by its policy."""
    if hook == "INPUT":
        return may_pass(ruleset, hook, conditions, "UNTRACKED")
    return bool(accepting(ruleset, hook, conditions, "UNTRACKED"))


def name(conditions: Conditions) -> str:
    """`tcp/80`, `udp/53, 5353`, `everything`: by the ports asked for, on whichever side they are."""
    by_source = conditions.destination_ports == ALL_PORTS
    ports = conditions.source_ports if by_source else conditions.destination_ports
    protocol = _NAMES.get(conditions.protocol or 0, "")
    if ports == ALL_PORTS:
        return f"all {protocol}" if protocol else "everything"
    text = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in ports)
    return f"{protocol}/{text}" if protocol else f"port {text}"
