"""syntax/unparsable"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruleset_lint.lint import Finding, Severity, rule
from ruleset_lint.model.mending import mended
from ruleset_lint.model.refusal import Kind, Refusal
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.matches import MATCHES
from ruleset_lint.netfilter.profiles import Profile

from . import _shared

_KINDS = (Kind.LINE, Kind.WORDS, Kind.VALUE, Kind.TOGETHER, Kind.CHAIN, Kind.ORDER)
_SHELL = r"(sudo|(/usr)?(/s?bin/)?ip6?tables(-nft|-legacy)?)"


@rule(Severity.ERROR)
def unparsable(ruleset: Ruleset, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """iptables-restore refuses the line

    ## What it does
    Reads each line as iptables-restore does: its words, the options of the matches and targets it names, their values,
    and what may stand together. Mistakes that have a rule of their own (a protocol or a hook that is wrong, a limit, a
    remark, an old negation) are left to it.

    ## Why is this bad?
    One refused line keeps its whole table from being loaded, and the tables behind it too. At boot that leaves a
    machine with what ran before: mostly nothing, and every policy at ACCEPT.

    ## Example
    ```
    -A INPUT -p tcp --dport 80,443 -j ACCEPT
    ```

    ## Use instead
    ```
    -A INPUT -p tcp -m multiport --dports 80,443 -j ACCEPT
    ```

    ## Fix safety
    No fix: what was meant is the author's to say.

    ## Since
    As iptables 1.8.9 reads it, with all backends that the release has.

    ## Source
    iptables-restore.c, xshared.c and the extensions of iptables 1.8.9; each measured on kernel 6.18 with iptables 1.8.9
    (nft and legacy).
    """
    more = (
        Refusal(fault.line, fault.item, fault.reason, Kind.ORDER)
        for fault in mended(ruleset).ruleset.faults
        if not fault.chain
    )
    for cause in _shared.causes(ruleset, profiles, *_KINDS, more=more):
        message = _message(cause.first, cause.word, cause.first.reason)
        yield _shared.told(ruleset, cause, message, *_advice(cause.first, message))


def _message(refusal: Refusal, word: str, reason: str) -> str:
    if not word:
        return f"iptables-restore refuses the line: {reason}"
    if refusal.item == 0 and re.fullmatch(_SHELL, word):
        return f"{word} is a command of the shell: a file for iptables-restore has only what follows it"
    if refusal.kind is not Kind.VALUE and word in reason.split():
        return f"iptables-restore refuses the line: {reason}"
    option = f" after {refusal.option}" if refusal.option else ""
    return f"iptables-restore refuses {_shared.shown(word)}{option}: {reason}"


def _advice(refusal: Refusal, message: str) -> Iterator[str]:
    if refusal.option in ("--dport", "--sport") and "," in message:
        yield f"a list of ports: -m multiport {refusal.option}s"
    elif refusal.reason == "unknown option":
        word = message.split()[2].rstrip(":")
        yield from (f"{word} is an option of -m {name}" for name in _owners(word))


def _owners(word: str) -> list[str]:
    """The matches that have an option of that name, if they are few."""
    found = [name for name, entry in MATCHES.items() if entry.option(word)]
    return found if len(found) < 3 else []
