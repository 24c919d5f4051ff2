"""Run as a program: loads rulesets with iptables-legacy-restore and prints what python-iptables reads of them.

Importing iptc starts a compiler and may load modules: only in a child process, in a network namespace of its own.
Its word is the family: in one process libxtables finds the extensions of one family only. Standard input is a list of
texts in JSON; so is standard output, for each of them what iptables-legacy-save prints and the rules of its tables.
Fails where restore does.
"""

from __future__ import annotations

import json
import subprocess
import sys

ANYTHING = ("ip", "all", "0.0.0.0/0.0.0.0", "::/0", None)


def main() -> None:
    """Read, load, print."""
    json.dump([reading(int(sys.argv[1]), text) for text in json.load(sys.stdin)], sys.stdout)


def reading(family: int, text: str) -> dict[str, object]:
    """A ruleset, loaded and read back."""
    import iptc

    tool = "iptables-legacy" if family == 4 else "ip6tables-legacy"
    subprocess.run([f"{tool}-restore"], input=text, text=True, check=True)
    names = [line[1:].strip() for line in text.splitlines() if line.startswith("*")]
    saved = [f"{tool}-save", "-t"]
    texts = [subprocess.run([*saved, name], capture_output=True, text=True, check=True).stdout for name in names]
    tables = [(iptc.Table if family == 4 else iptc.Table6)(name) for name in names]
    for table in tables:
        table.refresh()
    return {"saved": "".join(texts), "rules": {table.name: _rules(table) for table in tables}}


def _rules(table: object) -> list[dict[str, object]]:
    return [_rule(chain.name, rule) for chain in table.chains for rule in chain.rules]


def _rule(chain: str, rule: object) -> dict[str, object]:
    asked = {
        "-p": rule.protocol,
        "-s": rule.src,
        "-d": rule.dst,
        "-i": rule.in_interface,
        "-o": rule.out_interface,
        "-f": getattr(rule, "fragment", False) or None,
    }
    return {
        "chain": chain,
        "header": {name: value for name, value in asked.items() if value not in ANYTHING},
        "matches": [[match.name, match.get_all_parameters()] for match in rule.matches],
        "target": [rule.target.name, rule.target.get_all_parameters()],
        "goto": bool(rule.target.goto),
    }


if __name__ == "__main__":
    main()
