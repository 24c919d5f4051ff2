"""syntax/commit"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ruleset_lint.lint import Edit, Finding, Fix, Safety, Severity, Span, rule
from ruleset_lint.model.mending import mended
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.table_lines import Framing, Slip, slips
from ruleset_lint.netfilter.profiles import Profile

from . import _shared


@rule(Severity.ERROR)
def commit(ruleset: Ruleset, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """COMMIT is missing, stands in a form that is not taken, or lines stand outside of the tables

    ## What it does
    Follows the tables as iptables-restore does: `*table` opens one, a line that is `COMMIT` and nothing else ends it;
    between two tables only remarks and empty lines may stand.

    ## Why is this bad?
    Without its COMMIT a table is not loaded. A blank before or behind the word is enough, and with the legacy backend
    so is a missing line feed at the end of the file. A rule behind COMMIT makes restore stop there: the tables before
    it are loaded, those behind it are not.

    ## Example
    ```
    *filter
    -A INPUT -j ACCEPT
      COMMIT
    ```

    ## Use instead
    ```
    *filter
    -A INPUT -j ACCEPT
    COMMIT
    ```

    ## Fix safety
    Safe for COMMIT that is indented, decorated or lacks its line feed: the table is refused today. Unsafe for a COMMIT
    that is missing, since a truncated file looks the same, and for rules behind it.

    ## Since
    All releases; the missing line feed with the legacy backend only.

    ## Source
    iptables-restore.c of iptables 1.8.9; measured on kernel 6.18 with iptables 1.8.9 (nft and legacy).
    """
    framings = list(slips(mended(ruleset).ruleset))
    for framing in framings:
        if framing.slip is Slip.DISGUISED:
            yield _disguised(ruleset, framing)
        elif framing.slip is Slip.UNFINISHED:
            yield _unfinished(ruleset, framing)
        elif framing.slip is Slip.NO_LINE_END:
            yield from _without_line_end(ruleset, framing, profiles)
    for run in _runs([framing for framing in framings if framing.slip is Slip.OUTSIDE]):
        yield _outside(ruleset, run)


def _disguised(ruleset: Ruleset, framing: Framing) -> Finding:
    place = _shared.at(ruleset, framing.line.number)
    edit = Edit(place.span, "COMMIT")
    return Finding(
        place,
        "COMMIT is taken only alone on its line, in capitals, without blanks before or behind it",
        help=("the table is not loaded",),
        fix=Fix("write COMMIT alone on the line", (edit,), Safety.SAFE),
    )


def _unfinished(ruleset: Ruleset, framing: Framing) -> Finding:
    document = ruleset.document
    end = len(document.text) if framing.end is None else document.lines[framing.end.number - 1].span.start
    before = "" if document.text[:end].endswith("\n") else "\n"
    related = (
        () if framing.end is None else (_shared.at(ruleset, framing.end.number, note="the next table begins here"),)
    )
    return Finding(
        _shared.at(ruleset, framing.line.number, note="begins here"),
        "the table has no COMMIT: it is not loaded",
        related,
        help=("a file that was cut off looks the same: look for missing rules first",),
        fix=Fix("end the table with COMMIT", (Edit(Span(end, end), f"{before}COMMIT\n"),), Safety.UNSAFE),
    )


def _without_line_end(ruleset: Ruleset, framing: Framing, profiles: Sequence[Profile]) -> Iterator[Finding]:
    judgement = _shared.by_backend(profiles, framing.backends)
    if judgement:
        end = len(ruleset.document.text)
        yield Finding(
            _shared.at(ruleset, framing.line.number),
            "the file ends without a line feed: the legacy backend does not take the last COMMIT"
            + (f" ({judgement.where})" if judgement.where else ""),
            help=("the last table is not loaded",),
            fix=Fix("end the file with a line feed", (Edit(Span(end, end), "\n"),), Safety.SAFE),
            confidence=judgement.confidence,
        )


def _runs(framings: Sequence[Framing]) -> Iterator[list[Framing]]:
    run: list[Framing] = []
    for framing in framings:
        if run and framing.line.number != run[-1].line.number + 1:
            yield run
            run = []
        run.append(framing)
    if run:
        yield run


def _outside(ruleset: Ruleset, run: list[Framing]) -> Finding:
    first, *more = (framing.line.number for framing in run)
    return Finding(
        _shared.at(ruleset, first),
        "the line stands in no table: iptables-restore stops here" + _shared.and_others(len(more)),
        _shared.related(ruleset, more, "in no table either"),
        help=("a table begins with *table and ends with COMMIT; what follows this line is not loaded",),
        fix=_moved(ruleset, run),
    )


def _moved(ruleset: Ruleset, run: list[Framing]) -> Fix | None:
    """Put the COMMIT before the lines behind them, if nothing but these lines follows it."""
    lines = ruleset.document.lines
    before = run[0].line.number - 1
    if not before or ruleset.document.content(lines[before - 1]).rstrip("\r") != "COMMIT":
        return None
    end = lines[run[-1].line.number - 1].span.end
    line_feed = "" if ruleset.document.text[:end].endswith("\n") else "\n"
    edits = (Edit(lines[before - 1].span, ""), Edit(Span(end, end), f"{line_feed}COMMIT\n"))
    return Fix("end the table behind these lines", edits, Safety.UNSAFE)
