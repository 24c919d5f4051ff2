"""What of a rule's values does not agree with the rest of the rule. Knows one rule, not the ruleset."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruleset_lint.model.combination import LEGACY, NFT, Misplaced
from ruleset_lint.model.option_order import BY_NAME
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.shape import Part, Shape, Use
from ruleset_lint.netfilter.conditions import VALUE_NEEDS
from ruleset_lint.netfilter.option_names import HELPERS
from ruleset_lint.netfilter.rate_values import burst_of, byte_cost, bytes_a_second, cost_bytes, hash_interval, interval
from ruleset_lint.netfilter.values import PROTOCOLS, number

_CREDITS = 32000  # of xt_limit in a second
_HASH_CREDITS = 137438953  # of xt_hashlimit in a microsecond, for kernels of 250 or 1000 ticks a second
_MOST_HASH_BURST = 1000000
_MOST_BURST = 10000  # of limit; what is more does not read
_UNASKED = frozenset({"--dport", "--probability", "--sport"})  # any that reads will do
_WITH_MORE = frozenset({"CT", "TCPMSS", "cluster", "hashlimit", "limit", "statistic", *BY_NAME})
_WITH_VALUES = frozenset(name for name, _ in VALUE_NEEDS) | _WITH_MORE


def looked_at(shape: Shape) -> tuple[int, ...] | None:
    """The numbers of the values that `at_odds` depends on; None if it says nothing about rules of the shape."""
    parts = [part for part in shape.parts if part.entry and part.entry.name in _WITH_VALUES]
    parts = [part for part in parts if not _has_its_protocol(shape, part)]
    uses = [use for use in shape.parameters if use.negated or use.option.name in ("-c", "-p")]
    asks = any(use.option.name == "-c" or (use.negated and use.option.name in ("-s", "-d", "-p")) for use in uses)
    if not (parts or asks or shape.unclaimed):
        return None
    parts += [part for part in shape.matches if part.name == "tcp"]  # TCPMSS wants SYN among the flags
    uses += [use for part in parts for use in part.uses if use.option.name not in _UNASKED]
    uses += [shape.jump] if shape.jump and shape.unclaimed else []
    return tuple(operand for use in uses for operand in use.operands if isinstance(operand, int))


def _has_its_protocol(shape: Shape, part: Part) -> bool:
    """Whether a part's values only want a protocol, and all rules of the shape have it."""
    if part.name in _WITH_MORE:
        return False
    use = shape.parameter("-p")
    protocol = use.operands[0] if use and use.operands and not use.negated else None
    number = PROTOCOLS.get(protocol) if isinstance(protocol, str) else None
    needs = (VALUE_NEEDS.get((part.name, use.option.name), {}) for use in part.uses)
    return number is not None and all(number in need.protocols for several in needs for need in several.values())


def at_odds(rule: Rule, jumps_to_chain: bool) -> Iterator[Misplaced]:
    """What of a rule's values iptables or the kernel refuses because of its other values."""
    yield from (_parameters(rule))
    for part in rule.shape.parts:
        if part.entry and part.entry.name in _WITH_VALUES:
            yield from _part(rule, part)
    for problem in rule.shape.unclaimed if jumps_to_chain else ():
        yield Misplaced(problem.item, problem.reason)


def _parameters(rule: Rule) -> Iterator[Misplaced]:
    for use in rule.shape.parameters:
        name, value = use.option.name, rule.text(use.operands[0]) if use.operands else ""
        if name == "-c" and (len(use.operands) == 2) == ("," in value):
            yield Misplaced(use.item, "-c wants packets and bytes")
        if not use.negated:
            continue
        if name in ("-s", "-d") and "," in value:
            yield Misplaced(use.item, f"! cannot stand before {name} with several addresses")
        elif name in ("-s", "-d") and _is_any(rule, name, value):
            yield Misplaced(use.item, f"! {name} with all addresses matches nothing", backends=NFT)
        elif name == "-p" and rule.protocol and rule.protocol.value == 0:
            yield Misplaced(use.item, "! -p with all protocols matches nothing")


def _is_any(rule: Rule, name: str, value: str) -> bool:
    _, slash, mask = value.partition("/")
    if not slash or mask.strip("+0.:xX"):  # most networks: their mask has another digit
        return False
    test = rule.source if name == "-s" else rule.destination
    return bool(test and not test.value[0].mask)


def _part(rule: Rule, part: Part) -> Iterator[Misplaced]:
    for use in part.uses:
        yield from _protocol_of_value(rule, part, use)
    if part.name in BY_NAME:
        yield from BY_NAME[part.name](rule, part)
    if part.name == "statistic":
        yield from _statistic(rule, part)
    elif part.name == "limit":
        yield from _limit(rule, part)
    elif part.name == "hashlimit":
        yield from _hashlimit(rule, part)
    elif part.name == "CT":
        yield from _helper(rule, part)
    elif part.name == "cluster":
        yield from _cluster(rule, part)
    elif part.name == "TCPMSS" and not _is_syn_only(rule):
        yield Misplaced(part.item, "TCPMSS wants a rule for SYN packets only", backends=LEGACY)


def _protocol_of_value(rule: Rule, part: Part, use: Use) -> Iterator[Misplaced]:
    needs = VALUE_NEEDS.get((part.name, use.option.name), {}).get(rule.family)
    if not needs or not use.operands or not re.fullmatch(needs.pattern, rule.text(use.operands[0]).lower()):
        return
    protocol = rule.protocol
    if not protocol or protocol.value not in needs.protocols or (protocol.negated and not needs.negatable):
        yield Misplaced(use.item + 1, needs.wanted, protocol=True)


def _statistic(rule: Rule, part: Part) -> Iterator[Misplaced]:
    mode = rule.option(part, "--mode")
    wanted = {"random": "--probability", "nth": "--every"}.get(mode or "")
    if wanted and not part.use(wanted):
        yield Misplaced(part.item, f"--mode {mode} wants {wanted}")
    every, packet = part.use("--every"), part.use("--packet")
    if every and packet and mode == "nth":
        numbers = [rule.option(part, name) or "" for name in ("--every", "--packet")]
        n, p = map(number, numbers)
        if n is not None and p is not None and p >= n:
            yield Misplaced(packet.item + 1, "--packet wants a number below that of --every")


def _limit(rule: Rule, part: Part) -> Iterator[Misplaced]:
    """What xt_limit refuses: a burst of none, and one whose time overflows 32 bits (limit_mt_check)."""
    use = part.use("--limit-burst") or part.use("--limit")
    burst = number(rule.option(part, "--limit-burst") or "5")
    if not use or burst is None or burst > _MOST_BURST:
        return
    if not burst:
        yield Misplaced(use.item + 1, "a burst of at least 1 expected", backends=LEGACY, limit=True)
        return
    try:
        average = interval(rule.option(part, "--limit") or "3/hour")
    except ValueError:
        return
    if _credits(average * burst % (1 << 32)) < _credits(average):
        most = (1 << 32) // _CREDITS * 10000 // average
        reason = f"a burst of at most {most} fits this rate"
        yield Misplaced(use.item + 1, reason, backends=LEGACY, limit=True)


def _credits(time: int) -> int:
    """user2credits of xt_limit.c for kernels of 250 or 1000 ticks a second, in its 32 bits."""
    return time // 10000 * _CREDITS % (1 << 32) if time > ((1 << 32) - 1) // _CREDITS else time * _CREDITS // 10000


def _hashlimit(rule: Rule, part: Part) -> Iterator[Misplaced]:
    """What libxt_hashlimit and xt_hashlimit refuse: a burst below the rate, one too large, one whose time overflows."""
    use = part.use("--hashlimit-above") or part.use("--hashlimit-upto")
    given = part.use("--hashlimit-burst")
    rate = rule.text(use.operands[0]) if use and use.operands else ""
    try:
        burst = burst_of(rule.option(part, "--hashlimit-burst") or "5")
        if rate.find("b/s") > 0:
            least = cost_bytes(byte_cost(bytes_a_second(rate)))
            if given and burst < least:
                yield Misplaced(given.item + 1, f"a burst of at least the rate expected, {least}b", limit=True)
            return
        time = hash_interval(rate)
    except ValueError:
        return
    place = given or use
    if place and burst > _MOST_HASH_BURST:
        yield Misplaced(place.item + 1, f"a burst of at most {_MOST_HASH_BURST} packets expected", limit=True)
    elif place and not part.use("--hashlimit-rate-match") and _hash_credits(time * burst) < _hash_credits(time):
        reason = f"a burst of at most {(1 << 64) // _HASH_CREDITS // time} fits this rate"
        yield Misplaced(place.item + 1, reason, limit=True)


def _hash_credits(time: int) -> int:
    """user2credits of xt_hashlimit.c, in its 64 bits."""
    return time * _HASH_CREDITS % (1 << 64)


def _cluster(rule: Rule, part: Part) -> Iterator[Misplaced]:
    use, total = part.use("--cluster-local-node"), number(rule.option(part, "--cluster-total-nodes") or "")
    node = number(rule.option(part, "--cluster-local-node") or "")
    if use and total is not None and node is not None and node > total:
        yield Misplaced(use.item + 1, "a node up to the number of nodes expected")
    use, mask = part.use("--cluster-local-nodemask"), number(rule.option(part, "--cluster-local-nodemask") or "")
    if use and total is not None and mask is not None and mask >= 1 << min(total, 32):
        yield Misplaced(use.item + 1, "a mask of no more bits than there are nodes expected")


def _helper(rule: Rule, part: Part) -> Iterator[Misplaced]:
    use, name = part.use("--helper"), rule.option(part, "--helper") or ""
    if not use or name not in HELPERS:
        return
    protocols, families = HELPERS[name]
    if rule.family not in families:
        yield Misplaced(use.item + 1, f"the helper {name} is for IPv4 only")
    elif rule.protocol and not rule.protocol.negated and rule.protocol.value not in map(PROTOCOLS.get, protocols):
        wanted = " or ".join(protocols)
        yield Misplaced(use.item + 1, f"the helper {name} wants -p {wanted}", protocol=True)


def _is_syn_only(rule: Rule) -> bool:
    # xt_TCPMSS find_syn_match: a tcp match that has SYN among the flags it compares with, not negated
    for part in rule.shape.matches:
        for use in part.uses if part.name == "tcp" else ():
            if use.option.name == "--syn" and not use.negated:
                return True
            if use.option.name == "--tcp-flags" and not use.negated and len(use.operands) == 2:
                return bool({"SYN", "ALL"} & set(rule.text(use.operands[1]).upper().split(",")))
    return False
