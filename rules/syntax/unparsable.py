"""syntax/unparsable"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruleset_lint.lint import Confidence, Finding, Judgement, Severity, judge, rule
from ruleset_lint.model.mending import mended
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.table_lines import Slip, slips
from ruleset_lint.model.validity import Kind, Refusal
from ruleset_lint.netfilter.profiles import Profile

from . import _shared

_SHELL = re.compile(r"(sudo|(/usr)?(/s?bin/)?ip6?tables(-nft|-legacy)?)")


@rule(Severity.ERROR)
def unparsable(ruleset: Ruleset, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """iptables-restore refuses the line

    ## What it does
    Reads each line as iptables-restore does: its words, the options of the matches and targets it names, their values,
    what may stand together, in which table and hook and with which protocol the kernel takes it.

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
    As iptables 1.8.9 reads it, with both backends. Older ones take `-s ! 10.0.0.0/8` with a warning.

    ## Source
    iptables-restore.c, xshared.c and the extensions of iptables 1.8.9; each measured on kernel 6.18 with iptables 1.8.9
    (nft and legacy).
    """
    causes: dict[tuple[str, str], list[Refusal]] = {}
    elsewhere = {
        framing.line.number for framing in slips(mended(ruleset).ruleset) if framing.slip is not Slip.NO_LINE_END
    }
    for refusal in _all(ruleset):
        if refusal.line.number not in elsewhere:
            causes.setdefault((refusal.reason, _word(ruleset, refusal)), []).append(refusal)
    for (reason, word), found in causes.items():
        judgement = _judged(profiles, found[0], word)
        if judgement:
            yield _finding(ruleset, judgement, found, _message(found[0], word, reason))


def _all(ruleset: Ruleset) -> Iterator[Refusal]:
    yield from _shared.refused(ruleset)
    for fault in mended(ruleset).ruleset.faults:
        if not fault.chain:
            yield Refusal(fault.line, fault.item, fault.reason, Kind.WORDS)


def _word(ruleset: Ruleset, refusal: Refusal) -> str:
    place = _shared.at(ruleset, refusal.line.number, refusal.item)
    return ruleset.document.source(place.span) if refusal.item is not None else ""


def _judged(profiles: tuple[Profile, ...], refusal: Refusal, word: str) -> Judgement | None:
    """Where it is refused; what one backend alone refuses only counts where there is no other."""
    if word == "!" and refusal.kind is Kind.VALUE:
        return judge(profiles, lambda profile: any(_version(text) >= (1, 8, 9) for text in profile.iptables))
    judgement = _shared.by_backend(profiles, refusal.backends)
    return judgement if judgement and judgement.confidence is Confidence.PROVEN else None


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall("[0-9]{1,6}", text))


def _message(refusal: Refusal, word: str, reason: str) -> str:
    if not word:
        return f"iptables-restore refuses the line: {reason}"
    if refusal.item == 0 and _SHELL.fullmatch(word):
        return f"{word} is a command of the shell: a file for iptables-restore has only what follows it"
    if refusal.kind is not Kind.VALUE and word in reason.split():
        return f"iptables-restore refuses the line: {reason}"
    option = f" after {refusal.option}" if refusal.option else ""
    return f"iptables-restore refuses {_shared.shown(word)}{option}: {reason}"


def _advice(refusal: Refusal, message: str) -> Iterator[str]:
    if refusal.option in ("--dport", "--sport") and "," in message:
        yield f"a list of ports: -m multiport {refusal.option}s"


def _finding(ruleset: Ruleset, judgement: Judgement, found: list[Refusal], message: str) -> Finding:
    first, *more = found
    return Finding(
        _shared.at(ruleset, first.line.number, first.item),
        message + _shared.and_others(len(more)) + (f" {judgement.where}" if judgement.where else ""),
        _shared.related(ruleset, (refusal.line.number for refusal in more), "refused for the same reason"),
        help=(*_advice(first, message), "the table is not loaded, nor is any table behind it: what ran before goes on"),
        confidence=judgement.confidence,
    )
