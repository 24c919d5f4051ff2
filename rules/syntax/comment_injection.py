"""syntax/comment-injection"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruleset_lint.lint import Finding, Place, Severity, Span, rule
from ruleset_lint.model.mending import mended
from ruleset_lint.model.quoting import open_quotes
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape, Use

from . import _shared

# all but tab, line feed, and a carriage return at the end of the line; and what turns the direction of text
_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\t\n"
_CONTROL = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\r(?!\n|\Z)")


@rule(Severity.ERROR)
def comment_injection(ruleset: Ruleset) -> Iterator[Finding]:
    """A comment holds a line feed or another control character

    ## What it does
    Looks for a comment that is open at the end of its line and closed on a later one, which is what iptables-save
    makes of a comment with a line feed in it, and for control characters inside of comments: escapes, carriage
    returns, characters that turn the direction of the text.

    ## Why is this bad?
    iptables-save prints the comment as it is. When the file is restored, the rest of the comment is a line of its
    own: a rule that somebody wrote into a comment is loaded, and the rule that had the comment loses its target.
    Other control characters hide words from who reads the file on a terminal.

    ## Example
    ```
    -A INPUT -s 203.0.113.7/32 -m comment --comment "blocked
    -A INPUT -p tcp --dport 22 -j ACCEPT -m comment --comment x" -j DROP
    ```

    ## Use instead
    ```
    -A INPUT -s 203.0.113.7/32 -m comment --comment "blocked" -j DROP
    ```

    ## Fix safety
    No fix: what was meant, and who wrote the comment, has to be found out first.

    ## Since
    All releases.

    ## Source
    comment_save in libxt_comment.c, add_param_to_argv in xshared.c of iptables 1.8.9; measured on kernel 6.18 with
    iptables 1.8.9 (nft and legacy).
    """
    document = mended(ruleset).ruleset.document
    for found in open_quotes(document):
        if found.end:
            yield Finding(
                _shared.at(ruleset, found.line.number, found.item, "begins here"),
                "a comment goes on behind the end of its line: what stands there is loaded as rules of its own",
                (_shared.at(ruleset, found.end.number, note="ends here"),),
                help=("the rule with the comment has lost its target", "iptables-save prints a line feed as it is"),
            )
    yield from _control_characters(ruleset)


def _may_have_control_characters(text: str) -> bool:
    """Asks the bytes of a text, which is quicker than each character; those beyond ASCII are asked anyway."""
    return not text.isascii() or bool(text.encode().translate(None, _PRINTABLE))


def _control_characters(ruleset: Ruleset) -> Iterator[Finding]:
    text = ruleset.document.text
    for found in _comments(ruleset):
        span = found.span
        character = _CONTROL.search(text, span.start, span.end)
        if character:
            code = f"U+{ord(character[0]):04X}"
            yield Finding(
                Place(found.document, Span(character.start(), character.end()), code),
                f"the comment holds the control character {code}",
                help=("a terminal acts on it: what is seen is not what is loaded",),
            )


def _comments(ruleset: Ruleset) -> Iterator[Place]:
    for found in ruleset.where(lambda shape: any(_may_be_bad(ruleset, shape, use) for use in _comment_uses(shape))):
        for use in _comment_uses(found.shape):
            if _CONTROL.search(found.text(use.operands[0])):
                yield _shared.at(ruleset, found.line.number, use.item + 1)


def _comment_uses(shape: Shape) -> Iterator[Use]:
    return (use for part in shape.matches if part.name == "comment" for use in part.uses if use.operands)


def _may_be_bad(ruleset: Ruleset, shape: Shape, use: Use) -> bool:
    return _may_have_control_characters(ruleset.texts(shape, use.operands[0]))
