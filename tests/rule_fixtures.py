"""The fixtures of rules: what lies in fixtures/rules, what a rule says of it, and what its fixes make of it.

A fixture is a file `ok-*.rules` or `bad-*.rules`, with an optional configuration `*.toml` beside it, or a folder `ok-*`
or `bad-*` with the tree of a machine, an optional `ruleset-lint.toml`, and an optional mark `.complete`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ruleset_lint.gather import Options, gather_text, load_host
from ruleset_lint.lint import Configuration, Edit, Finding, RuleInfo
from ruleset_lint.lint.configuration import read
from ruleset_lint.lint.engine import Outcome, run
from ruleset_lint.lint.selection import all_rules
from ruleset_lint.model.host import Host
from ruleset_lint.text import apply_edits, decode, encode

FOLDER = Path(__file__).parent.parent / "fixtures" / "rules"
TODAY = date(2026, 1, 1)
ROUNDS = 10

Files = dict[str, bytes]  # by the path that findings show


@dataclass(frozen=True)
class Fixture:
    """What a rule is tried on; `path` is the file or folder."""

    rule: str
    path: Path

    @property
    def id(self) -> str:
        return f"{self.rule}/{self.path.name}"

    def beside(self, suffix: str) -> Path:
        """The file of the same name with another suffix; for a folder the suffix is added."""
        return self.path.with_suffix(suffix) if self.path.suffix == ".rules" else Path(f"{self.path}{suffix}")


def fixtures(kind: str) -> list[Fixture]:
    """All fixtures of a kind, `ok` or `bad`, of all rules."""
    found = sorted(path for path in FOLDER.glob(f"*/*/{kind}-*") if path.suffix == ".rules" or _is_tree(path))
    return [Fixture("/".join(path.relative_to(FOLDER).parts[:2]), path) for path in found]


def _is_tree(path: Path) -> bool:
    return path.is_dir() and path.suffix != ".fixed"


def rule_named(name: str) -> RuleInfo:
    return next(info for info in all_rules() if info.id == name)


def files(fixture: Fixture) -> Files:
    if fixture.path.is_file():
        return {fixture.path.name: fixture.path.read_bytes()}
    found = (path for path in sorted(fixture.path.rglob("*")) if path.is_file() and path.parent != fixture.path)
    return {path.relative_to(fixture.path.parent).as_posix(): path.read_bytes() for path in found}


def judge(fixture: Fixture, contents: Files, scratch: Path) -> Outcome:
    """What the fixture's rule says of these contents, with those present that it yields to."""
    configuration = _configuration(fixture)
    outcome = run(_host(fixture, contents, configuration, scratch), _needed(fixture.rule), configuration, today=TODAY)
    return outcome._replace(hits=tuple(hit for hit in outcome.hits if hit.rule.id == fixture.rule))


def _configuration(fixture: Fixture) -> Configuration:
    file = fixture.path / "ruleset-lint.toml" if fixture.path.is_dir() else fixture.beside(".toml")
    return read(file)._replace(source=file.name) if file.exists() else Configuration()


def _host(fixture: Fixture, contents: Files, configuration: Configuration, scratch: Path) -> Host:
    if fixture.path.is_file():
        return gather_text(contents[fixture.path.name], fixture.path.name, configuration)
    for name, content in contents.items():
        (scratch / name).parent.mkdir(parents=True, exist_ok=True)
        (scratch / name).write_bytes(content)
    name = fixture.path.name
    options = Options(complete=True if (fixture.path / ".complete").exists() else None)
    return load_host(scratch / name, configuration, options, shown=name)


def _needed(name: str) -> Sequence[RuleInfo]:
    """The rule and those it yields to; a rule about suppressions needs all."""
    info = rule_named(name)
    return all_rules() if info.category == "lint" else (info, *map(rule_named, info.yields_to))


def fixed(fixture: Fixture, contents: Files, scratch: Path) -> Files:
    """The contents when all edits of the rule are made, round after round until there are none left."""
    for _ in range(ROUNDS):
        findings = [hit.finding for hit in judge(fixture, contents, scratch).hits]
        after = {path: _mended(path, content, findings) for path, content in contents.items()}
        if after == contents:
            break
        contents = after
    return contents


def _mended(path: str, content: bytes, findings: Sequence[Finding]) -> bytes:
    edits = list(_compatible(finding for finding in findings if finding.place.document.path == path))
    return encode(apply_edits(decode(content), edits))


def _compatible(findings: Iterator[Finding]) -> Iterator[Edit]:
    """The edits of the first findings whose edits do not meet one another."""
    done = -1
    for finding in findings:
        edits = sorted(finding.fix.edits if finding.fix else (), key=lambda edit: edit.span)
        if edits and edits[0].span.start > done:
            done = edits[-1].span.end
            yield from edits
