"""Words of a restore line by the grammar alone. Knows no option, and no way around the grammar."""

from __future__ import annotations

import functools
from typing import cast

from lark import Lark, Token, Transformer

from ruleset_lint.syntax.grammars import build
from ruleset_lint.syntax.words import Word, classify


def parse_words(line: str, start: str) -> list[Word]:
    """The words of a line, a `rule` or a `table`. Raises lark.UnexpectedInput for a line without a word."""
    # the transformer makes a list of what the parser's type calls a tree
    return cast("list[Word]", _grammar().parse(line, start=start))


class _Words(Transformer[Token, list[Word]]):
    """Words of a line as the grammar's terminals give them."""

    def rule(self, tokens: list[Token]) -> list[Word]:
        return [word for token in tokens for word in classify(token, token.start_pos or 0)]

    table = rule


@functools.cache
def _grammar() -> Lark:
    return build("iptables_save", _Words(), ("table", "rule"))
