"""`python -m benchmarks.conformance`: what we say of rulesets against what iptables-restore does with them.

The corpus is RULESET_LINT_CORPUS, or `shared/corpus` beside the repository. Its answers were recorded with iptables
1.8.9; `--live` asks the installed iptables again (root; a few minutes). Exit code 1 if a goal is not reached.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterator, Sequence

from benchmarks.broken import table
from benchmarks.corpus import corpus, rows
from benchmarks.measures import Measure, broken_files, extensions, files
from benchmarks.normal_form import normal_form
from benchmarks.restore import BACKENDS, missing, version
from ruleset_lint.text import safe

_WIDTH = 160


def measures(*, live: bool) -> Iterator[Measure]:
    """All that can be measured here."""
    for backend in BACKENDS:
        if rows("lexical.tsv"):
            yield from extensions(backend, live=live)
            yield from files(backend, live=live)
            yield normal_form(backend)
        yield broken_files(backend)


def figures(taken: Sequence[Measure]) -> Iterator[str]:
    """A table in Markdown, a line a measure and backend."""
    yield "| measure | backend | right | of | % | to reach | | not counted |"
    yield "|---|---|--:|--:|--:|--:|---|--:|"
    for one in taken:
        reached = "yes" if one.counted and one.percent >= one.goal else one.note if not one.counted else "**no**"
        cells = (one.title, one.backend, one.right, one.counted, f"{one.percent:.2f}", f"{one.goal:g}", reached)
        yield f"| {' | '.join(map(str, cells))} | {len(one.excused)} |"


def named(taken: Sequence[Measure]) -> Iterator[str]:
    """Every case that fails, with the reason; those that do not count by reason."""
    for one in taken:
        for line in one.failures:
            yield f"fails: {one.backend}: {one.title}: {safe(line)[:_WIDTH]}"
    excused = dict.fromkeys((case.excuse, case.name.partition(" IPv")[0]) for one in taken for case in one.excused)
    for reason in dict.fromkeys(reason for reason, _ in excused):
        yield f"not counted: {reason}: {', '.join(name for other, name in excused if other == reason)}"


def _subject(*, live: bool) -> Iterator[str]:
    given = corpus() if rows("lexical.tsv") else f"none in {corpus()}: set RULESET_LINT_CORPUS to a folder with one"
    yield f"Corpus: {given}"
    reason = missing()
    installed = f"not asked, {reason}" if reason else f"{version()}, kernel {platform.release()}"
    yield f"Installed: {installed}{'; all answers asked anew' if live else ''}"


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conformance", description=__doc__)
    parser.add_argument("--live", action="store_true", help="ask the installed iptables for every recorded answer")
    parser.add_argument("--summary", action="store_true", help="the figures alone, without the cases by name")
    request = parser.parse_args(words)
    if request.live and (reason := missing()):
        parser.error(f"--live: {reason}")
    taken = list(measures(live=request.live))
    print(*_subject(live=request.live), "", *figures(taken), "", table(), sep="\n")
    if not request.summary:
        print(*named(taken), sep="\n")
    return int(not all(one.counted and one.percent >= one.goal for one in taken))


if __name__ == "__main__":
    sys.exit(main())
