"""Suppressions that name no rule, or cannot be read."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from ruleset_lint.lint import Finding, Place, Severity, SuppressionUse, rule


@rule(Severity.WARNING)
def unknown_suppression(suppressions: SuppressionUse) -> Iterator[Finding]:
    """A suppression names no rule or is not readable

    ## What it does
    Reports suppressions that name a rule or category that does not exist, lack the list of names, carry an `until=`
    that is no date, or end a block that was not begun.

    ## Why is this bad?
    It silences nothing, although whoever wrote it believes so.

    ## Example
    ```
    # ruleset-lint: ignore[notrack/onesided]
    ```

    ## Use instead
    ```
    # ruleset-lint: ignore[notrack/one-sided]
    ```

    ## Fix safety
    No fix: only who wrote it knows what was meant.

    ## Since
    All releases.

    ## Source
    ruleset-lint itself.
    """
    for made in suppressions.found:
        place = Place(made.document, made.span)
        if made.problem:
            yield Finding(place, made.problem)
            continue
        for name in made.names:
            if name not in suppressions.known:
                near = difflib.get_close_matches(name[:60], sorted(suppressions.known), n=1)
                yield Finding(place, f"no rule or category {name[:60]}" + (f", did you mean {near[0]}" if near else ""))
