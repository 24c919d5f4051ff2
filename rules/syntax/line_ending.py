"""syntax/line-ending"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Fix, Place, Safety, Severity, rule
from ruleset_lint.model.mending import mended
from ruleset_lint.model.ruleset import Ruleset

from . import _shared


@rule(Severity.ERROR)
def line_ending(ruleset: Ruleset) -> Iterator[Finding]:
    r"""A carriage return at the end of the line becomes part of its last word

    ## What it does
    Looks for lines that end with CR LF where iptables-restore refuses the line with the CR, or takes it into an
    interface name, a log prefix or a string. After a remark, a comment of a rule and counters it does no harm.

    ## Why is this bad?
    To iptables-restore only LF ends a line. `*filter` with a CR is a table that does not exist, `-j ACCEPT` with one
    a target that does not, and `-i eth0` with one loads and never matches.

    ## Example
    A file edited on Windows:
    ```
    *filter\r
    -A INPUT -i eth0 -j ACCEPT\r
    COMMIT\r
    ```

    ## Use instead
    ```
    *filter
    -A INPUT -i eth0 -j ACCEPT
    COMMIT
    ```

    ## Fix safety
    Safe where the line is refused, since it decides nothing today. Unsafe where it loads with the CR as part of a
    value.

    ## Since
    All releases.

    ## Source
    iptables-restore.c of iptables 1.8.9; measured on kernel 6.18 with iptables 1.8.9 (nft and legacy).
    """
    found = mended(ruleset).carriage_returns
    if not found:
        return
    refused, first = mended(ruleset).refused, next(iter(found))
    edits = tuple(edit for several in found.values() for edit in several)
    loads = not any(number in refused for number in found)
    what = "which then matches or says something else" if loads else "and iptables-restore refuses it"
    yield Finding(
        Place(ruleset.document, _shared.at(ruleset, first).span, "ends with CR LF"),
        f"a carriage return becomes part of the last word of the line, {what}" + _shared.and_others(len(found) - 1),
        _shared.related(ruleset, [number for number in found if number != first], "CR LF here too"),
        fix=Fix("end lines with LF alone", edits, Safety.UNSAFE if loads else Safety.SAFE),
    )
