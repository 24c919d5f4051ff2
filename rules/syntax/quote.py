"""syntax/quote"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Severity, rule
from ruleset_lint.model.mending import mended
from ruleset_lint.model.quoting import open_quotes
from ruleset_lint.model.ruleset import Ruleset

from . import _shared


@rule(Severity.ERROR, yields_to=("syntax/comment-injection",))
def quote(ruleset: Ruleset) -> Iterator[Finding]:
    """A quote is never closed: it takes the rest of the line

    ## What it does
    Looks for lines with an opening `"` and no closing one.

    ## Why is this bad?
    iptables-restore takes all that follows for part of the value, the target too, and says nothing: the rule loads
    and does nothing but count. A rule that was to drop lets pass.

    ## Example
    ```
    -A INPUT -m comment --comment "not from outside -j DROP
    ```

    ## Use instead
    ```
    -A INPUT -m comment --comment "not from outside" -j DROP
    ```

    ## Fix safety
    No fix: where the value ends is the author's to say.

    ## Since
    All releases.

    ## Source
    add_param_to_argv in xshared.c of iptables 1.8.9; measured on kernel 6.18 with iptables 1.8.9 (nft and legacy).
    """
    for found in open_quotes(mended(ruleset).ruleset.document):
        place = _shared.at(ruleset, found.line.number, found.item)
        lost = " -j " in ruleset.document.source(place.span) or " -g " in ruleset.document.source(place.span)
        yield Finding(
            place,
            "the quote is never closed: all that follows is part of the value" + (", the target too" if lost else ""),
            help=("the rule loads without a target: it counts packets, and decides nothing",) if lost else (),
        )
