"""syntax/host-bits"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from ruleset_lint.lint import Finding, Fix, Safety, Severity, rule
from ruleset_lint.model.reading import why_not
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.values import Network, networks

from . import _shared

# networks without host bits as nearly all are written; addresses without a mask have none either
_CLEAN = re.compile(
    r"^(?:[0-9.]*+(?:|/32|(?<=\.0)/24|(?<=\.0\.0)/16|(?<=\.0\.0\.0)/8)|[^/\n]*+|[^/,\n]*+/128)\n", re.MULTILINE
)


@rule(Severity.INFO, yields_to=("syntax/octal",))
def host_bits(ruleset: Ruleset) -> Iterator[Finding]:
    """An address has bits that its mask takes away

    ## What it does
    Looks for networks like `10.0.0.5/24`, which is loaded as `10.0.0.0/24`. One that is masked to all addresses is a
    warning.

    ## Why is this bad?
    Who reads the file thinks of one host, and the rule is about a whole network. iptables-save prints what is loaded,
    so that the file and a dump differ.

    ## Example
    ```
    -A INPUT -s 10.0.0.5/24 -j ACCEPT
    ```

    ## Use instead
    ```
    -A INPUT -s 10.0.0.0/24 -j ACCEPT
    ```

    ## Fix safety
    Safe: it writes what is loaded today.

    ## Since
    All releases.

    ## Source
    xtables_ipparse_multiple in libxtables of iptables 1.8.9; measured on kernel 6.18 with iptables 1.8.9 (nft and
    legacy).
    """
    causes: dict[tuple[str, int], list[tuple[Rule, int]]] = {}
    for use, rules in _shared.uses_of(ruleset, _shared.is_network):
        masked = set(_CLEAN.sub("", _shared.texts(ruleset, use, rules)).split("\n"))
        for found in rules if masked - {""} else ():
            value = found.text(use.operands[0])
            if value in masked:
                causes.setdefault((value, found.family), []).append((found, use.item + 1))
    for (value, family), places in causes.items():
        loaded = ",".join(_loaded(part, family) for part in value.split(","))
        if loaded != value and not why_not(networks, value, family):
            first, *more = places
            everything = any(part.endswith("/0") for part in loaded.split(",") if part not in value.split(","))
            yield Finding(
                _shared.at(ruleset, first[0].line.number, first[1]),
                f"{_shared.shown(value)} is loaded as {_shared.shown(loaded)}"
                + (", which is every address" if everything else "")
                + _shared.and_others(len(more)),
                _shared.related(ruleset, _shared.numbers(more), "here too"),
                fix=Fix(f"write {_shared.shown(loaded)}", _shared.edits(ruleset, places, loaded), Safety.SAFE),
                severity=Severity.WARNING if everything else None,
            )


def _loaded(part: str, family: int) -> str:
    """A network with the bits that its mask takes away set to 0; as it is if it has none, or is a name."""
    host, slash, mask = part.partition("/")
    try:
        written = networks(host, family)[0]
        network = networks(part, family)[0]
    except ValueError:
        return part
    if not slash or network.name or written.address == network.address:
        return part
    return f"{_address(network, family)}/{mask}"


def _address(network: Network, family: int) -> str:
    return str(ipaddress.IPv4Address(network.address) if family == 4 else ipaddress.IPv6Address(network.address))
