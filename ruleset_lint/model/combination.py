"""What of a shape does not go together: options, protocol, table, hooks. Knows no values but the protocol's."""

from collections.abc import Iterator
from typing import NamedTuple

from ruleset_lint.model.rule import Test
from ruleset_lint.model.shape import Part, Problem, Shape
from ruleset_lint.netfilter.commands import ANYWHERE, LISTING, WITH_RULE
from ruleset_lint.netfilter.conditions import (
    ALSO,
    EXCLUSIVE,
    NEGATED_PROTOCOL_LOADS,
    OPTION_HOOKS,
    OPTION_PROTOCOLS,
    REQUIRED,
)
from ruleset_lint.netfilter.hooks import WITHOUT_INPUT, WITHOUT_OUTPUT
from ruleset_lint.netfilter.values import PROTOCOLS

BACKENDS = frozenset({"nft", "legacy"})
NFT = frozenset({"nft"})
LEGACY = frozenset({"legacy"})


class Circumstances(NamedTuple):
    """Where a rule stands, and the protocol it asks for."""

    table: str
    chain: str
    hooks: frozenset[str]  # the built-in chains from which its chain is reached
    protocol: Test[int] | None


class Misplaced(NamedTuple):
    """A word that does not go with the circumstances; `protocol` if that is what is wrong, `limit` if it is a size."""

    item: int
    reason: str
    protocol: bool = False
    backends: frozenset[str] = BACKENDS
    limit: bool = False


def conflicts(shape: Shape) -> Iterator[Problem]:
    """Options that exclude each other, and options that want others which are not there."""
    for part in shape.parts:
        if not part.entry:
            continue
        used = {use.option.name: use.item for use in part.uses}
        for group in EXCLUSIVE.get(part.entry.name, ()):
            both = [name for name in used if name in group]
            if len(both) > 1:
                yield Problem(used[both[1]], f"{both[1]} cannot stand with {both[0]}")
        for name, wanted in ALSO.get(part.entry.name, {}).items():
            if name in used and not any(other in used for other in wanted):
                yield Problem(used[name], f"{name} wants {' or '.join(wanted)}")
        for name in REQUIRED.get(part.entry.name, ()):
            if name not in used:
                yield Problem(part.item, f"{part.name} wants {name}")


def out_of_place(shape: Shape) -> Iterator[Problem]:
    """Options that do not go with the command."""
    name = shape.command.option.name if shape.command else ""
    for use in shape.parameters:
        option = use.option.name
        if option in LISTING if name in WITH_RULE else option not in LISTING | ANYWHERE:
            yield Problem(use.item, f"{option} does not go with {name}")
    numbered = name == "-D" and shape.command is not None and len(shape.command.operands) > 1
    if numbered:
        yield from (Problem(use.item, f"{use.option.name} does not go with a number") for use in shape.parameters)
    if name not in WITH_RULE or numbered:
        items = [part.item for part in shape.parts] + ([shape.jump.item] if shape.jump else [])
        yield from (Problem(item, f"a rule does not go with {name}") for item in items)


def misplaced(shape: Shape, around: Circumstances) -> Iterator[Misplaced]:
    """What of a shape is refused in a table, a hook, or with a protocol."""
    for name, without in (("-i", WITHOUT_INPUT), ("-o", WITHOUT_OUTPUT)):
        use = shape.parameter(name)
        if use and around.chain in without:
            yield Misplaced(use.item, f"{name} cannot stand in {around.chain}")
    for part in shape.parts:
        yield from _misplaced_part(part, around)
        yield from _misplaced_options(part, around)


def _misplaced_part(part: Part, around: Circumstances) -> Iterator[Misplaced]:
    entry = part.entry
    if not entry:
        return
    if entry.tables and around.table and around.table not in entry.tables:
        yield Misplaced(part.item, f"{part.name} is for the {' and '.join(sorted(entry.tables))} table")
    elif entry.hooks and not around.hooks <= entry.hooks:
        yield Misplaced(part.item, f"{part.name} cannot stand in {_elsewhere(around, entry.hooks)}")
    elif part.name == "DROP" and around.table == "nat":
        yield Misplaced(part.item, "the nat table is not for dropping packets")
    elif part.name == "TRACE" and around.table and around.table != "raw":
        yield Misplaced(part.item, "TRACE is for the raw table", backends=LEGACY)
    elif part.name == "QUEUE":
        yield Misplaced(part.item, "iptables-nft has no target QUEUE: NFQUEUE takes its place", backends=NFT)
    if entry.protocols and not _is_one_of(around.protocol, entry.protocols):
        positive = around.protocol and _is_one_of(around.protocol._replace(negated=False), entry.protocols)
        backends = LEGACY if positive and part.name in NEGATED_PROTOCOL_LOADS else BACKENDS
        yield Misplaced(part.item, f"{part.name} wants -p {_names(entry.protocols)}", True, backends)


def _misplaced_options(part: Part, around: Circumstances) -> Iterator[Misplaced]:
    name = part.entry.name if part.entry else ""
    bridged = part.use("--physdev-is-bridged")
    if bridged and not bridged.negated:  # then xt_physdev asks for no hook
        return
    for use in part.uses:
        key = (name, use.option.name)
        hooks, protocols = OPTION_HOOKS.get(key), OPTION_PROTOCOLS.get(key)
        if name == "TCPMSS" and use is not part.uses[-1]:  # the last one counts
            continue
        if hooks and not around.hooks <= hooks:
            yield Misplaced(use.item, f"{use.option.name} cannot stand in {_elsewhere(around, hooks)}")
        if protocols and not _is_one_of(around.protocol, protocols):
            yield Misplaced(use.item, f"{use.option.name} wants -p {_names(protocols)}", protocol=True)


def _elsewhere(around: Circumstances, hooks: frozenset[str]) -> str:
    return ", ".join(sorted(around.hooks - hooks))


def _names(protocols: frozenset[str]) -> str:
    return " or ".join(sorted(protocols))


def _is_one_of(protocol: Test[int] | None, wanted: frozenset[str]) -> bool:
    return bool(protocol and not protocol.negated and protocol.value in {PROTOCOLS[name] for name in wanted})
