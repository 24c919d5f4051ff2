"""`python -m benchmarks.speed`: CPU and memory of `ruleset-lint check` against `iptables-nft-restore --test`.

All figures are of child processes of one run on one machine: medians, and ratios of them. Needs root for the namespace
that restore runs in.
"""

from __future__ import annotations

import argparse
import itertools
import math
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.cost import Cost, compared, environment
from benchmarks.restore import missing, program, version
from benchmarks.rulesets import KINDS

_SIZES = (1_000, 10_000, 100_000, 200_000)
_BUDGET_SIZE = 100_000
_PYTHON = (sys.executable, "-m", "ruleset_lint")
_GOOD = (0,)
_WITHOUT_SETS = ("--ignore", "reach")  # what asks for sets of packets is measured by benchmarks.folding
_NOTHING = "python -c pass"
_START = "check of no rules"


class Point(NamedTuple):
    """What a ruleset of a kind costs."""

    kind: str
    rules: int
    lines: int
    check: Cost
    restore: Cost


def check(path: Path, *more: str) -> list[str]:
    """The command that checks a file. Findings are no failure: exit code 1 is then a crash, which is fast."""
    return [*_PYTHON, "check", "--exit-zero", "--family", "4", *more, str(path)]


def restore(path: Path) -> list[str]:
    """The command that tests a file with iptables."""
    return ["unshare", "-n", program("nft"), "--test", str(path)]


def write(kind: str, rules: int, folder: Path) -> tuple[Path, int]:
    """Write a ruleset, in a process of its own to keep this one small; its path and how many lines it has."""
    path = folder / f"{kind.replace(' ', '-')}-{rules}.rules"
    command = [sys.executable, "-m", "benchmarks.rulesets", kind, str(rules)]
    with path.open("wb") as file:
        subprocess.run(command, stdout=file, env=environment(), check=True)
    with path.open("rb") as file:
        return path, sum(1 for _ in file)


def points(kinds: Sequence[str], sizes: Sequence[int], runs: int, folder: Path) -> Iterator[Point]:
    """Measure each kind at each size."""
    for kind, rules in itertools.product(kinds, sizes):
        path, lines = write(kind, rules, folder)
        found = compared({"check": (check(path, *_WITHOUT_SETS), _GOOD), "restore": (restore(path), _GOOD)}, runs)
        yield Point(kind, rules, lines, found["check"], found["restore"])
        path.unlink()


def sizes_table(taken: Sequence[Point], start: float) -> Iterator[str]:
    """A line a kind and size; time for a rule without what the program needs to start."""
    yield "| ruleset | rules | lines | CPU s | restore | ÷ | MiB | restore | ÷ | CPU µs a rule | restore |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    for one in taken:
        cpu, memory = ratios(one)
        seconds = f"{one.check.cpu:.3f} | {one.restore.cpu:.3f} | {cpu:.2f}"
        mebibytes = f"{one.check.memory:.0f} | {one.restore.memory:.0f} | {memory:.2f}"
        a_rule = f"{1e6 * (one.check.cpu - start) / one.rules:.1f} | {1e6 * one.restore.cpu / one.rules:.1f}"
        yield f"| {one.kind} | {one.rules} | {one.lines} | {seconds} | {mebibytes} | {a_rule} |"


def ratios(one: Point) -> tuple[float, float]:
    """CPU and memory of `check` ÷ those of restore."""
    return one.check.cpu / one.restore.cpu, one.check.memory / one.restore.memory


def growth(taken: Sequence[Point], start: float) -> Iterator[str]:
    """How the time of `check` grows from size to size, start-up taken off: exponent 1 is linear, 2 quadratic."""
    for before, after in itertools.pairwise(taken):
        if before.kind == after.kind and after.rules > before.rules:
            lower, upper = (one.check.cpu - start for one in (before, after))
            steps = f"{after.kind}: {before.rules} to {after.rules} rules"
            if min(lower, upper) < start / 4:
                yield f"{steps}: lost in the time it takes to start"
            else:
                power = math.log(upper / lower) / math.log(after.rules / before.rules)
                yield f"{steps}: CPU × {upper / lower:.1f}, exponent {power:.2f}"


def verdicts(taken: Sequence[Point]) -> Iterator[str]:
    """The budgets at 100,000 rules."""
    for one in taken:
        if one.rules == _BUDGET_SIZE:
            cpu, memory = ratios(one)
            yield f"{one.kind}, {one.rules} rules: CPU {cpu:.2f} (budget 1), memory {memory:.2f} (budget 3)"


def small(runs: int, folder: Path) -> dict[str, Cost]:
    """Whole processes that do little."""
    path, empty = (write("flat", rules, folder)[0] for rules in (100, 0))
    commands = {
        _NOTHING: ([sys.executable, "-c", "pass"], _GOOD),
        _START: (check(empty), _GOOD),
        "check of 100 rules": (check(path), _GOOD),
        "the same without sets of packets": (check(path, *_WITHOUT_SETS), _GOOD),
        "--version": ([*_PYTHON, "--version"], _GOOD),
        "--help": ([*_PYTHON, "--help"], _GOOD),
    }
    return compared(commands, runs)


def small_lines(found: dict[str, Cost]) -> Iterator[str]:
    """The same ÷ a Python that does nothing."""
    budgets = {"check of 100 rules": 20, "--version": 13, "--help": 13}
    for name, used in found.items():
        ratio = used.cpu / found[_NOTHING].cpu
        budget = f" (budget {budgets[name]})" if name in budgets else ""
        yield f"{name}: {1000 * used.cpu:.0f} ms of CPU, {used.memory:.0f} MiB, ÷ {_NOTHING} {ratio:.1f}{budget}"


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(sorted(int(word) for word in text.split(",")))


def _parsed(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--sizes", type=_numbers, default=_SIZES, help="numbers of rules, separated by commas")
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=list(KINDS), help=", ".join(KINDS))
    parser.add_argument(
        "--runs", type=int, default=3, help="runs of which the median counts; four times as many for start-up"
    )
    request = parser.parse_args(words)
    if unknown := set(request.kinds) - set(KINDS):
        parser.error(f"--kinds: no {', '.join(sorted(unknown))}: there are {', '.join(KINDS)}")
    if reason := missing():
        parser.error(f"iptables-nft-restore cannot be measured: {reason}")
    return request


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print."""
    request = _parsed(words)
    print(f"Python {platform.python_version()}, {version()}, kernel {platform.release()}")
    print(f"{request.runs} runs, medians\n")
    folder = Path(tempfile.mkdtemp(prefix="ruleset-lint-speed-"))
    try:
        started = small(4 * request.runs, folder)
        print(*small_lines(started), sep="\n")
        start = started[_START].cpu
        taken = list(points(request.kinds, request.sizes, request.runs, folder))
        print("", *sizes_table(taken, start), "", *growth(taken, start), "", *verdicts(taken), sep="\n")
    finally:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
