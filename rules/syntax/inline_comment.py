"""syntax/inline-comment"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Edit, Finding, Fix, Safety, Severity, Span, rule
from ruleset_lint.model.refusal import Kind, Refusal
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.profiles import Profile

from . import _shared


@rule(Severity.ERROR)
def inline_comment(ruleset: Ruleset, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """A remark does not begin in the first column

    ## What it does
    Looks for `#` behind a rule, and for indented remarks. A `#` that an option takes as its value (`--comment #5`) is
    text, and so is one on a chain or table line.

    ## Why is this bad?
    Only a line whose first character is `#` is a remark. Anywhere else `#` is a word like others: the line is
    refused, and the table is not loaded.

    ## Example
    ```
    -A INPUT -p tcp --dport 25 -j ACCEPT # mail
    ```

    ## Use instead
    ```
    # mail
    -A INPUT -p tcp --dport 25 -j ACCEPT
    ```

    ## Fix safety
    Safe: a line that is refused decides nothing today. Unsafe where the remark has words with a dash, which may be
    part of the rule.

    ## Since
    All releases.

    ## Source
    iptables-restore.c of iptables 1.8.9; measured on kernel 6.18 with iptables 1.8.9 (nft and legacy).
    """
    for cause in _shared.causes(ruleset, profiles, Kind.REMARK, joined=True):
        edits = tuple(edit for refusal in cause.refusals for edit in _moved(ruleset, refusal))
        safety = Safety.UNSAFE if any(_swallows(ruleset, refusal) for refusal in cause.refusals) else Safety.SAFE
        yield _shared.told(
            ruleset,
            cause,
            "a remark has to begin in the first column: here # is a word of the rule",
            fix=Fix("give the remark a line of its own", edits, safety),
            reason="here too",
        )


def _swallows(ruleset: Ruleset, refusal: Refusal) -> bool:
    """Whether what looks like a remark may have a part of the rule in it."""
    document = ruleset.document
    start = _shared.at(ruleset, refusal.line.number, refusal.item).span.start
    return " -" in document.text[start : document.content_span(refusal.line).end]


def _moved(ruleset: Ruleset, refusal: Refusal) -> Iterator[Edit]:
    """The remark on a line of its own before the rule, or without the blanks before it."""
    document = ruleset.document
    line = document.content_span(refusal.line)
    start = _shared.at(ruleset, refusal.line.number, refusal.item).span.start
    before = document.text[line.start : start]
    if before.strip(" \t"):
        remark = document.text[start : line.end].rstrip(" \t\r")
        yield Edit(Span(line.start, line.start), f"{remark}\n")
        yield Edit(Span(line.start + len(before.rstrip(" \t")), line.end), "")
    else:
        yield Edit(Span(line.start, start), "")
