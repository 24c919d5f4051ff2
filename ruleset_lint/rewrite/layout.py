"""Where new chains and rules go in a document, and what of an earlier rewrite leaves it. Knows no service's meaning.

Everything is an edit: text outside the edits stays as it is, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ruleset_lint.model.blocks import Block
from ruleset_lint.model.made import is_own_chain, is_own_rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.syntax.document import Document
from ruleset_lint.syntax.iptables_save import words
from ruleset_lint.syntax.nodes import ChainLine, Node, RuleLine
from ruleset_lint.text import Edit, Span

_NEW_RAW = "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"


@dataclass(frozen=True, slots=True)
class Additions:
    """What is added to one table: chains, their rules, and by built-in chain the rules that go to its top, in order."""

    chains: Sequence[str] = ()
    rules: Sequence[str] = ()
    top: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.chains or self.rules or any(self.top.values()))


def removals(ruleset: Ruleset, unwanted: Sequence[Rule]) -> list[Edit]:
    """Edits that take out what an earlier rewrite made, and rules that are to be replaced."""
    numbers = {rule.line.number for rule in (*unwanted, *filter(is_own_rule, ruleset.rules))}
    others = [rule for rule in ruleset.rules if not is_own_rule(rule)]
    used = {(rule.table, name) for rule in others for name in (rule.chain, rule.jump)}
    numbers |= {
        line.number
        for block in ruleset.blocks
        for line in block.lines
        if isinstance(line.node, ChainLine)
        and is_own_chain(line.node.name)
        and (block.table, line.node.name) not in used
    }
    return [Edit(line.span, "") for line in ruleset.document.lines if line.number in numbers]


def additions(ruleset: Ruleset, tables: Mapping[str, Additions]) -> list[Edit]:
    """Edits that add to tables. Raw goes behind the others: what untracks must not be live before what accepts."""
    edits: list[Edit] = []
    for name, added in tables.items():
        block = _block(ruleset, name)
        if not added or (name == "raw" and _raw_is_early(ruleset)):
            continue
        edits += _in_block(ruleset.document, block, added) if block else [_new_table(ruleset.document, added)]
    return [*edits, *_move_raw(ruleset, tables.get("raw", Additions()))]


def _block(ruleset: Ruleset, table: str) -> Block | None:
    return next((block for block in ruleset.blocks if block.table == table), None)


def _in_block(document: Document[Node], block: Block, added: Additions) -> list[Edit]:
    if _is_plain(block):
        start = _behind_declarations(block)
        return [Edit(Span(start, start), "".join(f"{line}\n" for line in _plain_lines(added)))]
    end = block.commit.span.start if block.commit else len(document.text)
    return [Edit(Span(end, end), "".join(f"{line}\n" for line in _inserting_lines(added)))]


def _is_plain(block: Block) -> bool:
    """Whether declarations come first and rules are only appended, so that what stands first is first in its chain."""
    rules = [line for line in block.lines if isinstance(line.node, RuleLine)]
    last = max((line.number for line in block.lines if isinstance(line.node, ChainLine)), default=0)
    appended = all(words(line.node)[:1] in (["-A"], ["--append"]) for line in rules if isinstance(line.node, RuleLine))
    return appended and all(line.number > last for line in rules)


def _behind_declarations(block: Block) -> int:
    declared = [line for line in block.lines if isinstance(line.node, ChainLine)]
    before = declared[-1] if declared else block.first
    return before.span.end if before else 0


def _plain_lines(added: Additions) -> Iterator[str]:
    yield from (f":{name} - [0:0]" for name in added.chains)
    yield from added.rules
    for lines in added.top.values():
        yield from lines


def _inserting_lines(added: Additions) -> Iterator[str]:
    """The same where rules are inserted and deleted by the file itself: behind all that, by number."""
    yield from (f":{name} - [0:0]" for name in added.chains)
    yield from added.rules
    for hook, lines in added.top.items():
        for number, line in enumerate(lines, 1):
            yield line.replace(f"-A {hook} ", f"-I {hook} {number} ", 1)


def _raw_is_early(ruleset: Ruleset) -> bool:
    names = [block.table for block in ruleset.blocks]
    others = [number for number, name in enumerate(names) if name in ("filter", "mangle")]
    return "raw" in names and bool(others) and names.index("raw") < others[-1]


def _move_raw(ruleset: Ruleset, added: Additions) -> list[Edit]:
    """The raw block, with what is added to it, from where it stands to behind the last of the others."""
    block = _block(ruleset, "raw")
    if not added or not _raw_is_early(ruleset) or block is None or block.first is None or block.commit is None:
        return []
    span = Span(block.first.span.start, block.commit.span.end)
    text = ruleset.document.source(span)
    for edit in _in_block(ruleset.document, block, added):
        place = edit.span.start - span.start
        text = text[:place] + edit.text + text[place:]
    end = max(other.commit.span.end for other in ruleset.blocks if other.commit)
    return [Edit(span, ""), Edit(Span(end, end), text)]


def _new_table(document: Document[Node], added: Additions) -> Edit:
    end = len(document.text)
    gap = "" if document.text.endswith("\n") or not document.text else "\n"
    text = _NEW_RAW + "".join(f"{line}\n" for line in _plain_lines(added)) + "COMMIT\n"
    return Edit(Span(end, end), gap + text)
