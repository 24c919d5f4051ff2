"""modprobe.d as a conntrack table of a given size needs it. Knows not how large it should be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ruleset_lint.model.host import Host
from ruleset_lint.model.settings import Setting, module_name
from ruleset_lint.netfilter.modules import alias_of, gone, parameters
from ruleset_lint.netfilter.releases import Profile
from ruleset_lint.rewrite.new_file import Addition, Change, relative_path, whole_line
from ruleset_lint.rewrite.sizes.carriers import core_module
from ruleset_lint.rewrite.sizes.table_plan import CORE, TablePlan
from ruleset_lint.syntax.document import Document, Line
from ruleset_lint.syntax.modprobe import Options
from ruleset_lint.text import Edit, Span


class _Word(NamedTuple):
    name: str
    value: str | None

    def __str__(self) -> str:
        return self.name if self.value is None else f"{self.name}={self.value}"


class ModprobeChanges(NamedTuple):
    """Edits, and lines to add."""

    changes: tuple[Change, ...]
    additions: tuple[Addition, ...]


def modprobe_changes(host: Host, profiles: Sequence[Profile], table: TablePlan) -> ModprobeChanges:
    """What to change so that the core module gets its hashsize when it loads, and loads."""
    core = core_module(profiles[-1])
    buckets = str(table.size.buckets) if table.size else None
    lines = _option_lines(host)
    carriers = [line for _, line in lines if any(word.name == "hashsize" for word in _words(line))]
    changes = [
        change
        for place in lines
        for change in _line_changes(place, profiles, buckets if place[1] in carriers[-1:] else None)
    ]
    additions = []
    if buckets is not None and not carriers:
        reason = f"the table gets {buckets} buckets when {core} loads; an initramfs that loads it is to be built anew"
        additions.append(Addition(profiles[-1].paths.modprobe_file, f"options {core} hashsize={buckets}", reason))
    return ModprobeChanges(tuple(changes), tuple(additions))


def _option_lines(host: Host) -> list[tuple[Document[object], Line[object]]]:
    """The lines with options of the core modules, each once, in order."""
    found: dict[tuple[str, int], Setting] = {}
    for module, option in host.modprobe.all if host.modprobe else ():
        editable = not host.root or relative_path(option.document, host.root).startswith("etc/")
        if module in CORE and editable:
            found.setdefault((option.document.path, option.line.number), option)
    return [(option.document, option.line) for option in found.values()]


def _words(line: Line[object]) -> list[_Word]:
    """The options that were meant: `name = value`, `name= value` and `name =value` are one."""
    node = line.node
    if not isinstance(node, Options):
        return []
    meant: list[_Word] = []
    waiting = False
    for option in node.options:
        name, value = option.name, option.value
        if value is None and name.startswith("=") and meant and meant[-1].value is None:
            meant[-1] = _Word(meant[-1].name, name[1:])
            waiting = name == "="
        elif value is None and waiting and meant:
            meant[-1] = _Word(meant[-1].name, name)
            waiting = False
        else:
            meant.append(_Word(name, value))
            waiting = value == ""
    return meant


def _line_changes(
    place: tuple[Document[object], Line[object]], profiles: Sequence[Profile], buckets: str | None
) -> Iterator[Change]:
    """What is wrong with one line of options; `buckets` if it is the one that says how many."""
    document, line = place
    core = core_module(profiles[-1])
    node = line.node
    if not isinstance(node, Options):
        return
    words = _words(line)
    kept = [word for word in words if not _is_dead_maximum(word, profiles, core)]
    if buckets is not None:
        kept = [_Word("hashsize", buckets) if word.name == "hashsize" else word for word in kept]
    start = line.span.start
    words_span = Span(start + node.module.span.start, start + node.options[-1].span.end)
    if not kept:
        yield Change(document, Edit(whole_line(document, words_span), ""), "; ".join(_differences(words, kept, core)))
        return
    module = core if _moves(node.module.text, core, kept, profiles) else node.module.text
    said = [] if module == node.module.text else [f"options for {core} count whatever name it is loaded by"]
    if len(words) != len(node.options):
        said.append("blanks around = make several parameters of one, and the module does not load")
    said += _differences(words, kept, core)
    if said:
        text = " ".join((module, *map(str, kept)))
        yield Change(document, Edit(words_span, text), "; ".join(said))


def _is_dead_maximum(word: _Word, profiles: Sequence[Profile], core: str) -> bool:
    """Whether an option is a sysctl that somebody took for a parameter."""
    known = [parameters(core, profile) or frozenset() for profile in profiles]
    return word.name.endswith("conntrack_max") and not any(word.name in names for names in known)


def _moves(module: str, core: str, words: Sequence[_Word], profiles: Sequence[Profile]) -> bool:
    """Whether options for a name that is no module's own belong to the core module, which is loaded by its own name."""
    known = [parameters(core, profile) or frozenset() for profile in profiles]
    foreign = all(gone(module, profile) or alias_of(module, profile) for profile in profiles)
    return foreign and module_name(module) != core and all(word.name in names for word in words for names in known)


def _differences(words: Sequence[_Word], kept: Sequence[_Word], core: str) -> list[str]:
    """What became of the options, in words."""
    names = [word.name for word in kept]
    said = [f"{word.name} is no parameter of {core} but a sysctl" for word in words if word.name not in names]
    values = dict(kept)
    changed = [word for word in words if word.name in values and values[word.name] != word.value]
    return said + [f"{word.name} was {word.value}, is {values[word.name]}" for word in changed]
