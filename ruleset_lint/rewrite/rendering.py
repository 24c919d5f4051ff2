"""Templates filled so that nothing a file says becomes a command or a mark-up. Knows no template's meaning.

A value goes into a text only if it is a number, a plain word that means itself in a shell and in Markdown, or has been
through a filter that quotes it for where it stands: `sh`, `md`, `code`. Anything else is an error.
"""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from ruleset_lint.text import safe

_TEMPLATES = Path(__file__).parent / "templates"
_WORD = re.compile(r"[A-Za-z0-9_/-][A-Za-z0-9_./-]*")
_MARKUP = re.compile(r"[\\`*_\[\]<>|~#&!]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class UnquotedError(ValueError):
    """A value was about to go into a text without being quoted for it."""


class Quoted(str):
    """A text that is quoted for the place where it goes."""

    __slots__ = ()


def render(template: str, values: Mapping[str, object]) -> str:
    """A template of this package filled with values. Raises UnquotedError, jinja2.UndefinedError."""
    return _environment().get_template(template).render(values)


def shell_word(value: str) -> Quoted:
    """One word of a shell script, whatever it holds. Raises UnquotedError for control characters."""
    if _CONTROL.search(value):
        raise UnquotedError(f"{value!r} has control characters, which no script gets")
    return Quoted(shlex.quote(value))


def markdown(value: str) -> Quoted:
    """Running text of Markdown that shows the value as it is, on one line."""
    return Quoted(_MARKUP.sub(lambda found: "\\" + found[0], safe(value)))


def markdown_code(value: str) -> Quoted:
    """The value as code in Markdown, on one line: between more backquotes than it has."""
    shown = safe(value)
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    gap = " " if shown[:1] == "`" or shown[-1:] == "`" else ""
    return Quoted(f"{fence}{gap}{shown}{gap}{fence}")


def checked(value: object) -> object:
    """The value, if it may go into a text. Raises UnquotedError."""
    if isinstance(value, Quoted) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, str) and _WORD.fullmatch(value):
        return value
    raise UnquotedError(f"{value!r} is neither a number nor a plain word, and not quoted")


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        autoescape=select_autoescape((), default=False),  # none of them is HTML
        finalize=checked,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(sh=shell_word, md=markdown, code=markdown_code)
    return environment
