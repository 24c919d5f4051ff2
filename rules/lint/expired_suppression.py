"""Suppressions whose last day is over."""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Fix, Place, Safety, Severity, SuppressionUse, rule


@rule(Severity.WARNING)
def expired_suppression(suppressions: SuppressionUse) -> Iterator[Finding]:
    """The last day of a suppression is over

    ## What it does
    Reports suppressions whose `until=` lies in the past. They silence nothing any more.

    ## Why is this bad?
    Somebody meant to come back by that day.

    ## Example
    ```
    # ruleset-lint: ignore[safety/any-any] until=2020-01-31 while the office moves
    ```

    ## Use instead
    Mend what is silenced, or give it another day.

    ## Fix safety
    Safe: the comment goes. It silences nothing.

    ## Since
    All releases.

    ## Source
    ruleset-lint itself.
    """
    for made in suppressions.expired:
        message = f"{made.verb} of {', '.join(made.names)} was to end on {made.until}"
        fix = Fix("remove the suppression", made.removal, Safety.SAFE) if made.removal else None
        yield Finding(Place(made.document, made.span), message, fix=fix)
