"""Rules in their normal form: as iptables-save 1.8.9 prints them after loading. Knows one rule at a time.

What the machine that loads has to look up (host names, users but root, an extension that is not in the catalogue) has
no normal form: such a rule is NoNormalFormError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import product
from typing import Literal

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.shape import Part
from ruleset_lint.netfilter.extension import Extension
from ruleset_lint.netfilter.normal_matches import MATCH_FIELDS, MATCH_PRINTERS
from ruleset_lint.netfilter.normal_targets import TARGET_FIELDS, TARGET_PRINTERS
from ruleset_lint.netfilter.normal_values import network_text, port_ends, protocol_name
from ruleset_lint.netfilter.saying import Said, Saying, field, print_fields
from ruleset_lint.netfilter.text_values import verbatim
from ruleset_lint.netfilter.values import flag_list, networks, port, resolved_port
from ruleset_lint.syntax.words import quote

Backend = Literal["nft", "legacy"]

_WITH_RULE = ("-A", "-I", "-R", "-D", "-C")
_MOST_RULES = 1024  # of one rule with two lists of addresses; longer ones stay as they are
_NATIVE = ("tcp", "udp")  # matches that iptables-nft makes into expressions of its own and reads back as one match


class NoNormalFormError(ValueError):
    """Only the machine that loads the rule can tell how it is printed."""


def normal_rules(rule: Rule, backend: Backend) -> list[str]:
    """The rule as save prints it, without counters: several lines where `-s` or `-d` lists addresses.

    The command stays what it is, in its short form. Raises NoNormalFormError.
    """
    head = " ".join(command_words(rule))
    return [f"{head} {body}" if body else head for body in normal_bodies(rule, backend)]


def command_words(rule: Rule) -> list[str]:
    """`-A INPUT`, `-I INPUT 3`. Raises NoNormalFormError for a line without a command."""
    command = rule.shape.command
    if command is None:
        raise NoNormalFormError("no command")
    return [command.option.name, *(quote(rule.text(operand)) for operand in command.operands)]


def normal_bodies(rule: Rule, backend: Backend) -> list[str]:
    """What stands behind the command, once for each pair of a source and a destination, the sources outside.

    Raises NoNormalFormError.
    """
    command = rule.shape.command
    if command is None or rule.shape.problems or rule.shape.unclaimed:
        raise NoNormalFormError("not a rule that loads")
    if command.option.name not in _WITH_RULE or (command.option.name == "-D" and len(command.operands) > 1):
        return [""]
    try:
        ends = [*_interfaces(rule, backend), *_protocol(rule), *_matches(rule, backend), *_target(rule, backend)]
        sources, destinations = _addresses(rule, "-s"), _addresses(rule, "-d")
        if len(sources) * len(destinations) > _MOST_RULES:
            raise NoNormalFormError(f"one rule that becomes more than {_MOST_RULES}")
        pairs = product(sources, destinations)
        return [" ".join((*source, *destination, *ends)) for source, destination in pairs]
    except (ValueError, IndexError, StopIteration, KeyError, OverflowError) as error:
        raise NoNormalFormError(str(error)) from None


def _addresses(rule: Rule, option: str) -> list[list[str]]:
    """`-s address/mask` for each address of the list; nothing where any address will do."""
    use = rule.shape.parameter(option)
    if not use:
        return [[]]
    found = networks(rule.text(use.operands[0]), rule.family)
    bang = ["!"] if use.negated else []
    return [
        [*bang, option, network_text(network, rule.family)] if network.mask or use.negated else [] for network in found
    ]


def _interfaces(rule: Rule, backend: Backend) -> Iterator[str]:
    for option in ("-i", "-o"):
        use = rule.shape.parameter(option)
        name = rule.text(use.operands[0]) if use else ""
        if use and (name != "+" or (use.negated and backend == "nft")):
            yield from (*(["!"] if use.negated else []), option, verbatim(name, rule.family))


def _protocol(rule: Rule) -> Iterator[str]:
    use = rule.shape.parameter("-p")
    name = protocol_name(rule.text(use.operands[0]), rule.family) if use else None
    if use and name:
        yield from (*(["!"] if use.negated else []), "-p", name)
    fragment = rule.shape.parameter("-f")
    if fragment:
        yield from (*(["!"] if fragment.negated else []), "-f")


def _matches(rule: Rule, backend: Backend) -> list[str]:
    sayings = [_saying(rule, part, backend) for part in rule.shape.matches]
    words: list[str] = []
    for saying in _as_nft_reads(sayings) if backend == "nft" else sayings:
        words += ["-m", saying.name, *_print(saying, match=True)]
    return words


def _saying(rule: Rule, part: Part, backend: Backend) -> Saying:
    if part.entry is None:
        raise NoNormalFormError(f"{part.name} is not in the catalogue")
    said = tuple(
        Said(use.option.name, use.negated, tuple(rule.text(operand) for operand in use.operands)) for use in part.uses
    )
    return Saying(part.entry.name, _in_order(part.entry, said), rule.family, backend)


def _in_order(entry: Extension, said: tuple[Said, ...]) -> tuple[Said, ...]:
    """In the order of the catalogue, for what has no table; repeated options keep theirs."""
    if any(entry.name in known for known in (MATCH_FIELDS, MATCH_PRINTERS, TARGET_FIELDS, TARGET_PRINTERS)):
        return said
    order = [option.name for option in entry.options]
    return tuple(sorted(said, key=lambda one: order.index(one.option)))


def _target(rule: Rule, backend: Backend) -> list[str]:
    shape = rule.shape
    if shape.target:
        saying = _saying(rule, shape.target, backend)
        return ["-j", saying.name, *_print(saying, match=False)]
    return [shape.jump.option.name, quote(rule.jump or "")] if shape.jump else []


@lru_cache(maxsize=1 << 14)
def _print(saying: Saying, *, match: bool) -> tuple[str, ...]:
    printers, fields = (MATCH_PRINTERS, MATCH_FIELDS) if match else (TARGET_PRINTERS, TARGET_FIELDS)
    if saying.name in printers:
        return tuple(printers[saying.name](saying))
    known = fields.get(saying.name)
    return tuple(print_fields(saying, known if known is not None else [field(one.option) for one in saying.said]))


def _as_nft_reads(sayings: Sequence[Saying]) -> list[Saying]:
    """One tcp or udp match in the place of the first; none where nothing is left to ask."""
    found: list[Saying] = []
    for saying in map(_turned, sayings):
        if saying.name not in _NATIVE or saying.has("--tcp-option") or not _asks(saying):
            found.append(saying)
            continue
        if not _print(saying, match=True):
            continue
        place = next((number for number, other in enumerate(found) if _is_native(other, saying.name)), None)
        if place is None:
            found.append(saying)
        else:
            found[place] = Saying(saying.name, found[place].said + saying.said, saying.family, saying.backend)
    return found


def _is_native(saying: Saying, name: str) -> bool:
    return saying.name == name and not saying.has("--tcp-option") and _asks(saying)


def _asks(saying: Saying) -> bool:
    """Whether the match says more than that all ports will do."""
    asks = bool(_print(saying, match=True)) or any(said.negated for said in saying.said)
    flags = saying.find("--tcp-flags")
    return asks or bool(flags and flag_list(flags.words[1], saying.family))


def _turned(saying: Saying) -> Saying:
    """`! --sport 0:5` is read back as `--sport 6:65535`."""
    if saying.name not in _NATIVE or saying.has("--tcp-option"):
        return saying
    said = tuple(_turned_ports(one, port if saying.name == "tcp" else resolved_port) for one in saying.said)
    return Saying(saying.name, said, saying.family, saying.backend)


def _turned_ports(said: Said, read: Callable[[str, int], int]) -> Said:
    if not said.negated or said.option not in ("--sport", "--dport"):
        return said
    low, high = port_ends(said.words[0], 4, read)
    return Said(said.option, False, (f"{high + 1}:65535",)) if low == 0 < high < 0xFFFF else said
