"""Files that belong to no machine's tree, and standard input: their texts, and which of them are one machine."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ruleset_lint.gather.files import Problem, UnreadableError, read, text_of
from ruleset_lint.gather.kinds import Kind, is_script, kind_of_path, kind_of_text
from ruleset_lint.gather.options import Options
from ruleset_lint.gather.tree import Source
from ruleset_lint.model.blocks import family_of

_UNKNOWN = "neither a ruleset in the format of iptables-save nor a file that belongs to one"
_SCRIPT = "a script cannot be read: run it, and check what iptables-save prints then"

Result = Source | Problem


def read_all(paths: Iterable[str], texts: Mapping[str, str]) -> Iterator[Result]:
    """The files of some paths, each once; `texts` stand in place of files."""
    for path in dict.fromkeys(paths):
        try:
            text = texts[path] if path in texts else read(Path(path))
        except UnreadableError as error:
            yield Problem(path, str(error))
        else:
            yield recognised(path, text)


def standard_input(data: bytes, path: str, texts: Mapping[str, str]) -> Result:
    """What came through standard input, which stands for the file at `path`."""
    try:
        return recognised(path, texts[path] if path in texts else text_of(data), "standard input")
    except UnreadableError as error:
        return Problem(path, str(error))


def recognised(path: str, text: str, what: str = "file") -> Result:
    """A text with its kind; a problem if there is nothing in it, or nothing that is known here."""
    if not text.strip():
        return Problem(path, f"{what} is empty: nothing to check")
    promised = kind_of_path(path)
    kind = promised or kind_of_text(text)
    if promised is None and kind in (None, Kind.SERVICE) and is_script(text):
        return Problem(path, _SCRIPT)
    return Problem(path, _UNKNOWN) if kind is None else Source(path, kind, text)


def machines(sources: Sequence[Source], options: Options) -> list[list[Source]]:
    """Files that were given together, as machines: one, unless two of them claim the same place on it.

    Then files are machines by their names: `web.v4` and `web.v6` are one.
    """
    if _fit_together(sources, options):
        return [list(sources)] if sources else []
    named: dict[str, list[Source]] = {}
    for source in sources:
        named.setdefault(_without_family(source.path), []).append(source)
    pairs = [group for group in named.values() if len(group) > 1 and _are_families(group, options)]
    paired = {source.path for pair in pairs for source in pair}
    return [*pairs, *([source] for source in sources if source.path not in paired)]


def _fit_together(sources: Sequence[Source], options: Options) -> bool:
    claims = Counter(claim for source in sources if (claim := _claim(source, options)))
    return max(claims.values(), default=0) <= 1


def _are_families(group: Sequence[Source], options: Options) -> bool:
    """Whether all of them are rulesets, one of a family."""
    return all(source.kind is Kind.RULESET for source in group) and _fit_together(group, options)


def _without_family(path: str) -> str:
    """The path as it would be for both families: web.v4 and web.v6, iptables-web and ip6tables-web, db and db6."""
    return re.sub(r"(?<=ip)[46](?=tables)|(?:ip)?v[46]|(?<=[a-z_.-])[46](?=[._-]|$)", "", path.lower())


def _claim(source: Source, options: Options) -> tuple[Kind, int] | None:
    if source.kind is Kind.RULESET:
        return source.kind, options.family or family_of(source.path, source.text)
    return (source.kind, 0) if source.kind is Kind.CONNTRACK else None
