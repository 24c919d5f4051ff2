"""syntax/octal"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruleset_lint.lint import Finding, Fix, Safety, Severity, rule
from ruleset_lint.model.reading import why_not
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Use
from ruleset_lint.netfilter.values import addresses, host_network, network, networks, port_list, port_range

from . import _shared

_ANYWHERE = re.compile(r"0(?<![0-9A-Za-z]0)[0-9]")
_OCTAL = r"(?<![0-9A-Za-z])0[0-7]+(?![0-9A-Za-z])"
_ADDRESSES = (host_network, network, networks, addresses)
_PORTS = (port_range, port_list)


@rule(Severity.ERROR)
def octal(ruleset: Ruleset) -> Iterator[Finding]:
    """A leading zero makes a number octal

    ## What it does
    Looks for addresses, prefix lengths and ports with a leading zero that count as another number than they look.

    ## Why is this bad?
    `010.0.0.1` is 8.0.0.1, and `--dport 010` is port 8: the rule loads, and is about somebody else.

    ## Example
    ```
    -A INPUT -s 010.0.0.1 -j ACCEPT
    ```

    ## Use instead
    ```
    -A INPUT -s 10.0.0.1 -j ACCEPT
    ```

    ## Fix safety
    Unsafe: the rule then is about the number that was written, which is not what is loaded today.

    ## Since
    All releases.

    ## Source
    xtables_strtoui in libxtables of iptables 1.8.9, which calls strtoul with base 0; measured on kernel 6.18 with
    iptables 1.8.9 (nft and legacy).
    """
    causes: dict[tuple[str, bool], list[tuple[Rule, int]]] = {}
    for use, rules in _shared.uses_of(ruleset, _is_asked):
        for found in rules if _ANYWHERE.search(_shared.texts(ruleset, use, rules)) else ():
            value = found.text(use.operands[0])
            if re.search(_OCTAL, value) and not (found.family == 6 and ":" in value) and _differs(found, use, value):
                causes.setdefault((value, use.option.reads[0] in _PORTS), []).append((found, use.item + 1))
    for (value, is_port), places in causes.items():
        first, *more = places
        said = re.sub(_OCTAL, lambda match: str(int(match[0], 8)), value)
        meant = re.sub(_OCTAL, lambda match: str(int(match[0])), value)
        yield Finding(
            _shared.at(ruleset, first[0].line.number, first[1]),
            f"{'port ' if is_port else ''}{_shared.shown(value)} is {_shared.shown(said)}: "
            "a leading zero makes a number octal" + _shared.and_others(len(more)),
            _shared.related(ruleset, _shared.numbers(more), "here too"),
            fix=Fix(f"write {_shared.shown(meant)}", _shared.edits(ruleset, places, meant), Safety.UNSAFE),
        )


def _is_asked(use: Use) -> bool:
    return bool(use.option.reads and use.operands and use.option.reads[0] in (*_ADDRESSES, *_PORTS))


def _differs(found: Rule, use: Use, value: str) -> bool:
    """Whether the value reads, and a number in it is another than it looks."""
    numbers = re.findall(_OCTAL, value)
    return any(int(text, 8) != int(text) for text in numbers) and not why_not(use.option.reads[0], value, found.family)
