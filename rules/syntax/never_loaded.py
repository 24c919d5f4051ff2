"""syntax/never-loaded"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Edit, Finding, Fix, Safety, Severity, Span, rule
from ruleset_lint.model.mending import mended
from ruleset_lint.model.passing_over import loads_without
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import is_skipped

from . import _shared


@rule(Severity.ERROR)
def never_loaded(ruleset: Ruleset) -> Iterator[Finding]:
    """The rule is for the other address family: restore passes over it

    ## What it does
    Looks for `-6` in a file for iptables-restore, and for `-4` in one for ip6tables-restore. Silent where the file
    also has rules marked for its own family: then it is one file for both.

    ## Why is this bad?
    The line is skipped without a word. A rule that was to drop is not there, and nothing shows it.

    ## Example
    ```
    -A INPUT -6 -p tcp --dport 22 -j DROP
    ```

    ## Use instead
    ```
    -A INPUT -p tcp --dport 22 -j DROP
    ```

    ## Fix safety
    Unsafe: the rule comes alive.

    ## Since
    iptables 1.4.8 and later; older ones do not know the option.

    ## Source
    iptables(8), -4 and -6; measured on kernel 6.18 with iptables 1.8.9 (nft and legacy).
    """
    meant = mended(ruleset).ruleset
    other, own = ("-6", "-4") if ruleset.family == 4 else ("-4", "-6")
    shapes = {command.shape for command in meant.commands}
    if not any(is_skipped(shape, ruleset.family) for shape in shapes) or any(shape.parameter(own) for shape in shapes):
        return
    found = [command for command in meant.commands if is_skipped(command.shape, ruleset.family)]
    edits = {one: _without_option(ruleset, one, other) for one in found}
    for alive in (True, False):
        several = [one for one in found if bool(edits[one]) is alive]
        if several:
            yield _finding(ruleset, several, other, tuple(edit for one in several for edit in edits[one]))


def _finding(ruleset: Ruleset, found: list[Rule], other: str, edits: tuple[Edit, ...]) -> Finding:
    first, *more = found
    return Finding(
        _shared.at(ruleset, first.line.number, _item(first, other)),
        f"{other} is for {'ip6tables' if other == '-6' else 'iptables'}: the rule is passed over without a word"
        + _shared.and_others(len(more)),
        _shared.related(ruleset, (one.line.number for one in more), "passed over too"),
        fix=Fix(f"take {other} out", edits, Safety.UNSAFE) if edits else None,
    )


def _item(found: Rule, other: str) -> int:
    use = found.shape.parameter(other)
    return use.item if use else 0


def _without_option(ruleset: Ruleset, one: Rule, other: str) -> tuple[Edit, ...]:
    """Take the option out of a line, if it loads without it."""
    span = _shared.at(ruleset, one.line.number, _item(one, other)).span
    text = ruleset.document.text
    end = span.end + (text[span.end : span.end + 1] in (" ", "	"))
    start = span.start - (end == span.end and text[span.start - 1] in " 	")
    mendable = one.line.number not in mended(ruleset).typography
    return (Edit(Span(start, end), ""),) if mendable and loads_without(one, Span(start, end)) else ()
