"""Rulesets in their normal form: the text that iptables-save 1.8.9 gives after loading. Knows no file and no fixes."""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.model.normal import Backend, NoNormalFormError, normal_bodies
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Chain, Ruleset, Table
from ruleset_lint.netfilter.hooks import BUILTIN_CHAINS
from ruleset_lint.syntax.nodes import RuleLine
from ruleset_lint.syntax.words import Form, quote


def normal_text(ruleset: Ruleset, backend: Backend) -> str:
    """All tables in the order in which they come, counters at zero, no comment lines.

    Save's own order of tables depends on what the machine loaded before, so the ruleset's order stays. Of a table
    without chain lines and commands iptables-nft makes nothing.
    """
    named = {block.table for block in ruleset.blocks if backend == "legacy" or block.declaring or block.has_commands}
    tables = (table for table in ruleset.tables.values() if table.name in named)
    return "".join(f"{line}\n" for table in tables for line in _table(table, backend))


def _table(table: Table, backend: Backend) -> Iterator[str]:
    yield f"*{table.name}"
    chains = _in_order(table)
    for chain in chains:
        yield f":{chain.name} {chain.policy} [0:0]"
    for chain in chains:
        for rule in chain.rules:
            yield from normal_lines(rule, chain.name, backend)
    yield "COMMIT"


def _in_order(table: Table) -> list[Chain]:
    """Built-in chains in the order of the hooks, then the others by name, byte by byte."""
    builtin = BUILTIN_CHAINS.get(table.name, ())
    own = (chain for chain in table.chains.values() if chain.name not in builtin)
    ordered = sorted(own, key=lambda chain: chain.name.encode("utf-8", "surrogateescape"))
    return [*(table.chains[name] for name in builtin if name in table.chains), *ordered]


def normal_lines(rule: Rule, chain: str, backend: Backend) -> list[str]:
    """The `-A` lines of a rule in a chain; the words of the file if only the loading machine knows the normal form.

    Inserted rules come out in reverse: each goes in before the one before.
    """
    try:
        bodies = normal_bodies(rule, backend)
    except NoNormalFormError:
        bodies = [_body_as_written(rule)]
    if rule.shape.command and rule.shape.command.option.name == "-I":
        bodies.reverse()
    head = f"-A {quote(chain)}"
    return [f"{head} {body}" if body else head for body in bodies]


def _body_as_written(rule: Rule) -> str:
    """The rule's words without its command, one blank between them."""
    node, command = rule.line.node, rule.shape.command
    if not isinstance(node, RuleLine) or command is None:
        return ""
    values = iter(node.values)
    found: list[str] = []
    glued = ""
    for place, item in enumerate(node.pattern.items):
        text = glued + (next(values) if item.text is None else item.text)
        glued = text if item.form is Form.ASSIGNMENT else ""
        if not glued and not command.item <= place <= command.item + len(command.operands):
            found.append(quote(text))
    return " ".join(found)
