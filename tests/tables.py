"""Rulesets of a few rules, as text and loaded."""

from __future__ import annotations

from ruleset_lint.model.loading import load
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.syntax.iptables_save import parse


def text(table: str, rules: tuple[str, ...], policy: str = "ACCEPT", chains: tuple[str, ...] = ()) -> str:
    hooks = {
        "filter": ("INPUT", "FORWARD", "OUTPUT"),
        "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
        "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
        "raw": ("PREROUTING", "OUTPUT"),
    }[table]
    declared = [*(f":{hook} {policy} [0:0]" for hook in hooks), *(f":{name} - [0:0]" for name in chains)]
    return "\n".join((f"*{table}", *declared, *(f"-A {rule}" for rule in rules), "COMMIT", ""))


def ruleset(*texts: str) -> Ruleset:
    return load(parse("test", "".join(texts)))


def filtered(*rules: str, policy: str = "DROP", chains: tuple[str, ...] = ("A", "B", "C")) -> Ruleset:
    return ruleset(text("filter", rules, policy, chains))
