"""Suppressions that silence nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Edit, Finding, Fix, Place, Safety, Severity, Suppression, SuppressionUse, rule


@rule(Severity.WARNING)
def unused_suppression(suppressions: SuppressionUse) -> Iterator[Finding]:
    """A suppression silences nothing

    ## What it does
    Reports names in `# ruleset-lint: ignore[…]`, `ignore-file[…]` and `disable[…]` for which no finding
    has a place there. Names of rules that were not run, because they are not selected or lack a fact, are left alone.

    ## Why is this bad?
    A suppression that outlives its finding silences the next one, which nobody has looked at.

    ## Example
    ```
    # ruleset-lint: ignore[notrack/one-sided] the load balancer answers
    -A INPUT -i lo -j ACCEPT
    ```

    ## Use instead
    ```
    -A INPUT -i lo -j ACCEPT
    ```

    ## Fix safety
    Safe: the name goes, or the comment with the last of its names. Comments decide nothing.

    ## Since
    All releases.

    ## Source
    ruleset-lint itself.
    """
    for made in suppressions.readable:
        unused = tuple(name for name in made.names if suppressions.is_unused(made, name))
        if unused:
            message = f"{made.verb} silences nothing of {', '.join(unused)}"
            yield Finding(Place(made.document, made.span), message, fix=_fix(made, unused))


def _fix(made: Suppression, unused: tuple[str, ...]) -> Fix | None:
    """Take the names out of the list, or the whole suppression if none is left."""
    left = [name for name in made.names if name not in unused]
    if left:
        return Fix(f"remove {', '.join(unused)}", (Edit(made.list_span, ", ".join(left)),), Safety.SAFE)
    return Fix("remove the suppression", made.removal, Safety.SAFE) if made.removal else None
