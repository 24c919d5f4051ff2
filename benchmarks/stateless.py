"""`python -m benchmarks.stateless`: what the goal stateless makes of the rulesets of the corpus, or why nothing.

Every dump that loads is rewritten; what is written must load with both backends, in namespaces that are thrown away,
and track nothing. Prints a table of reasons by count. Needs root, and the corpus: see benchmarks/corpus.py.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.corpus import corpus
from benchmarks.restore import BACKENDS, ask, missing
from ruleset_lint.model.blocks import family_of
from ruleset_lint.model.loadability import breaks
from ruleset_lint.model.loading import load
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.tracking import tracks
from ruleset_lint.rewrite.stateless.exposure import exposure
from ruleset_lint.rewrite.stateless.transform import Stateless, stateless
from ruleset_lint.syntax.iptables_save import parse
from ruleset_lint.text import decode

_SECONDS = 20.0  # for one comparison


class Outcome(NamedTuple):
    """What became of one dump."""

    name: str
    word: str
    reason: str = ""


def outcome(path: Path) -> Outcome:
    """Rewrite a dump, compare, load."""
    name = str(path.relative_to(corpus() / "dumps"))
    text = decode(path.read_bytes())
    family = family_of(str(path), text)
    ruleset = load(parse(name, text), family)
    if next(breaks(ruleset), None):
        return Outcome(name, "does not load")
    if not any(map(tracks, ruleset.by_shape)):
        return Outcome(name, "nothing is tracked")
    result = stateless(ruleset)
    if result.refusals:
        return Outcome(name, "refused", _cause(result))
    return Outcome(name, *_judged(result))


def _cause(result: Stateless) -> str:
    """The first reason, without the names that it mentions."""
    first = result.refusals[0]
    words = first.text.split()
    return f"{first.code}: {' '.join(words[1:] if first.code in ('R1', 'R3', 'R4', 'R6') else words)}"


def _judged(result: Stateless) -> tuple[str, str]:
    after = result.after
    if any(map(tracks, after.by_shape)) or stateless(after).changed:
        return "WRONG", "something is tracked, or a second run changes it"
    found = exposure(result.ruleset, after, deadline=time.monotonic() + _SECONDS)
    if found.broken:
        return "WRONG", str(found.broken[0])
    errors = list(_errors(result.ruleset, after))
    if errors:
        return "does not load on this machine" if errors[0][0] else "WRONG", errors[0][1]
    return "written", found.undecided and f"not compared: {found.undecided}"


def _errors(before: Ruleset, after: Ruleset) -> Iterator[tuple[bool, str]]:
    """What backends say against the new text, and whether they refuse the old one as well."""
    for backend in BACKENDS:
        said = ask(after.document.text, backend, family=after.family)
        if said.code:
            as_before = ask(before.document.text, backend, family=before.family).code
            yield bool(as_before), f"{backend}: {said.complaint.splitlines()[0]}"


def main() -> int:
    """Print the table; 1 if something is wrong."""
    lacking = missing()
    dumps = sorted(path for path in (corpus() / "dumps").glob("*/*") if path.is_file())
    if lacking or not dumps:
        print(lacking or "no corpus: set RULESET_LINT_CORPUS to its folder")
        return 2
    found = [outcome(path) for path in dumps]
    for (word, reason), count in Counter((one.word, one.reason) for one in found).most_common():
        print(f"{count:5}  {word}{': ' if reason else ''}{reason}")
    wrong = [one for one in found if one.word == "WRONG"]
    for one in wrong:
        print(f"{one.name}: {one.reason}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
