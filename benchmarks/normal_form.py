"""How far `normalise` prints what the kernel gave back, rule for rule."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator

import ruleset_lint
from benchmarks import corpus
from benchmarks.measures import Case, Measure
from benchmarks.restore import Backend
from ruleset_lint.model.blocks import family_of

_COUNTERS = re.compile(r" \[[0-9]+:[0-9]+\]$")
_GOAL = 99.8

Normalise = Callable[..., str]
Group = tuple[str, str]  # table and chain; the chain is empty for the lines that declare chains


def normal_form(backend: Backend) -> Measure:
    """The dumps that load, normalised, against what the kernel gave back."""
    title = "`normalise` like iptables-save, rule for rule"
    normalise: Normalise | None = getattr(ruleset_lint, "normalise", None)
    if normalise is None:
        return Measure(title, backend, _GOAL, 0, (), note="not there")
    counted = 0
    failures: list[str] = []
    excused = tuple(Case(name, "", 4, loads=True, excuse=reason) for name, reason in corpus.SAVED.items())
    for row in corpus.rows("dumps/INDEX.tsv"):
        if row[f"{backend}_load_rc"] == "0" and row["file"] not in corpus.SAVED:
            saved = groups(corpus.text_of(f"saved/{backend}/{row['file']}"))
            counted += sum(len(lines) for lines in saved.values())
            failures += [f"{row['file']}: {line}" for line in _differences(normalise, row["file"], saved, backend)]
    return Measure(title, backend, _GOAL, counted, tuple(failures), excused)


def groups(text: str) -> dict[Group, list[str]]:
    """The lines of a ruleset by table and chain, counters of chains left out; chain lines sorted."""
    found: dict[Group, list[str]] = {}
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":"):
            found.setdefault((table, ""), []).append(_COUNTERS.sub("", line))
        elif line and not line.startswith("#") and line != "COMMIT":
            chain = line.split(" ", 2)[1] if line.count(" ") > 1 else line
            found.setdefault((table, chain), []).append(line)
    return {group: sorted(lines) if not group[1] else lines for group, lines in found.items()}


def _differences(normalise: Normalise, name: str, saved: dict[Group, list[str]], backend: Backend) -> Iterator[str]:
    text = corpus.text_of(f"dumps/{name}")
    try:
        ours = groups(normalise(text, family=family_of(name, text), backend=backend))
    except ValueError as error:
        yield from (f"{line}: {error}" for lines in saved.values() for line in lines)
        return
    for group, wanted in saved.items():
        printed = ours.get(group, [])
        if printed != wanted:
            yield from _unequal(wanted, printed)


def _unequal(wanted: list[str], printed: list[str]) -> Iterator[str]:
    """Each line that should have been printed and was not, with what stands in its place."""
    steps = difflib.SequenceMatcher(None, wanted, printed, autojunk=False).get_opcodes()
    for kind, first, last, from_, to in steps:
        for number in range(first, last) if kind != "equal" else ():
            other = from_ + number - first
            yield f"{wanted[number]}  <>  {printed[other] if other < to else 'nothing'}"
