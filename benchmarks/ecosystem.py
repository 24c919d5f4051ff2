"""`python -m benchmarks.ecosystem`: what `check` finds on rulesets of others, and what differs between two versions.

Without words it prints a line a finding: file, line, rule, severity, confidence; `--against REVISION` checks with the
code of a git revision too and prints what came and what went. The subjects are the corpus (RULESET_LINT_CORPUS), where
it is, and the fixture hosts. Exit code 1 if there is a difference.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import ruleset_lint
from benchmarks import corpus
from ruleset_lint.lint.report import Report

ROOT = Path(__file__).resolve().parents[1]
HOSTS = str(ROOT / "fixtures/hosts")


def findings(folder: str | None = None) -> list[str]:
    """A line a finding, in order; of one folder of subjects ("dumps", "files", "hosts") or of all."""
    made = {"dumps": _of_files, "files": _of_files, "hosts": _of_hosts}
    return [line for name, lines in made.items() if folder in (None, name) for line in lines(name)]


def difference(before: Iterable[str], after: Iterable[str]) -> list[str]:
    """What went ("- …") and what came ("+ …")."""
    old, new = Counter(before), Counter(after)
    gone, come = (old - new).elements(), (new - old).elements()
    return [*(f"- {line}" for line in sorted(gone)), *(f"+ {line}" for line in sorted(come))]


def _of_files(folder: str) -> Iterator[str]:
    for row in corpus.rows(f"{folder}/INDEX.tsv"):
        data = (corpus.corpus() / folder / row["file"]).read_bytes()
        yield from _lines(f"{folder}/{row['file']}", ruleset_lint.check_text(data, path=row["path"], family=None))


def _of_hosts(_: str) -> Iterator[str]:
    for root in sorted(path for path in Path(HOSTS).iterdir() if path.is_dir()):
        yield from _lines(f"hosts/{root.name}", ruleset_lint.check_host(root))


def _lines(name: str, report: Report) -> Iterator[str]:
    for found in report.findings:
        place = found.path.partition(f"{name}/")[2] or "-"
        words = (name, place, found.line, found.rule, found.severity.value, found.confidence.value)
        yield "\t".join(map(str, words))


def _of_revision(revision: str) -> list[str]:
    """The findings of the code of a revision, on the fixture hosts of this one."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "-C", ROOT, "worktree", "add", "-q", "--detach", tree, revision], check=True)
        try:
            return _asked(tree)
        finally:
            subprocess.run(["git", "-C", ROOT, "worktree", "remove", "--force", tree], check=True)


def _asked(tree: Path) -> list[str]:
    """This file, run with the package of another tree."""
    code = "import sys; from benchmarks import ecosystem; ecosystem.HOSTS = sys.argv[1]; ecosystem.main([])"
    (tree / "benchmarks/ecosystem.py").write_text(Path(__file__).read_text("utf-8"), "utf-8")
    place = {**os.environ, "PYTHONPATH": str(tree), "RULESET_LINT_CORPUS": str(corpus.corpus())}
    command = [sys.executable, "-c", code, HOSTS]
    return subprocess.run(command, cwd=tree, env=place, check=True, capture_output=True, text=True).stdout.splitlines()


def main(words: Sequence[str] | None = None) -> int:
    """Check, compare, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ecosystem", description=__doc__)
    parser.add_argument("--against", metavar="REVISION", help="a git revision to compare with")
    request = parser.parse_args(words)
    now = findings()
    if request.against is None:
        print(*now, sep="\n")
        return 0
    differs = difference(_of_revision(request.against), now)
    print(*differs, sep="\n")
    by_rule = Counter(line[:2] + line.split("\t")[3] for line in differs)
    print(f"{len(now)} findings, {len(differs)} differences")
    print(*(f"  {count} {rule}" for rule, count in by_rule.most_common()), sep="\n")
    return int(bool(differs))


if __name__ == "__main__":
    sys.exit(main())
