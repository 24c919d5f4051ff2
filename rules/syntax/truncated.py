"""syntax/truncated"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Fix, Safety, Severity, rule
from ruleset_lint.model.mending import mended
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.profiles import Profile

from . import _shared

_LONGEST = {"--comment": 255, "--log-prefix": 29}
_NFLOG = 63


@rule(Severity.WARNING)
def truncated(ruleset: Ruleset, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """A comment or a log prefix is longer than what is kept of it

    ## What it does
    Looks for comments over 255 bytes, log prefixes over 29 and, with the legacy backend, NFLOG prefixes over 63.

    ## Why is this bad?
    The rest is cut off without a word. Log lines that are told apart by the end of their prefix look alike, and a
    suppression or a ticket number at the end of a comment is gone after the next save.

    ## Example
    ```
    -A INPUT -j LOG --log-prefix "firewall: dropped from outside: "
    ```

    ## Use instead
    ```
    -A INPUT -j LOG --log-prefix "fw: dropped from outside: "
    ```

    ## Fix safety
    Safe: it writes what is loaded today.

    ## Since
    All releases.

    ## Source
    xt_comment.h (256 bytes), xt_LOG.h (30), xt_NFLOG.h (64); measured on kernel 6.18 with iptables 1.8.9 (nft and
    legacy).
    """
    legacy_only = all(profile.backends == ("legacy",) for profile in profiles)
    longest = {**_LONGEST, "--nflog-prefix": _NFLOG} if legacy_only else _LONGEST
    causes: dict[tuple[str, str], list[tuple[Rule, int]]] = {}
    for use, rules in _shared.uses_of(ruleset, lambda use: use.option.name in longest):
        most = longest[use.option.name]
        column = mended(ruleset).ruleset.column(rules[0].shape, use.operands[0])
        for found in rules if max(map(len, column)) * 4 > most else ():
            value = found.text(use.operands[0])
            if len(value) * 4 > most and len(_encoded(value)) > most:
                causes.setdefault((use.option.name, value), []).append((found, use.item + 1))
    for (option, value), places in causes.items():
        kept = _encoded(value)[: longest[option]].decode("utf-8", "ignore")
        first, *more = places
        edits = _shared.edits(ruleset, places, _shared.quoted(kept))
        yield Finding(
            _shared.at(ruleset, first[0].line.number, first[1]),
            f"{option} has {len(_encoded(value))} bytes, of which {longest[option]} are kept"
            + _shared.and_others(len(more)),
            _shared.related(ruleset, _shared.numbers(more), "here too"),
            help=(f"loaded as: …{kept[-20:]}",),
            fix=Fix("write what is kept", edits, Safety.SAFE) if edits else None,
        )


def _encoded(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")
