"""What runs at this moment: the conntrack variables of a live machine, or of a snapshot of its /proc and /sys.

Knows not what was meant to run.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ruleset_lint.model.origin import Setting
from ruleset_lint.syntax.document import Blank, Document, Line
from ruleset_lint.text import Span

_VARIABLE = re.compile(r"(?:^|/)proc/sys/(net/(?:netfilter/nf|ipv4/netfilter/ip)_conntrack_[a-z0-9_]{1,60})$")
_HASHSIZE = re.compile(r"(?:^|/)sys/module/(?:nf|ip)_conntrack/parameters/hashsize$")
_MEMORY = re.compile(r"MemTotal:[ \t]+([0-9]{1,12}) kB")
_NUMBER = re.compile(r"[0-9]{1,18}")


class Running(NamedTuple):
    """Conntrack variables by their dotted keys, the buckets of the table, and bytes of RAM; None or absent if not seen.

    Variables of which the value is no number are left out.
    """

    variables: Mapping[str, Setting]
    hashsize: Setting | None = None
    memory: int | None = None

    def value(self, key: str) -> int | None:
        """The number that a variable has."""
        found = self.variables.get(key)
        return int(found.value or "") if found else None

    @property
    def buckets(self) -> int | None:
        """How many buckets the table has: by the parameter of its module, which root alone can read, else by sysctl."""
        if self.hashsize:
            return int(self.hashsize.value or "")
        found = (self.value(f"net.{form}_conntrack_buckets") for form in ("netfilter.nf", "ipv4.netfilter.ip"))
        return next((value for value in found if value is not None), None)


def running(texts: Mapping[str, str], listed: Iterable[Setting] = ()) -> Running | None:
    """What files of /proc and /sys say, by their paths; None if they say nothing that is asked for here.

    `listed` is what `sysctl -a` said; what a file says counts more.
    """
    variables = {setting.key: setting for setting in listed if _is_variable(setting)}
    hashsize, memory = None, None
    for path, text in texts.items():
        if found := _VARIABLE.search(path):
            key = found[1].replace("/", ".")
            setting = _setting(key, path, text)
            variables |= {key: setting} if setting else {}
        elif _HASHSIZE.search(path):
            hashsize = _setting("hashsize", path, text)
        elif total := _MEMORY.search(text):
            memory = int(total[1]) << 10
    return Running(variables, hashsize, memory) if variables or hashsize or memory is not None else None


def _is_variable(setting: Setting) -> bool:
    path = f"proc/sys/{setting.key.replace('.', '/')}"
    return bool(_VARIABLE.search(path) and _NUMBER.fullmatch(setting.value or ""))


def _setting(key: str, path: str, text: str) -> Setting | None:
    """The number that is all of a file."""
    value = text.strip()
    if not _NUMBER.fullmatch(value):
        return None
    line: Line[object] = Line(1, Span(0, len(text)), Blank())
    span = Span(text.index(value), text.index(value) + len(value))
    return Setting(key, value, Document(path, text, (line,)), line, span, span)
