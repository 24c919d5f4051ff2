"""notrack/one-sided"""

from collections.abc import Iterator
from typing import NamedTuple

from ruleset_lint.lint import Confidence, Finding, Fix, Safety, Severity, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets.conditions import ALL_PORTS, Conditions, meet, mirrored, sketches
from ruleset_lint.packets.roles import TCP, accepting, opening
from ruleset_lint.packets.sketch import Answer
from ruleset_lint.packets.untracked import NOT_LOOPBACK, Untracking, fate, untrackings

from . import _shared

_OTHER_SIDE = {"PREROUTING": ("OUTPUT", "PREROUTING"), "OUTPUT": ("PREROUTING",)}


class _Half(NamedTuple):
    untracking: Untracking
    conditions: Conditions
    hook: str  # where the other half should be untracked
    confidence: Confidence


@rule(Severity.ERROR, yields_to=("notrack/drops-clients", "notrack/helper-port", "notrack/synproxy"))
def one_sided(ruleset: Ruleset) -> Iterator[Finding]:
    """A service is untracked in one direction and tracked in the other

    ## What it does
    Looks for packets that a raw rule untracks and whose answers no raw rule untracks: on a host the answers to
    `PREROUTING --dport` pass `OUTPUT --sport`, on a router `PREROUTING --sport`. Silent are protocols nobody answers
    (syslog, NetFlow, VXLAN, multicast), rules for SYNs before SYNPROXY, and the loopback.

    ## Why is this bad?
    Where only requests are untracked, each answer that has data opens an entry again: the table is as full as before,
    and the SYN,ACK is INVALID, which many OUTPUT chains drop. Where only answers are untracked, every request leaves a
    half-open entry, and the connection dies.

    ## Example
    ```
    *raw
    -A PREROUTING -p tcp -m tcp --dport 80 -j NOTRACK
    COMMIT
    ```

    ## Use instead
    ```
    *raw
    -A PREROUTING ! -i lo -p tcp -m tcp --dport 80 -j NOTRACK
    -A OUTPUT ! -o lo -p tcp -m tcp --sport 80 -j NOTRACK
    COMMIT
    ```

    ## Fix safety
    Unsafe: the added rule untracks packets that the filter may accept only as ESTABLISHED. Manual where it cannot be
    told what the other direction is.

    ## Since
    Every kernel with the raw table (2.6.6).

    ## Source
    Measured on kernel 6.18 with iptables 1.8.9 (nft and legacy): one entry a connection with PREROUTING alone, SYN,ACK
    dropped with OUTPUT alone.
    """
    for untracked in dict.fromkeys(found.rule for found in ([] if ruleset.fragment else untrackings(ruleset))):
        halves = [half for found in untrackings(ruleset) if found.rule is untracked for half in _halves(ruleset, found)]
        if halves:
            yield _finding(ruleset, untracked, halves)


def _halves(ruleset: Ruleset, untracking: Untracking) -> Iterator[_Half]:
    asked = untracking.conditions
    if not _shared.has_two_sides(untracking) or (_shared.only_first_packets(asked) and _shared.has_synproxy(ruleset)):
        return
    for part in _shared.each_range(asked):
        if not _shared.is_one_way(part) and _reached(ruleset, untracking, part):
            half = _half(ruleset, untracking, part)
            if half:
                yield half


def _half(ruleset: Ruleset, untracking: Untracking, part: Conditions) -> _Half | None:
    tracked = [hook for hook in _OTHER_SIDE[untracking.hook] if _stays_tracked(ruleset, hook, part)]
    if len(tracked) == len(_OTHER_SIDE[untracking.hook]):
        hook = "PREROUTING" if part.destination_is_local is False or _is_router(ruleset, part) else tracked[0]
        return _Half(untracking, part, hook, Confidence.PROVEN)
    # the answers are untracked as a router would have to: is it one?
    served_here = part.destination_is_local is not False and not untracking.by_source_port
    if "OUTPUT" in tracked and served_here and _accepts_new(ruleset, "INPUT", part):
        router = _accepts_new(ruleset, "FORWARD", part)
        return _Half(untracking, part, "OUTPUT", Confidence.LIKELY if router else Confidence.PROVEN)
    return None


def _reached(ruleset: Ruleset, untracking: Untracking, part: Conditions) -> bool:
    return any(untracking.rule in fate(ruleset, untracking.hook, sketch).by for sketch in sketches(part))


def _stays_tracked(ruleset: Ruleset, hook: str, part: Conditions) -> bool:
    """Whether no rule untracks the answers at a hook; one that comes too late is the business of notrack/late."""
    answers = meet(mirrored(part), NOT_LOOPBACK[hook])
    if answers is None or any(meet(answers, other.conditions) for other in untrackings(ruleset) if other.hook == hook):
        return False
    return all(fate(ruleset, hook, sketch).untracked is Answer.NO for sketch in sketches(answers))


def _is_router(ruleset: Ruleset, part: Conditions) -> bool:
    return _accepts_new(ruleset, "FORWARD", part) and not _accepts_new(ruleset, "INPUT", part)


def _accepts_new(ruleset: Ruleset, hook: str, part: Conditions) -> bool:
    return bool(accepting(ruleset, hook, opening(part), "NEW") or accepting(ruleset, hook, opening(part), "UNTRACKED"))


def _finding(ruleset: Ruleset, untracked: Rule, halves: list[_Half]) -> Finding:
    half = halves[0]
    conditions = _shared.together(other.conditions for other in halves if other.untracking.hook == half.untracking.hook)
    sure = all(other.confidence is Confidence.PROVEN for other in halves)
    answers = f"nothing here untracks {_answers(conditions)}"
    return Finding(
        at_rule(ruleset, untracked, "untracked here"),
        _message(half.untracking, conditions),
        related=_shared.chain_place(ruleset, "raw", half.hook, answers),
        help=_example(half.untracking, half.conditions),
        fix=_fix(ruleset, half, conditions),
        confidence=Confidence.PROVEN if sure else Confidence.LIKELY,
    )


def _message(untracking: Untracking, conditions: Conditions) -> str:
    service = _shared.service_name(conditions)
    match untracking.hook, untracking.by_source_port:
        case "PREROUTING", False:
            return f"{service} is untracked on its way in and tracked on its way out: the replies open entries again"
        case "OUTPUT", True:
            return f"{service} is untracked on its way out and tracked on its way in: requests leave half-open entries"
        case "PREROUTING", _:
            return f"answers from {service} are untracked and the requests are tracked: they leave half-open entries"
        case _:
            return f"requests to {service} are untracked and the answers are tracked: they open entries again"


def _answers(conditions: Conditions) -> str:
    if conditions.destination_ports != ALL_PORTS:
        return f"--sport {_shared.port_names(conditions.destination_ports)}"
    return (
        f"--dport {_shared.port_names(conditions.source_ports)}" if conditions.source_ports != ALL_PORTS else "packets"
    )


def _example(untracking: Untracking, conditions: Conditions) -> tuple[str, ...]:
    family = conditions.family
    if untracking.hook != "PREROUTING" or conditions.protocol != TCP or conditions.destination_ports == ALL_PORTS:
        return ()
    port = conditions.destination_ports[0][0]
    client = _shared.address(family, 2, conditions.source)
    flow = f"{client}:40000 > {_shared.address(family, 1, conditions.destination)}:{port}"
    return (f"{flow} SYN: UNTRACKED, its SYN,ACK: INVALID, the next reply opens an entry",)


def _fix(ruleset: Ruleset, half: _Half, conditions: Conditions) -> Fix:
    """The missing rule, where it can be told: on a router only if the server's address is known."""
    line = _missing_rule(half, conditions)
    if line is None:
        return Fix("untrack both directions, or none", safety=Safety.MANUAL)
    return Fix(f"add `{line}`", (_shared.insert_after(ruleset, half.untracking.rule, line),), Safety.UNSAFE)


def _missing_rule(half: _Half, conditions: Conditions) -> str | None:
    untracking = half.untracking
    to_router = untracking.hook == half.hook == "PREROUTING"
    name = _shared.PROTOCOLS.get(conditions.protocol or 0)
    simple = conditions._replace(destination=(), source=()).exact and untracking.hook != half.hook
    addresses = _swapped_addresses(untracking.way)
    if to_router or name is None or not simple or addresses is None or not _one_port_side(conditions):
        return None
    ports = conditions.source_ports if untracking.by_source_port else conditions.destination_ports
    side = "dport" if untracking.by_source_port else "sport"
    texts = [str(low) if low == high else f"{low}:{high}" for low, high in ports]
    if sum(2 if ":" in text else 1 for text in texts) > 15:
        return None
    match = f"-m {name} --{side} {texts[0]}" if len(texts) == 1 else f"-m multiport --{side}s {','.join(texts)}"
    outside = "! -o lo" if half.hook == "OUTPUT" else "! -i lo"
    return f"-A {half.hook} {outside}{addresses} -p {name} {match} -j {_shared.untrack(untracking.rule)}"


def _swapped_addresses(way: tuple[Rule, ...]) -> str | None:
    """`-s` and `-d` of the answers, as the rules write them; None if both a jump and its rule ask for one."""
    found: dict[str, str] = {}
    for step in way:
        for name, other in (("-s", "-d"), ("-d", "-s")):
            use = step.shape.parameter(name)
            if use and use.operands:
                if other in found or use.negated:
                    return None
                found[other] = step.text(use.operands[0])
    return "".join(f" {name} {text}" for name, text in sorted(found.items(), reverse=True))


def _one_port_side(conditions: Conditions) -> bool:
    return (conditions.source_ports == ALL_PORTS) != (conditions.destination_ports == ALL_PORTS)
