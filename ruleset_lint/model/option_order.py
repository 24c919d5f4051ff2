"""What particular matches and targets refuse about their own options: an order, values that do not agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ruleset_lint.model.combination import Misplaced
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.shape import Part, Use
from ruleset_lint.netfilter.conditions import HASHED
from ruleset_lint.netfilter.time_values import clock_time
from ruleset_lint.netfilter.values import number

# built-in chains whose packets have not met, or have met already, what the direction is about
_POLICY_HOOKS = {"in": frozenset({"OUTPUT", "POSTROUTING"}), "out": frozenset({"PREROUTING", "INPUT"})}
_ELEMENT = ("--reqid", "--spi", "--proto", "--mode", "--tunnel-src", "--tunnel-dst")


def _policy(rule: Rule, part: Part) -> Iterator[Misplaced]:
    hooks, way = _POLICY_HOOKS.get(rule.option(part, "--dir") or "", frozenset()), part.use("--dir")
    if way and hooks and rule.chain in hooks:
        yield Misplaced(way.item, f"--dir {rule.option(part, '--dir')} cannot stand in {rule.chain}")
    strict, none = part.use("--strict"), rule.option(part, "--pol") == "none"
    if strict and none:
        yield Misplaced(strict.item, "--strict cannot stand with --pol none")
    for element in () if none else _elements(part):
        names = [use.option.name for use in element]
        for place, use in enumerate(element):
            if use.option.name in names[:place]:
                yield Misplaced(use.item, f"{use.option.name} is there already: --next begins another element")
            elif use.option.name.startswith("--tunnel") and not _is_tunnel(rule, element):
                yield Misplaced(use.item, f"{use.option.name} wants --mode tunnel")
        if strict and not element:
            yield Misplaced(strict.item, "--strict wants an element: " + ", ".join(_ELEMENT))


def _elements(part: Part) -> list[list[Use]]:
    """What a policy match asks of each transformation; `--next` stands between."""
    found: list[list[Use]] = [[]]
    for use in part.uses:
        if use.option.name == "--next":
            found.append([])
        elif use.option.name in _ELEMENT:
            found[-1].append(use)
    return found


def _is_tunnel(rule: Rule, element: list[Use]) -> bool:
    modes = [use for use in element if use.option.name == "--mode"]
    return bool(modes) and (rule.text(modes[0].operands[0]) == "tunnel") != modes[0].negated


def _hash_mark(rule: Rule, part: Part) -> Iterator[Misplaced]:
    """What libxt_HMARK takes for an option that is there already: the tuple stands for one each of its names."""
    said: set[str] = set()
    for use in part.uses:
        name = use.option.name
        if name in said:
            yield Misplaced(use.item, f"{name} is said by --hmark-tuple already")
        given = rule.text(use.operands[0]).split(",") if name == "--hmark-tuple" and use.operands else []
        said |= {name, *(option for option, word in HASHED.items() if word in given)}
    spi, ports = "--hmark-spi-mask" in said, {"--hmark-sport-mask", "--hmark-dport-mask"} & said
    if spi and ports:
        yield Misplaced(part.item, f"--hmark-spi-mask cannot stand with {min(ports)}")


def _routing_header(rule: Rule, part: Part) -> Iterator[Misplaced]:
    """What libip6t_rt wants to have read before an option."""
    for place, use in enumerate(part.uses):
        before = {other.option.name: other for other in part.uses[:place]}
        kind = before.get("--rt-type")
        if use.option.name in ("--rt-0-res", "--rt-0-addrs") and not (
            kind and not kind.negated and number(rule.text(kind.operands[0])) == 0
        ):
            yield Misplaced(use.item, f"{use.option.name} wants --rt-type 0 before it")
        elif use.option.name == "--rt-0-not-strict" and "--rt-0-addrs" not in before:
            yield Misplaced(use.item, "--rt-0-not-strict wants --rt-0-addrs before it")


def _contiguous(rule: Rule, part: Part) -> Iterator[Misplaced]:
    use = part.use("--contiguous")
    times = (rule.option(part, "--timestart") or "0:0", rule.option(part, "--timestop") or "23:59:59")
    try:
        start, stop = (clock_time(text, rule.family) for text in times)
    except ValueError:
        return
    if use and start < stop:
        yield Misplaced(use.item, "--contiguous wants a --timestop before --timestart")


def _owner(_rule: Rule, part: Part) -> Iterator[Misplaced]:
    names = [use.option.name for use in part.uses]
    if "--suppl-groups" in names and "--gid-owner" not in names[: names.index("--suppl-groups")]:
        use = part.uses[names.index("--suppl-groups")]
        yield Misplaced(use.item, "--suppl-groups wants --gid-owner before it")


def _string(rule: Rule, part: Part) -> Iterator[Misplaced]:
    use = part.use("--from") or part.use("--to")
    first, last = (number(rule.option(part, option) or usual) for option, usual in (("--from", "0"), ("--to", "65535")))
    if use and first is not None and last is not None and first > last:
        yield Misplaced(use.item + 1, "--from up to --to expected")


BY_NAME: Mapping[str, Callable[[Rule, Part], Iterator[Misplaced]]] = {
    "HMARK": _hash_mark,
    "owner": _owner,
    "policy": _policy,
    "rt": _routing_header,
    "string": _string,
    "time": _contiguous,
}
