"""Options in modprobe.d as they were meant."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from ruleset_lint.lint import Edit, Span
from ruleset_lint.model.settings import ModuleOptions, Setting

_MODULE = re.compile(r"(?:[ \t]|\\\n)*options(?:[ \t]|\\\n)+((?:[^\s\\]|\\[^\n])+)")
_NETFILTER = ("nf_", "ip_", "ip6", "ipt_", "xt_", "x_tables", "br_netfilter", "ebt", "arpt")


class Spaced(NamedTuple):
    """An option with blanks around its `=`: its words, and the value that was meant, empty where there is none."""

    module: str
    name: str
    value: str
    words: tuple[Setting, ...]

    @property
    def span(self) -> Span:
        """From the name to the value."""
        return Span(self.words[0].span.start, self.words[-1].span.end)

    @property
    def meant(self) -> str:
        """The option without blanks."""
        return f"{self.name}={self.value}"


def spaced(modprobe: ModuleOptions) -> Iterator[Spaced]:
    """The options of netfilter modules that are written with blanks around their `=`."""
    for (module, _), group in groupby(modprobe.all, key=lambda pair: (pair[0], id(pair[1].line))):
        words = tuple(option for _, option in group) if module.startswith(_NETFILTER) else ()
        start = 0
        while start < len(words):
            found = _spaced_at(module, words[start : start + 3])
            if found:
                yield found
            start += len(found.words) if found else 1


def _spaced_at(module: str, words: Sequence[Setting]) -> Spaced | None:
    first, second, third = (*words, None, None)[:3]
    if first is None or second is None or second.value is not None:
        return None
    if first.value == "":  # name= value
        return Spaced(module, first.key, second.key, (first, second))
    if first.value is not None or not second.key.startswith("="):
        return None
    if second.key != "=":  # name =value
        return Spaced(module, first.key, second.key[1:], (first, second))
    if third is None or third.value is not None:
        return Spaced(module, first.key, "", (first, second))
    return Spaced(module, first.key, third.key, (first, second, third))


def removal(option: Setting) -> Edit:
    """The edit that takes an option out: with its line if it is the only one there, else with what joins it."""
    document, (start, end) = option.document, option.line.span
    rest = document.text[start : option.span.start] + document.text[option.span.end : end]
    if len(rest.split()) <= 2:
        return Edit(option.line.span, "")
    before = document.text[start : option.span.start].rstrip(" \t").removesuffix("\\\n").rstrip(" \t")
    return Edit(Span(start + len(before), option.span.end), "")


def module_span(option: Setting) -> Span:
    """Where the name of the module stands that an option is for."""
    start, end = option.line.span
    found = _MODULE.match(option.document.text, start, end)
    return Span(found.start(1), found.end(1)) if found else option.span
