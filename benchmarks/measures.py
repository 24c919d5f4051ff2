"""The measures of conformance: what we say of a ruleset against what iptables-restore does. Knows no output."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Literal, NamedTuple, cast

from benchmarks import broken, corpus
from benchmarks.restore import Backend, ask, missing
from ruleset_lint.api import check_text
from ruleset_lint.lint.finding import Severity
from ruleset_lint.model.blocks import family_of
from ruleset_lint.model.loadability import breaks
from ruleset_lint.model.loading import load
from ruleset_lint.syntax.iptables_save import parse


class Case(NamedTuple):
    """A ruleset, and whether restore loads it. An excuse says why the answer does not follow from the text."""

    name: str
    text: str
    family: int
    loads: bool
    excuse: str = ""
    fragment: bool | None = None


class Measure(NamedTuple):
    """How many of the cases that count came out right, which did not, and which do not count and why."""

    title: str
    backend: Backend
    goal: float  # percent
    counted: int
    failures: tuple[str, ...]
    excused: tuple[Case, ...] = ()
    note: str = ""

    @property
    def right(self) -> int:
        """How many came out right."""
        return self.counted - len(self.failures)

    @property
    def percent(self) -> float:
        """The share that came out right; nothing to count is nothing reached."""
        return 100 * self.right / self.counted if self.counted else 0.0


Judge = Callable[[Case, Backend], bool]


def extension_cases(backend: Backend) -> Iterator[Case]:
    """The lines of the iptables project's own extension tests, each in a table of its own."""
    lines = {row["id"]: row for row in corpus.rows("extensions/cases.tsv")}
    for row in corpus.rows("extensions/oracle.tsv"):
        if row["backend"] == backend:
            line = lines[row["id"]]
            text = f"*{line['table']}\n-A {row['chain']} {line['rule']}\nCOMMIT\n"
            name = f"{row['id']} IPv{row['ipver']} {row['chain']}: {line['rule']}"
            loads = row["rc"] == "0"
            yield Case(name, text, int(row["ipver"]), loads, "" if loads else corpus.excuse(row["id"]))


def lexical_cases(backend: Backend) -> Iterator[Case]:
    """Odd inputs."""
    for row in corpus.rows("lexical.tsv"):
        excuse = corpus.LEXICAL.get(f"{backend} {row['case']}", "")
        yield Case(row["case"], corpus.unescaped(row["input"]), 4, row[f"{backend}_rc"] == "0", excuse, fragment=False)


def dump_cases(backend: Backend) -> Iterator[Case]:
    """Whole rulesets of others, each given to restore as it is: a snippet is no ruleset to it."""
    for row in corpus.rows("dumps/INDEX.tsv"):
        text = corpus.text_of(f"dumps/{row['file']}")
        loads = row[f"{backend}_load_rc"] == "0"
        excuse = "" if loads else corpus.elsewhere(row["nft_error"])
        yield Case(row["file"], text, family_of(row["file"], text), loads, excuse, fragment=False)


def asked_anew(cases: Iterable[Case], backend: Backend) -> Iterator[Case]:
    """The cases with the answer of the installed restore in place of the recorded one."""
    for case in cases:
        yield case._replace(loads=not ask(case.text, backend, family=case.family).code)


@cache
def refused_by(text: str, family: int, fragment: bool | None) -> frozenset[str]:
    """The backends that refuse a ruleset, as we say."""
    ruleset = load(parse("-", text), family, fragment=fragment)
    return frozenset(backend for found in breaks(ruleset) for backend in found.backends)


def loads(case: Case, backend: Backend) -> bool:
    """Whether a backend loads a ruleset, as we say."""
    return backend not in refused_by(case.text, case.family, case.fragment)


@cache
def _grades(text: str, family: int, backend: Backend) -> frozenset[Severity]:
    report = check_text(text, path="rules", family=cast("Literal[4, 6]", family), backend=backend)
    return frozenset(one.severity for one in report.findings if one.rule.startswith("syntax/"))


def is_silent(case: Case, backend: Backend) -> bool:
    """Whether `check` has no error about the form of a ruleset, nor a warning where only this backend refuses it."""
    grades = _grades(case.text, case.family, backend)
    only_here = refused_by(case.text, case.family, case.fragment) == {backend}
    return Severity.ERROR not in grades and not (only_here and Severity.WARNING in grades)


def judged(title: str, cases: Iterable[Case], backend: Backend, goal: float, says_loads: Judge) -> Measure:
    """Compare what a judge says of each case with what restore does; agreement needs no excuse."""
    counted = 0
    failures: list[str] = []
    excused: list[Case] = []
    for case in cases:
        if says_loads(case, backend) == case.loads:
            counted += not case.excuse
        elif case.excuse:
            excused.append(case)
        else:
            counted += 1
            failures.append(f"{case.name}: restore {'loads' if case.loads else 'refuses'} it, we say otherwise")
    return Measure(title, backend, goal, counted, tuple(failures), tuple(excused))


def extensions(backend: Backend, *, live: bool) -> Iterator[Measure]:
    """The extension cases: accepted where they load, errors where they do not."""
    recorded = extension_cases(backend)
    cases = list(asked_anew(recorded, backend) if live else recorded)
    good, bad = [case for case in cases if case.loads], [case for case in cases if not case.loads]
    yield judged("extension cases that load: accepted", good, backend, 99.5, loads)
    yield judged("extension cases refused: refused", bad, backend, 98.0, loads)
    yield judged("extension cases refused: `check` says so", bad, backend, 98.0, is_silent)


def files(backend: Backend, *, live: bool) -> Iterator[Measure]:
    """Odd inputs and whole rulesets: accepted or refused like the backend."""
    for title, cases in (
        ("odd inputs (lexical.tsv): like restore", lexical_cases(backend)),
        ("rulesets of others (dumps): like restore", dump_cases(backend)),
    ):
        yield judged(title, asked_anew(cases, backend) if live else cases, backend, 100.0, loads)


def broken_files(backend: Backend) -> Measure:
    """The broken files that `--test` of a backend passes: spoken of by the rule that is for them."""
    failures = []
    passed = [file for file in broken.FILES if getattr(file, backend) != broken.REFUSES]
    for file in passed:
        rules = [finding.rule for finding in broken.said(file)]
        if file.rule not in rules:
            failures.append(f"{file.name}: {', '.join(rules) or 'nothing'} is said, {file.rule} expected")
        elif missing() is None and broken.asked(file, backend) != getattr(file, backend):
            failures.append(f"{file.name}: the installed restore {broken.asked(file, backend)}")
    note = "restore asked live" if missing() is None else f"restore as recorded: {missing()}"
    return Measure("broken files that `--test` passes: found", backend, 100.0, len(passed), tuple(failures), note=note)
