"""The corpus to measure with: RULESET_LINT_CORPUS, or `shared/corpus` beside the repository. Knows its tables."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "corpus"
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}

Row = dict[str, str]

# What only the machine can say: objects and kernel modules that the machine of the recorded answers did not have.
MACHINE = {
    "libxt_ipvs.t": "no ip_vs in the kernel",
    "libxt_rateest.t": "no estimator of that name",
    "libxt_LED.t": "no LED target in the kernel",
    "libxt_SET.t": "no set of that name",
    "libxt_nfacct.t:8": "no accounting object of that name",
    "libxt_connlabel.t:7": "no label of that name",
}
# What a recorded error says when the answer depends on the machine.
ELSEWHERE = {
    "host/network": "a name that the machine could not resolve",
    "owner: Bad value": "a user or group that the machine did not have",
    "Set ": "a set that the machine did not have",
}
# Rows of lexical.tsv that cannot be answered from the text.
LEXICAL = {
    "nft -R line": "iptables-nft-restore 1.8.9 crashes (signal 11) over what it should do",
    "nft -m set no such set": "which sets there are only the machine knows",
    "legacy -m set no such set": "which sets there are only the machine knows",
    "nft very long line 9000": "the table of the corpus has only the beginning of the line",
    "legacy very long line 9000": "the table of the corpus has only the beginning of the line",
}
# Files of saved/ that are not what the dump of the same name gives.
SAVED = {
    "rockethome+rover/sysconfig__iptables": "saved/ has the rules of another file: 1.8.9 prints others, either backend",
}


def corpus() -> Path:
    """The corpus' folder, whether it is there or not."""
    return Path(os.environ.get("RULESET_LINT_CORPUS") or _BESIDE)


def rows(name: str) -> list[Row]:
    """The rows of a table of the corpus; none where it does not have the table."""
    file = corpus() / name
    if not file.is_file():
        return []
    with file.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def text_of(name: str) -> str:
    """The text of a file of the corpus, line endings as they are."""
    return (corpus() / name).read_bytes().decode("utf-8", "surrogateescape")


def unescaped(text: str) -> str:
    """A cell of lexical.tsv as the input it stands for."""
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text)


def excuse(case: str) -> str:
    """Why the recorded refusal of an extension case depends on the machine, empty if it does not."""
    return MACHINE.get(case) or MACHINE.get(case.partition(":")[0], "")


def elsewhere(error: str) -> str:
    """Why a recorded error depends on the machine, empty if it does not."""
    return next((reason for sign, reason in ELSEWHERE.items() if sign in error), "")
