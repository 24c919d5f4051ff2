"""syntax/old-negation"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Edit, Finding, Fix, Safety, Severity, Span, judge, rule
from ruleset_lint.model.mending import mended
from ruleset_lint.model.refusal import Kind, Refusal
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.profiles import Profile

from . import _shared


@rule(Severity.ERROR)
def old_negation(ruleset: Ruleset, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """The ! stands behind the option

    ## What it does
    Looks for `-s ! 10.0.0.0/8` and its like, and for `-s !10.0.0.0/8`.

    ## Why is this bad?
    Old iptables took `-s !` with a warning. Today the `!` is read as the value: the line is refused, and the table is
    not loaded.

    ## Example
    ```
    -A INPUT -s ! 10.0.0.0/8 -j DROP
    ```

    ## Use instead
    ```
    -A INPUT ! -s 10.0.0.0/8 -j DROP
    ```

    ## Fix safety
    Safe: where the line is refused it decides nothing today, and where it is taken it says the same.

    ## Since
    Refused by iptables 1.8.9; EL7 and older take it with a warning, if a blank stands behind the `!`.

    ## Source
    xtables_check_inverse in libxtables of iptables 1.4.21, which 1.8.9 no longer has; measured on kernel 6.18 with
    iptables 1.8.9 (nft and legacy).
    """
    found = [refusal for refusal in _shared.refused(ruleset) if refusal.kind is Kind.NEGATION]
    apart = [refusal for refusal in found if _shared.word(ruleset, refusal) == "!"]
    glued = [refusal for refusal in found if refusal not in apart]
    for refusals, judgement in ((apart, judge(profiles, _is_refused)), (glued, judge(profiles, bool))):
        if refusals and judgement:
            first, *more = refusals
            yield Finding(
                _shared.at(ruleset, first.line.number, first.item),
                f"{first.reason}{_shared.and_others(len(more))} {judgement.where}".rstrip(),
                _shared.related(ruleset, (refusal.line.number for refusal in more), "here too"),
                help=("the line is refused, and the table is not loaded",),
                fix=_turned(ruleset, refusals),
                confidence=judgement.confidence,
            )


def _is_refused(profile: Profile) -> bool:
    return any(_shared.version(text) >= (1, 8, 9) for text in profile.iptables)


def _turned(ruleset: Ruleset, refusals: list[Refusal]) -> Fix | None:
    edits: list[Edit] = []
    for refusal in refusals:
        number, item = refusal.line.number, refusal.item or 0
        option, mark = (_shared.at(ruleset, number, at).span for at in (item - 1, item))
        text = ruleset.document.text
        if number in mended(ruleset).typography or text[: option.start].rstrip(" \t").endswith("!"):
            continue
        end = mark.start + 1
        end += len(text[end : mark.end + 1]) - len(text[end : mark.end + 1].lstrip(" \t")) if mark.end == end else 0
        edits += (Edit(Span(option.start, option.start), "! "), Edit(Span(mark.start, end), ""))
    return Fix("put ! before the option", tuple(edits), Safety.SAFE) if edits else None
