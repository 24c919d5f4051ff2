"""Effects: what the target of a rule does with a packet. Knows no rule and no sets."""

from __future__ import annotations

from dataclasses import dataclass

from ruleset_lint.packets.formula import Field


@dataclass(frozen=True, slots=True)
class Decide:
    """The end of the way, or of the table: ACCEPT, DROP, `REJECT tcp-reset`, `NFQUEUE 0` and the like."""

    verdict: str


@dataclass(frozen=True, slots=True)
class Return:
    """Back to the calling chain, or to the policy."""


@dataclass(frozen=True, slots=True)
class Call:
    """Into a user chain; `goto`: what comes back goes on where this chain's caller goes on."""

    chain: str
    goto: bool


@dataclass(frozen=True, slots=True)
class Assign:
    """The next rule, with a field changed: new = (old and not mask) xor value."""

    field: Field
    mask: int
    value: int


@dataclass(frozen=True, slots=True)
class Replace:
    """The next rule, with a field that is now something nobody can tell; the same text puts in the same."""

    field: Field
    text: str


@dataclass(frozen=True, slots=True)
class Translate:
    """NAT: the end of the nat table, and the connection's packets have other addresses from now on.

    `source`: whether the source is translated, else the destination. `text` is the target with its options.
    """

    source: bool
    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """The next rule; something happens that no later rule of the ruleset can see. `text` is the target.

    `matters`: whether two rulesets differ if only one does it (TCPMSS, CLASSIFY, a helper; not LOG).
    """

    text: str
    matters: bool


Effect = Decide | Return | Call | Assign | Replace | Translate | Note
