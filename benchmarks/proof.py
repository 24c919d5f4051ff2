"""`python -m benchmarks.proof`: CPU that proving a rewrite takes, ÷ `iptables-nft-restore --test` of 100,000 rules.

The ruleset is that of benchmarks.folding with an accept for tcp/80 before all others; it is rewritten so that the
service leaves connection tracking, and the rewrite is compared with it. All figures are CPU of child processes. Needs
root for the namespace that restore runs in.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.cost import compared, cost
from benchmarks.folding import made
from benchmarks.restore import missing
from benchmarks.speed import restore, write
from ruleset_lint.model.loading import load
from ruleset_lint.packets.endpoints import parse_endpoint
from ruleset_lint.rewrite.notrack import Request, untrack
from ruleset_lint.syntax.iptables_save import parse

_RESTORED = 100_000
_BUDGET = 2.0  # times that
_WEB = "-A INPUT -p tcp -m conntrack --ctstate NEW -m tcp --dport 80 -j ACCEPT"
_FIRST = "-A INPUT -i eth0 "


def rewritten(rules: int, seed: int) -> tuple[str, str]:
    """A ruleset with so many rules, and its rewrite. Raises ValueError if it is not rewritten."""
    lines = [line for text in made(rules - 1, seed) for line in ([_WEB, text] if text.startswith(_FIRST) else [text])]
    before = "".join(f"{line}\n" for line in lines)
    after = untrack(load(parse("before", before)), Request((parse_endpoint("tcp/80"),)))
    if not after.changed:
        raise ValueError("; ".join(refusal.reason for refusal in after.refusals))
    return before, after.text


def prove(before: Path, after: Path, *options: str) -> list[str]:
    """The command that compares two files."""
    return [sys.executable, "-m", "ruleset_lint", "prove", str(before), str(after), "--isolated", *options]


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print; exit code 1 if the budget is not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.proof", description=__doc__)
    parser.add_argument("--rules", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3)
    request = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="ruleset-lint-proof-") as name:
        before, after = (Path(name, f"{side}.rules") for side in ("before", "after"))
        for path, text in zip((before, after), rewritten(request.rules, request.seed), strict=True):
            path.write_text(text, encoding="utf-8")
        commands = {
            "rewrite": (prove(before, after, "--service", "tcp/80"), (0,)),
            "itself": (prove(before, before), (0,)),
        }
        taken = compared(commands, request.runs)
        print(*(f"{what}: {used.cpu:.2f} s, {used.memory:.0f} MiB" for what, used in taken.items()), sep="\n")
        if reason := missing():
            print(f"iptables-nft-restore cannot be measured: {reason}")
            return 0
        flat = cost(restore(write("flat", _RESTORED, Path(name))[0])).cpu
        ratio = taken["rewrite"].cpu / flat
        print(f"restore of {_RESTORED} rules: {flat:.2f} s; proof of the rewrite ÷ it: {ratio:.2f}")
        return 0 if ratio <= _BUDGET else 1


if __name__ == "__main__":
    sys.exit(main())
