"""syntax/host-name"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruleset_lint.lint import Finding, Severity, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.values import networks

from . import _shared

_LETTER = re.compile("[g-wyzG-WYZ]|^[^:]*[a-zA-Z][^:]*$")


@rule(Severity.WARNING)
def host_name(ruleset: Ruleset) -> Iterator[Finding]:
    """A host name stands for an address: it is resolved when the file is loaded

    ## What it does
    Looks for names where an address or a network is wanted.

    ## Why is this bad?
    At boot the rules are loaded before the network is up: the name does not resolve, and the table is not loaded.
    Later it may resolve to several addresses, each a rule of its own, or to one that somebody else chose; and it is
    not asked again when the address changes.

    ## Example
    ```
    -A INPUT -s admin.example.net -j ACCEPT
    ```

    ## Use instead
    ```
    -A INPUT -s 192.0.2.10 -j ACCEPT
    ```

    ## Fix safety
    No fix: which address was meant is the author's to say.

    ## Since
    All releases.

    ## Source
    iptables(8), "specifying any name to be resolved with a remote query such as DNS is a really bad idea"; measured
    on kernel 6.18 with iptables 1.8.9 (nft and legacy).
    """
    causes: dict[str, list[tuple[Rule, int]]] = {}
    for use, rules in _shared.uses_of(ruleset, _shared.is_network):
        lettered = _lettered(_shared.texts(ruleset, use, rules))
        for found in rules if lettered else ():
            value = found.text(use.operands[0])
            for name in _names(value, found.family) if value in lettered else ():
                causes.setdefault(name, []).append((found, use.item + 1))
    for name, (first, *more) in causes.items():
        yield Finding(
            _shared.at(ruleset, first[0].line.number, first[1]),
            f"{_shared.shown(name)} is a host name: the table is loaded only if it resolves at that moment"
            + _shared.and_others(len(more)),
            _shared.related(ruleset, _shared.numbers(more), "here too"),
            help=("each address that it has then becomes a rule, and stays when the name changes",),
        )


def _lettered(texts: str) -> set[str]:
    """Those of the lines that have a letter; one look at all of them tells if none has."""
    return {text for text in texts.split("\n") if _LETTER.search(text)} if texts.upper() != texts.lower() else set()


def _names(value: str, family: int) -> Iterator[str]:
    for part in value.split(","):
        try:
            yield from (network.name for network in networks(part, family) if network.name)
        except ValueError:
            continue
