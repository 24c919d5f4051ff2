"""Broken files that `iptables-restore --test` passes, what becomes of them, and what `check` says.

`python -m benchmarks.broken` prints the table of the README.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.restore import Backend, ask
from ruleset_lint.api import check_text
from ruleset_lint.lint.finding import Severity
from ruleset_lint.lint.report import ReportedFinding

_FILTER = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
_NAT = "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
_DEEP = 17

PASSES_REFUSES = "passes, load fails"
PASSES_LOADS = "passes, loads"
REFUSES = "refuses"


class Broken(NamedTuple):
    """A file that is broken: how, its text, the rule that must speak, what the backends do, what becomes of packets."""

    name: str
    text: str
    rule: str
    nft: str
    legacy: str
    harm: str


def _deep() -> str:
    chains = "".join(f":C{number} - [0:0]\n" for number in range(1, _DEEP + 1))
    jumps = "".join(f"-A C{number} -j C{number + 1}\n" for number in range(1, _DEEP))
    return f"{_FILTER}{chains}-A INPUT -j C1\n{jumps}-A C{_DEEP} -j ACCEPT\nCOMMIT\n"


FILES: tuple[Broken, ...] = (
    Broken(
        "chains that call each other in a circle",
        f"{_FILTER}:WEB - [0:0]\n:LIMITS - [0:0]\n-A INPUT -p tcp -m tcp --dport 80 -j WEB\n"
        "-A WEB -j LIMITS\n-A LIMITS -s 192.0.2.0/24 -j WEB\nCOMMIT\n",
        "syntax/loop",
        PASSES_REFUSES,
        PASSES_REFUSES,
        "nothing of the table is loaded",
    ),
    Broken(
        "`SNAT` in `PREROUTING`",
        f"{_NAT}-A PREROUTING -s 192.0.2.0/24 -j SNAT --to-source 203.0.113.1\nCOMMIT\n",
        "syntax/wrong-hook",
        PASSES_REFUSES,
        PASSES_REFUSES,
        "nothing of the table is loaded",
    ),
    Broken(
        "jump to a chain that is not there",
        f"{_FILTER}-A INPUT -p tcp -m tcp --dport 22 -j SSH-GUARD\nCOMMIT\n",
        "syntax/undefined-chain",
        PASSES_REFUSES,
        REFUSES,
        "nothing of the table is loaded",
    ),
    Broken(
        "`-m owner` in a chain that `INPUT` calls",
        f"{_FILTER}:LOCAL - [0:0]\n-A INPUT -i lo -j LOCAL\n-A LOCAL -m owner --uid-owner 33 -j ACCEPT\nCOMMIT\n",
        "syntax/wrong-hook",
        PASSES_REFUSES,
        PASSES_REFUSES,
        "nothing of the table is loaded",
    ),
    Broken(
        "`--reject-with tcp-reset` without `-p tcp`",
        f"{_FILTER}-A INPUT -j REJECT --reject-with tcp-reset\nCOMMIT\n",
        "syntax/wrong-protocol",
        PASSES_REFUSES,
        PASSES_REFUSES,
        "nothing of the table is loaded",
    ),
    Broken(
        "seventeen chains, each called by the one before",
        _deep(),
        "syntax/depth",
        PASSES_REFUSES,
        PASSES_LOADS,
        "nft loads nothing of the table",
    ),
    Broken(
        "a table that begins twice",
        f"{_FILTER}-A INPUT -i lo -j ACCEPT\nCOMMIT\n{_FILTER}-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n",
        "syntax/table-twice",
        PASSES_LOADS,
        PASSES_LOADS,
        "the first block is wiped",
    ),
    Broken(
        "a quote that is not closed",
        f'{_FILTER}-A INPUT -s 192.0.2.1 -m comment --comment "scanner -j DROP\nCOMMIT\n',
        "syntax/quote",
        PASSES_LOADS,
        PASSES_LOADS,
        "the target is part of the comment",
    ),
    Broken(
        "an address with a leading zero",
        f"{_FILTER}-A INPUT -s 010.0.0.1 -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n",
        "syntax/octal",
        PASSES_LOADS,
        PASSES_LOADS,
        "8.0.0.1 is let in",
    ),
    Broken(
        "`-6` before an IPv4 rule",
        f"{_FILTER}-6 -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n",
        "syntax/never-loaded",
        PASSES_LOADS,
        PASSES_LOADS,
        "the rule is skipped",
    ),
    Broken(
        "policy `DROP` in the nat table",
        f"{_NAT.replace(':PREROUTING ACCEPT', ':PREROUTING DROP')}COMMIT\n",
        "syntax/nat-policy",
        PASSES_LOADS,
        PASSES_LOADS,
        "new connections are dropped",
    ),
    Broken(
        "a connection state in the raw table",
        "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
        "-A PREROUTING -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW -j DROP\nCOMMIT\n",
        "conntrack/state-in-raw",
        PASSES_LOADS,
        PASSES_LOADS,
        "the rule never matches",
    ),
)


def said(file: Broken) -> tuple[ReportedFinding, ...]:
    """Errors and warnings of `check`, those of the expected rule first."""
    findings = check_text(file.text, path="rules.v4").findings
    spoken = [finding for finding in findings if finding.severity is not Severity.INFO]
    return tuple(sorted(spoken, key=lambda finding: (finding.rule != file.rule, finding.line)))


def asked(file: Broken, backend: Backend) -> str:
    """What the installed restore does: with `--test`, and with the file itself."""
    if ask(file.text, backend, "--test").code:
        return REFUSES
    return PASSES_REFUSES if ask(file.text, backend).code else PASSES_LOADS


def table() -> str:
    """The table of the README, in Markdown: what is recorded of the backends, what `check` says now."""
    head = ("broken file", "`iptables-nft-restore --test`", "`iptables-legacy-restore --test`", "then", "`check`")
    return "".join(_row(cells) for cells in (head, ("---",) * len(head), *_cells()))


def _cells() -> Iterator[tuple[str, ...]]:
    for file in FILES:
        found = said(file)
        yield file.name, file.nft, file.legacy, file.harm, f"`{found[0].rule}`" if found else "nothing"


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    sys.stdout.write(table())
