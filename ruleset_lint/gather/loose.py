"""Files that belong to no machine's tree, and standard input: their texts, and which of them are one machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ruleset_lint.gather.files import Problem, UnreadableError, read, text_of
from ruleset_lint.gather.kinds import Kind, kind_of_path, kind_of_text
from ruleset_lint.gather.options import Options
from ruleset_lint.gather.tree import Source
from ruleset_lint.model.blocks import family_of

_UNKNOWN = "neither a ruleset in the format of iptables-save nor a file that belongs to one"

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
    kind = kind_of_path(path) or kind_of_text(text)
    return Problem(path, _UNKNOWN) if kind is None else Source(path, kind, text)


def machines(sources: Sequence[Source], options: Options) -> list[list[Source]]:
    """Files that were given together, as machines: one, unless two of them claim the same place on it."""
    claims = Counter(claim for source in sources if (claim := _claim(source, options)))
    if max(claims.values(), default=0) > 1:
        return [[source] for source in sources]
    return [list(sources)] if sources else []


def _claim(source: Source, options: Options) -> tuple[Kind, int] | None:
    if source.kind is Kind.RULESET:
        return source.kind, options.family or family_of(source.path, source.text)
    return (source.kind, 0) if source.kind is Kind.CONNTRACK else None
