"""The examples of manual pages as machines: what a page shows is laid out as files, and its rule is run on them.

A comment in the first column names the file that the lines below it stand in (`# etc/sysctl.d/90-conntrack.conf`) or
the release (`# on EL6`). Lines without one go to the file of their kind. Rules without their table get one, and the
built-in chains that a page leaves out accept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from rule_fixtures import TODAY, rule_named

from ruleset_lint.gather import Options, load_host
from ruleset_lint.lint import Configuration, Finding, RuleInfo
from ruleset_lint.lint.engine import run
from ruleset_lint.lint.selection import all_rules

_SECTION = re.compile(r"^## ([^\n]*)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# ((?:etc|proc|sys)/[\w./-]+|ip6?tables)\b")
_RELEASE = re.compile(r"# on ((?:EL|Debian |Ubuntu )[\d.]+)")
_BUILT_IN = {
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "nat": ("PREROUTING", "OUTPUT", "POSTROUTING"),
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
}
_KINDS = (
    (r"(\*|:|-A |COMMIT|# ruleset-lint)", "etc/sysconfig/iptables"),
    (r"(IP6?TABLES_|\. )", "etc/sysconfig/iptables-config"),
    (r"(options|blacklist|install) ", "etc/modprobe.d/example.conf"),
    (r"net\.", "etc/sysctl.d/90-example.conf"),
    (r"create ", "etc/iptables/ipsets"),
)


class Surroundings(NamedTuple):
    """What a page takes for granted: other files, what stands around its lines, how the machine is judged."""

    files: Mapping[str, str] = {}
    before: str = ""
    after: str = ""
    stands_for: tuple[str, str] = ("\0", "")  # a line like `…`, and what it leaves out
    profile: str | None = None
    family: int = 4
    complete: bool = True
    configuration: Configuration = Configuration()


def blocks(info: RuleInfo, heading: str) -> list[str]:
    """The code of a section, block by block."""
    sections = dict(_SECTION.findall(info.manual + "\n"))
    return _BLOCK.findall(sections[heading])


def said(info: RuleInfo, code: str, around: Surroundings, root: Path) -> list[Finding]:
    """What the rule says of a block of code, with the rules present that it yields to."""
    code = around.before + code.replace(*around.stands_for) + around.after
    for name, text in _files(code, around).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text.encode())
    options = Options(profile=_profile(code) or around.profile, complete=around.complete)
    host = load_host(root, around.configuration, options, shown="host")
    rules = all_rules() if info.category == "lint" else (info, *map(rule_named, info.yields_to))
    outcome = run(host, rules, around.configuration, today=TODAY)
    return [hit.finding for hit in outcome.hits if hit.rule.id == info.id]


def _profile(code: str) -> str | None:
    found = _RELEASE.search(code)
    return found[1].lower().replace(" ", "") if found else None


def _files(code: str, around: Surroundings) -> dict[str, str]:
    shown: dict[str, list[str]] = {}
    for name, line in _placed(code, around.family):
        shown.setdefault(name, []).append(line)
    texts = {name: whole("\n".join(lines)) for name, lines in shown.items()}
    return {**around.files, **texts}


def _placed(code: str, family: int) -> Iterator[tuple[str, str]]:
    named = None
    for line in code.removesuffix("\n").split("\n"):
        found = _FILE.match(line)
        if found:
            named = found[1] if "/" in found[1] else f"etc/sysconfig/{found[1]}"
        name = named or next((file for kind, file in _KINDS if re.match(kind, line.lstrip())), None)
        if name:
            yield (name.replace("/iptables", "/ip6tables") if family == 6 and named is None else name), line
            named = named or (name if "sysconfig/iptables" in name and "config" not in name else None)


def whole(text: str) -> str:
    """A ruleset that loads, from the rules that a page shows; other texts as they are."""
    if not re.search(r"^\s*(\*|:|-A )", text, re.MULTILINE):
        return text + "\n"
    tables = re.split(r"(?=^\*)", text, flags=re.MULTILINE)
    return "".join(_table(part) for part in tables if part.strip())


def _table(text: str) -> str:
    if not text.startswith("*"):
        raw = re.search(r"-j (NOTRACK|CT)\b", text)
        text = f"*{'raw' if raw else 'nat' if 'MASQUERADE' in text else 'filter'}\n{text}"
    head, _, rest = text.rstrip("\n").partition("\n")
    declared = set(re.findall(r"^:(\S+)", rest, re.MULTILINE))
    built_in = _BUILT_IN[head[1:].strip().removesuffix("\\r")]
    used = dict.fromkeys(re.findall(r"^-A (\S+)", rest, re.MULTILINE))
    missing = [f":{name} ACCEPT [0:0]" for name in built_in if name not in declared]
    missing += [f":{name} - [0:0]" for name in used if name not in declared and name not in built_in]
    end = [] if re.search(r"^\s*COMMIT", rest, re.MULTILINE) else ["COMMIT"]
    return "\n".join([head, *missing, rest, *end]) + "\n"
