"""syntax/unknown-extension"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Severity, rule
from ruleset_lint.model.mending import mended
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape
from ruleset_lint.netfilter.targets import targets_of_others

from . import _shared


@rule(Severity.INFO)
def unknown_extension(ruleset: Ruleset) -> Iterator[Finding]:
    """A match or target is not known: what it does is not judged

    ## What it does
    Names the matches and targets that iptables itself does not have.

    ## Why is this bad?
    They are kept as they are. What packets they take, whether they need connection tracking and whether they still
    load is not judged; two that are written alike are taken to be the same.

    ## Example
    ```
    -A INPUT -m geoip ! --src-cc DE -j DROP
    ```

    ## Use instead
    Nothing else, if the extension is installed on the machine that loads the file.

    ## Fix safety
    No fix.

    ## Since
    All releases.

    ## Source
    iptables-extensions(8) of iptables 1.8.9.
    """
    refused = {refusal.line.number for refusal in _shared.refused(ruleset)}
    causes: dict[str, list[tuple[Rule, int]]] = {}
    meant = mended(ruleset).ruleset
    for shape, rules in meant.by_shape.items():
        for part in shape.matches:
            if part.entry is None:
                causes.setdefault(f"match {part.name}", []).extend((found, part.item) for found in rules)
        if shape.jump:
            for found in rules if shape.unclaimed else _calling_others(meant, shape):
                causes.setdefault(f"target {found.jump}", []).append((found, shape.jump.item + 1))
    for name, places in causes.items():
        known = [(found, item) for found, item in places if found.line.number not in refused]
        if known:
            first, *more = sorted(known, key=lambda place: place[0].line.number)
            yield Finding(
                _shared.at(ruleset, first[0].line.number, first[1]),
                f"{_shared.shown(name)} is not one of iptables: what it does is not judged"
                + _shared.and_others(len(more)),
                _shared.related(ruleset, _shared.numbers(more), "here too"),
            )


def _calling_others(ruleset: Ruleset, shape: Shape) -> Iterator[Rule]:
    """The rules whose target is known to be of others, and no chain of that name."""
    operands = shape.jump.operands if shape.jump else ()
    names = targets_of_others(ruleset.column(shape, operands[0]) if operands else ())
    for made in ruleset.by_shape[shape] if names else ():
        if made.jump in names and not ruleset.chain(made.table, made.jump or ""):
            yield made
