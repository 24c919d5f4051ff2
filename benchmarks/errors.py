"""`python -m benchmarks.errors`: every finding of severity error on rulesets of others, asked of the kernel.

A line is loaded by itself, in its table with the chains of its file; a packet is sent that a finding says is lost. Each
finding is printed with the verdict: true, false, or not asked. Needs root, iptables, ip, /dev/net/tun, and the corpus
(RULESET_LINT_CORPUS). Exit code 1 if one is false or not asked.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

import ruleset_lint
from benchmarks import corpus
from ruleset_lint.lint.finding import Severity
from ruleset_lint.lint.report import ReportedFinding
from ruleset_lint.model.blocks import family_of
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS
from ruleset_lint.packets.packet_text import read_packet
from tests.kernel.injected import arena
from tests.kernel.namespaces import missing, run
from tests.kernel.rulesets import BACKENDS, load, loads, saved

_FOLDERS = ("dumps", "files")
_COUNTED = """\
table inet counted {{
  chain in {{
    type filter hook input priority 300;
    {0} counter
  }}
}}
"""
# what a finding says is lost: the packet, and how nft knows it where nothing can drop it any more
_LOST = {
    "safety/lockout": ("in=eth7 tcp {0}:40000 > {1}:22 flags=SYN state=NEW", "tcp dport 22"),
    "safety/ipv6-neighbours": (
        "in=eth7 icmpv6 {0} > {1} type=135 ttl=255",
        "icmpv6 type nd-neighbor-solicit",
    ),
}
_ENDS = {4: ("203.0.113.7", "192.0.2.10"), 6: ("[2001:db8:7::7]", "[2001:db8::10]")}


class Found(NamedTuple):
    """An error in a file of the corpus: where, in which table, and the line by itself."""

    name: str
    family: int
    text: str
    finding: ReportedFinding

    @property
    def line(self) -> str:
        """The line that it is about."""
        return self.text.split("\n")[self.finding.line - 1]

    @property
    def table(self) -> str | None:
        """The table that the line stands in; None if it stands in none."""
        before = self.text.split("\n")[: self.finding.line]
        marks = [line for line in before if re.match(r"\* ?[a-z]+|COMMIT", line)]
        return marks[-1].lstrip("* ").strip() if marks and marks[-1][0] == "*" else None


def errors() -> Iterator[Found]:
    """All of them."""
    for folder in _FOLDERS:
        for row in corpus.rows(f"{folder}/INDEX.tsv"):
            text = corpus.text_of(f"{folder}/{row['file']}")
            family = family_of(row["path"], text)
            for finding in ruleset_lint.check_text(text, path=row["path"], family=None).findings:
                if finding.severity is Severity.ERROR:
                    yield Found(f"{folder}/{row['file']}", family, text, finding)


def refused(found: Found) -> bool:
    """Whether a backend refuses the line, alone in its table."""
    chains = "".join(f":{name} - [0:0]\n" for name in _chains(found))
    text = f"*{found.table}\n{chains}{found.line}\nCOMMIT\n" if found.table else f"{found.line}\n"
    return not all(loads(text, found.family, backend) for backend in BACKENDS)


def _chains(found: Found) -> list[str]:
    declared = re.findall(r"^(?::|-N +)(\S+)", found.text, re.MULTILINE)
    return [name for name in dict.fromkeys(declared) if name not in BUILTIN_CHAINS.get(found.table or "", ())]


def wiped(found: Found) -> bool:
    """Whether a chain of the first block is gone behind the second, on both backends."""
    text = f"*{found.table}\n:FIRST - [0:0]\nCOMMIT\n*{found.table}\nCOMMIT\n"
    return not any("FIRST" in saved(text, found.family, backend) for backend in BACKENDS)


def not_committed(found: Found) -> bool:
    """Whether a last COMMIT without a line feed is not taken, by the legacy backend."""
    return found.line == "COMMIT" and not loads("*filter\nCOMMIT", found.family, "legacy")


def lost(found: Found) -> bool:
    """Whether the packet that the finding is about passes INPUT on no backend, and does without the ruleset."""
    text, words = _LOST[found.finding.rule]
    packet = read_packet(text.format(*_ENDS[found.family]))
    arrived = []
    for ruleset in ("", found.text):
        for backend in BACKENDS:
            with arena() as place:
                if ruleset and not load(place.place, ruleset, found.family, backend):
                    raise ValueError(f"{found.name} does not load")
                run(place.place, "nft", "-f", "-", text=_COUNTED.format(words))
                with suppress(OSError):
                    place.send("INPUT", packet)
                arrived.append(" packets 0 " not in run(place.place, "nft", "list", "table", "inet", "counted"))
    return arrived == [True, True, False, False]


def _question(found: Found) -> tuple[str, Callable[[Found], bool]] | None:
    rule = found.finding.rule
    if rule in _LOST:
        return "the packet is lost", lost
    if rule == "syntax/table-twice":
        return "the first block is wiped", wiped
    if rule == "syntax/commit" and "without a line feed" in found.finding.message:
        return "legacy does not take the last COMMIT", not_committed
    return ("a backend refuses the line by itself", refused) if rule.startswith("syntax/") else None


def main(words: Sequence[str] | None = None) -> int:
    """Ask and print."""
    argparse.ArgumentParser(prog="python -m benchmarks.errors", description=__doc__).parse_args(words)
    if reason := missing():
        print(reason, file=sys.stderr)
        return 2
    verdicts: Counter[str] = Counter()
    for found in errors():
        asked = _question(found)
        said = f"{asked[0]}: {'true' if asked[1](found) else 'FALSE'}" if asked else "NOT ASKED"
        verdicts[said] += 1
        print(f"{found.name}:{found.finding.line} {found.finding.rule} {found.finding.confidence.value}: {said}")
    print(*(f"{count}: {said}" for said, count in verdicts.most_common()), sep="\n")
    return int(any("FALSE" in said or "NOT" in said for said in verdicts))


if __name__ == "__main__":
    sys.exit(main())
