"""safety/ipset-missing"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ruleset_lint.lint import Confidence, Finding, Fix, Safety, Severity, at_rule, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape

from . import _shared

_OPTIONS = ("--match-set", "--add-set", "--del-set", "--map-set")


@rule(Severity.WARNING)
def ipset_missing(ruleset: Ruleset, host: Host) -> Iterator[Finding]:
    """Rules ask for a set that no file defines, so nothing of the file is loaded at boot

    ## What it does
    Compares the sets that the rules of a file loaded at boot name (`-m set`, `-j SET`) with those that the files of
    ipset define: `etc/sysconfig/ipset`, `etc/sysconfig/ipset.d`, `etc/iptables/ipsets`, `etc/ipset.conf` and the like.
    It needs such a file or a whole machine. Likely: a unit or a script may make the set as well.

    ## Why is this bad?
    A rule that names a set which does not exist is refused, and with it the table and the rest of the file: the machine
    comes up without a firewall. While it runs nobody sees it, since the set is there.

    ## Example
    ```
    # etc/iptables/rules.v4, and no etc/iptables/ipsets
    -A INPUT -m set --match-set blocked src -j DROP
    ```

    ## Use instead
    ```
    # etc/iptables/ipsets, by ipset-persistent
    create blocked hash:net family inet
    ```

    ## Fix safety
    Manual: only the administrator knows what is in the set.

    ## Since
    Every release with ipset.

    ## Source
    Measured with iptables 1.8.9 (nft and legacy), kernel 6.18: "Set blocked doesn't exist", exit code 2; the table that
    names it is not loaded, nor are those behind it.
    """
    if host.sets is None or not _shared.is_loaded_at_boot(ruleset):
        return
    missing = _missing(ruleset, host.sets)
    if missing and _shared.loads(ruleset):
        yield _finding(ruleset, missing)


def _missing(ruleset: Ruleset, sets: frozenset[str]) -> Mapping[str, Rule]:
    """The first rule that names a set which is not defined, by the set's name."""
    found: dict[str, Rule] = {}
    for shape, rules in ruleset.by_shape.items():
        for operand in _operands(shape):
            for made in rules:
                name = made.text(operand)
                if name not in sets:
                    found.setdefault(name, made)
    return found


def _operands(shape: Shape) -> Iterator[int | str]:
    """The words of a shape that name sets."""
    for part in shape.parts:
        for use in part.uses if part.name in ("set", "SET") else ():
            if use.option.name in _OPTIONS and use.operands:
                yield use.operands[0]


def _finding(ruleset: Ruleset, missing: Mapping[str, Rule]) -> Finding:
    in_order = sorted(missing.items(), key=lambda pair: pair[1].number)
    (name, first), *others = in_order
    more = f" and {len(others)} more sets" if len(others) > 1 else " and another set" if others else ""
    verb = "are" if others else "is"
    return Finding(
        at_rule(ruleset, first, f"asks for {name}"),
        f"the set {name}{more} {verb} defined by no file: at boot none of these rules is loaded",
        related=tuple(at_rule(ruleset, made, f"asks for {other}") for other, made in others[: _shared.MOST_PLACES]),
        help=("a unit or a script that makes it has to run before the firewall",),
        fix=Fix("save the set where ipset restores it from, before the firewall starts", safety=Safety.MANUAL),
        confidence=Confidence.LIKELY,
        by_absence=True,
    )
