"""python-iptables reads back what iptables-legacy loaded: its matches, targets and values are those of our model.

It reads what libxtables prints of the form the kernel keeps. Of what iptables-save prints our reading is the same; of
what was written it differs in the defaults and spellings of the tables below, and in nothing else.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest
from corpus import CORPUS, needs_corpus

from ruleset_lint.model.blocks import family_of
from ruleset_lint.model.loading import load
from ruleset_lint.model.rule import Rule, read
from ruleset_lint.model.shape import Use
from ruleset_lint.netfilter.commands import PARAMETERS
from ruleset_lint.netfilter.extension import Extension, Option
from ruleset_lint.netfilter.matches import match_entry
from ruleset_lint.netfilter.targets import target_entry
from ruleset_lint.syntax.iptables_save import parse

from .namespaces import missing
from .second_opinion_lines import CASES, text_of

READER = Path(__file__).with_name("iptc_reader.py")
SAVED = CORPUS / "saved" / "legacy"

Options = dict[str, tuple[object, ...]]  # by name; typed values, behind "!" where the option is negated
Said = dict[str, object]  # what the reader's JSON has of a ruleset
Ask = Callable[[int, Iterable[str]], list[Said]]


class Read(NamedTuple):
    """A rule as a reader understands it: chain, header, names of matches and target, and their options."""

    chain: str
    header: Options
    names: list[str]
    options: list[Options]
    goto: bool


# Options that are read back though nobody wrote them.
ADDED = {
    "recent --mask": "printed always",
    "recent --rsource": "the default side",
    "time --datestop": "the last second of 32 bits",
    "connlimit --connlimit-saddr": "the default side",
    "hashlimit --hashlimit-burst": "printed always",
    "REJECT --reject-with": "the default type",
    "CONNMARK --nfmask": "masks are printed always",
    "CONNMARK --ctmask": "masks are printed always",
    "TPROXY --on-ip": "the default address",
    "tcp --tcp-flags": "for --syn",
    "dscp --dscp": "for --dscp-class",
    "MARK --set-xmark": "for --set-mark and --or-mark",
}
# Options that are not read back.
LOST = {
    "string --to": "65535 is the default",
    "LOG --log-level": "4 is the default",
    "CONNMARK --mask": "two masks instead",
    "tcp --syn": "--tcp-flags instead",
    "dscp --dscp-class": "--dscp instead",
    "MARK --set-mark": "--set-xmark instead",
    "MARK --or-mark": "--set-xmark instead",
}
# Options whose value is read back in another spelling.
REWRITTEN = {
    "icmp --icmp-type": "number for name",
    "icmp6 --icmpv6-type": "number for name",
    "limit --limit": "1/sec for 60/minute",
    "time --timestart": "with seconds",
    "time --timestop": "with seconds",
    "tos --tos": "with its mask",
    "TOS --set-tos": "with its mask",
    "u32 --u32": "hexadecimal",
    "LOG --log-level": "number for name",
    "comment --comment": "python-iptables leaves a backslash before '",
}

each_case = pytest.mark.parametrize(("family", "table", "line"), [pytest.param(*case, id=case[2]) for case in CASES])


@pytest.fixture(scope="module", name="ask")
def fixture_ask() -> Ask:
    """How rulesets are loaded and read back; a child process is the only one that imports iptc."""
    if find_spec("iptc") is None:
        pytest.skip("python-iptables is not installed (it needs a C compiler)")
    if reason := missing() or (None if shutil.which("ldconfig") else "iptc needs ldconfig"):
        pytest.skip(reason)

    def asked(family: int, texts: Iterable[str]) -> list[Said]:
        command = ["unshare", "-n", sys.executable, str(READER), str(family)]
        data = json.dumps(list(texts))
        done = subprocess.run(command, input=data, capture_output=True, text=True, timeout=300, check=True)
        return list(json.loads(done.stdout))

    return asked


@pytest.fixture(scope="module", name="theirs")
def fixture_theirs(ask: Ask) -> dict[str, Said]:
    """What python-iptables reads of each line."""
    found: dict[str, Said] = {}
    for family in (4, 6):
        texts = {line: text_of(table, line) for one, table, line in CASES if one == family}
        found |= zip(texts, ask(family, texts.values()), strict=True)
    return found


def our_reading(rule: Rule) -> Read:
    header = {use.option.name: _typed(rule, use) for use in rule.shape.parameters}
    options = [{use.option.name: _typed(rule, use) for use in part.uses} for part in rule.shape.parts]
    names = [part.name for part in rule.shape.parts] + ([rule.jump] if rule.jump else [])
    return Read(rule.chain, header, names, options, rule.goto)


def our_readings(text: str, family: int) -> dict[str, list[Read]]:
    """Rules by table; chains in the order of their names, in which python-iptables has them not always."""
    found: dict[str, list[Read]] = {}
    for rule in load(parse("saved", text), family).rules:
        found.setdefault(rule.table, []).append(our_reading(rule))
    return {table: sorted(rules, key=lambda rule: rule.chain) for table, rules in found.items()}


def _typed(rule: Rule, use: Use) -> tuple[object, ...]:
    return ("!" * use.negated, *(rule.read(use, number) for number in range(len(use.operands))))


def their_readings(said: Said, family: int) -> dict[str, list[Read]]:
    """What python-iptables read, values typed by the readers of our catalogue."""
    read_back = {table: [_their_reading(rule, family) for rule in rules] for table, rules in said["rules"].items()}
    return {table: sorted(rules, key=lambda rule: rule.chain) for table, rules in read_back.items() if rules}


def _their_reading(said: Said, family: int) -> Read:
    parts = [*said["matches"], *([said["target"]] if said["target"][0] else [])]
    entries = [match_entry(name, family) for name, _ in said["matches"]]
    entries += [target_entry(name, family) for name, _ in parts[len(entries) :]]
    options = [_read_options(entry, found, family) for entry, (_, found) in zip(entries, parts, strict=True) if entry]
    return Read(said["chain"], _read_header(said["header"], family), [name for name, _ in parts], options, said["goto"])


def _read_options(entry: Extension, found: dict[str, list[str]], family: int) -> Options:
    return {f"--{name}": _read_words(entry.option(f"--{name}"), words, family) for name, words in found.items()}


def _read_words(option: Option | None, words: list[str], family: int) -> tuple[object, ...]:
    assert option
    negated = words[:1] == ["!"]
    pairs = zip(option.reads, words[negated:], strict=True)
    return ("!" * negated, *(read(reader, word.replace("\\'", "'"), family) for reader, word in pairs))


def _read_header(found: dict[str, str], family: int) -> Options:
    readers = {option.name: option.reads[0] for option in PARAMETERS if option.reads}
    header: Options = {"-f": ("",)} if "-f" in found else {}
    for name, text in found.items():
        if name != "-f":
            negated = text.startswith("!")
            header[name] = ("!" * negated, readers[name](text[negated:], family))
    return header


def differences(ours: Read, theirs: Read) -> list[str]:
    """The options in which two readings differ and are not known to."""
    return [
        f"{name} {option}: {mine.get(option)} {other.get(option)}"
        for name, mine, other in zip(ours.names, ours.options, theirs.options, strict=False)
        for option in mine.keys() | other.keys()
        if mine.get(option) != other.get(option)
        if f"{name} {option}" not in (ADDED if option not in mine else LOST if option not in other else REWRITTEN)
    ]


@each_case
def test_a_second_reader_agrees_about_what_was_written(
    family: int, table: str, line: str, theirs: dict[str, Said]
) -> None:
    ((ours,),) = our_readings(text_of(table, line), family).values()
    ((other,),) = their_readings(theirs[line], family).values()
    assert ours._replace(options=[]) == other._replace(options=[])
    assert differences(ours, other) == []


@each_case
def test_a_second_reader_agrees_about_what_is_saved(
    family: int, table: str, line: str, theirs: dict[str, Said]
) -> None:
    assert our_readings(str(theirs[line]["saved"]), family) == their_readings(theirs[line], family)


@needs_corpus
@pytest.mark.parametrize("family", [4, 6])
def test_a_second_reader_agrees_about_the_rulesets_of_others(family: int, ask: Ask) -> None:
    texts = {path: path.read_text("utf-8") for path in sorted(SAVED.rglob("*")) if path.is_file()}
    chosen = {path: text for path, text in texts.items() if family_of(path.name, text) == family}
    answers = zip(chosen.items(), ask(family, chosen.values()), strict=True)
    different = [path for (path, text), said in answers if our_readings(text, family) != their_readings(said, family)]
    assert (different, bool(chosen)) == ([], True)
